"""One-to-one matching of detected boundary pixels with drawn ones that lie close by.

As many pairs as there can be, the nearest ones first. Dinic's algorithm adds what the nearest leave: SciPy's own
bipartite matching may take exponential time, and does on some photographs.

Shapes: N detections, H x W pixels, D displacements within the tolerance.
"""

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow


def partners_within(detections: np.ndarray, drawn: np.ndarray, radius: float) -> np.ndarray:
    """Find the drawn pixels within a distance of each detection.

    Parameters
    ----------
    detections, drawn : bool array (H, W)
        Detected and drawn pixels; both are numbered row by row.
    radius : float
        Largest distance between the centres of two pixels, inclusive, in pixels.

    Returns
    -------
    int32 array (N, D)
        Number of the drawn pixel at each displacement from each detection, or -1; the nearest displacement first.

    Examples
    --------
    >>> partners_within(np.array([[True, False, True]]), np.array([[False, True, True]]), radius=1).tolist()
    [[-1, -1, -1, 0, -1], [1, -1, 0, -1, -1]]
    """
    reach = int(radius)
    dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    squared = dy**2 + dx**2
    nearest = np.argsort(squared, kind="stable")[: (squared <= radius**2).sum()]
    y, x = np.nonzero(detections)
    number = np.full(drawn.shape, -1, dtype=np.int32)
    number[drawn] = np.arange(drawn.sum())
    return np.pad(number, reach, constant_values=-1)[y[:, None] + reach + dy[nearest], x[:, None] + reach + dx[nearest]]


def match(partners: np.ndarray) -> np.ndarray:
    """Match detections one to one with drawn pixels, as many as can be.

    Parameters
    ----------
    partners : int array (N, D)
        As `partners_within` returns it, or some of its rows.

    Returns
    -------
    bool array (N,)
        Which detections have a partner; of all matchings with the most pairs, one that grew from the nearest.

    Examples
    --------
    >>> match(np.array([[0, 1], [-1, 0], [-1, -1]])).tolist()
    [True, True, False]
    """
    matched = (partners >= 0).any(1)
    partners = partners[matched]
    partner = _nearest_first(partners)
    if (partner < 0).any():
        matched[matched] = (partner >= 0) | _gain(partners, partner)
    return matched


def _nearest_first(partners: np.ndarray) -> np.ndarray:
    """Match greedily, displacement after displacement; return each detection's partner or -1, (N,).

    Moved by one displacement, different detections meet different pixels: a column of ``partners`` has no conflicts.
    """
    partner = np.full(len(partners), -1, dtype=np.int32)
    free = np.ones(partners.max(initial=-1) + 2, dtype=bool)
    free[-1] = False
    for pixels in partners.T:
        taken = (partner < 0) & free[pixels]
        partner[taken] = pixels[taken]
        free[pixels[taken]] = False
    return partner


def _gain(partners: np.ndarray, partner: np.ndarray) -> np.ndarray:
    """Return which detections gain a partner when a matching is extended until there cannot be more pairs, (N,).

    The ways to extend it are a flow: from the detections without a partner, over possible pairs, back over chosen ones,
    to the pixels without a partner.
    """
    count, pixels = len(partners), partners.max() + 1
    source, sink = count + pixels, count + pixels + 1
    pair = (partners >= 0) & (partners != partner[:, None])
    chosen, alone = np.flatnonzero(partner >= 0), np.flatnonzero(partner < 0)
    free = np.delete(np.arange(pixels), partner[chosen])
    start = np.concatenate([pair.nonzero()[0], count + partner[chosen], np.full(len(alone), source), count + free])
    end = np.concatenate([count + partners[pair], chosen, alone, np.full(len(free), sink)])
    capacity = csr_array((np.ones(len(start), dtype=np.int32), (start, end)), shape=(sink + 1, sink + 1))
    flow = maximum_flow(capacity, source, sink, method="dinic").flow[[source], :count]
    return flow.toarray()[0] > 0
