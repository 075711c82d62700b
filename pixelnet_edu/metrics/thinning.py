"""Thick soft edges made one pixel thin: across the edge before a benchmark, and by peeling within it.

Source: non-maximum suppression as in the structured edge toolbox (Dollar and Zitnick, TPAMI 2015: edgesDetect.m and
edgesNmsMex.cpp), which most edge networks run before the boundary benchmark; thinning by Guo and Hall, Communications
of the ACM 1989, which the benchmark's ``bwmorph(..., 'thin', Inf)`` stands for.

Shapes: H x W pixels.
"""

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

TOLERANCE = 1.01
BORDER = 5


def non_maximum_suppression(probabilities: Tensor | np.ndarray) -> Tensor:
    """Keep an edge map only where no neighbour across the edge is stronger.

    As the toolbox does it: smooth with a triangle of radius 1; find the direction across the edge from the second
    derivatives of a copy smoothed with radius 4; keep a pixel unless one step to either side, read bilinearly, is
    stronger by more than 1 per cent; fade out the outermost 5 pixels, where networks see padding. Ours is the
    direction: the exact axis of strongest curvature, where the toolbox takes a quotient of second derivatives that is
    off by up to 13 degrees, and by 90 for an edge exactly along the rows.

    Parameters
    ----------
    probabilities : Tensor or array (H, W)
        Edge probabilities in [0, 1].

    Returns
    -------
    Tensor (H, W), float32
        The smoothed probabilities where they are kept, 0 elsewhere. Two pixels side by side stay where they are equal.

    Raises
    ------
    ValueError
        For another number of dimensions, or fewer than 2 x 2 pixels.

    Examples
    --------
    >>> blurred = torch.tensor([0.0, 0.2, 0.6, 0.9, 0.5, 0.1]).repeat(21, 4)
    >>> non_maximum_suppression(blurred)[10, 6:18].nonzero().flatten().tolist()
    [3, 9]
    """
    edges = torch.as_tensor(probabilities).detach().cpu().double().numpy()
    if edges.ndim != 2 or min(edges.shape) < 2:
        raise ValueError(f"probabilities: found shape {edges.shape}, expected (H, W) with at least 2 x 2 pixels")
    edges = _smooth(edges, 1)
    angle = _across(_smooth(edges, 4))
    y, x = np.indices(edges.shape)
    kept = np.ones(edges.shape, dtype=bool)
    for step in (-1, 1):
        beside = [y + step * np.sin(angle), x + step * np.cos(angle)]
        kept &= TOLERANCE * edges >= ndimage.map_coordinates(edges, beside, order=1, mode="nearest")
    return torch.from_numpy(edges * kept * _fade(edges.shape)).float()


def _smooth(edges: np.ndarray, radius: int) -> np.ndarray:
    """Convolve with a triangle along both axes; the map is mirrored at its border."""
    triangle = np.convolve(np.ones(radius + 1), np.ones(radius + 1)) / (radius + 1) ** 2
    return ndimage.convolve1d(ndimage.convolve1d(edges, triangle, axis=0), triangle, axis=1)


def _across(edges: np.ndarray) -> np.ndarray:
    """Return the angle, from x towards y, of the axis along which the map curves most, up or down."""
    dy, dx = np.gradient(edges)
    dyy, dxy = np.gradient(dy)
    dxx = np.gradient(dx, axis=1)
    sign = np.where(dxx + dyy < 0, -1, 1)
    return 0.5 * np.arctan2(sign * 2 * dxy, sign * (dxx - dyy))


def _fade(shape: tuple[int, int]) -> np.ndarray:
    """Return weights that rise from 0 at the outermost pixels to 1 at the ``BORDER``-th."""
    border = min(BORDER, *(n // 2 for n in shape))
    y, x = (np.minimum(np.arange(n), np.arange(n)[::-1]).clip(max=border) / border for n in shape)
    return np.outer(y, x)


def _deletable() -> tuple[np.ndarray, np.ndarray]:
    """Return for each of the 256 neighbourhoods whether its centre goes, in the first and the second half step.

    The eight neighbours are bits, counter-clockwise from the right. A centre goes if it joins one run of neighbours
    only, is no end of a line, and lies on the side that the half step peels; the second peels the opposite side.
    """
    codes = np.arange(256)
    n = [(codes >> bit) & 1 for bit in range(8)]
    after = n[1:] + n[:1]
    runs = sum((1 - n[k]) & (after[k] | n[(k + 2) % 8]) for k in range(0, 8, 2))
    pairs = [n[k] | after[k] for k in range(8)]
    thickness = np.minimum(sum(pairs[0::2]), sum(pairs[1::2]))
    peeled = ((n[1] | n[2] | (1 - n[7])) & n[0]) == 0
    first = (runs == 1) & (thickness >= 2) & (thickness <= 3) & peeled
    turned = (codes >> 4) | (codes << 4 & 255)
    return first, first[turned]


HALF_STEPS = _deletable()


def thin(mask: np.ndarray) -> np.ndarray:
    """Peel a binary map (H, W) until its lines are one pixel thin; lines stay as long and as connected as they were.

    Parameters
    ----------
    mask : bool array (H, W)
        Left as it is.

    Returns
    -------
    bool array (H, W)
        A subset of the mask's pixels.

    Examples
    --------
    >>> thin(np.pad(np.ones((3, 6), dtype=bool), 1))[2].astype(int).tolist()
    [0, 0, 1, 1, 1, 1, 0, 0]
    """
    padded = np.pad(np.ascontiguousarray(mask), 1)  # of a map in column order, flat would be a copy
    width, flat = padded.shape[1], padded.reshape(-1)
    ring = np.array([1, 1 - width, -width, -1 - width, -1, width - 1, width, width + 1])
    pixels, before = np.flatnonzero(flat), -1
    while len(pixels) != before:
        before = len(pixels)
        for deletable in HALF_STEPS:
            codes = np.packbits(flat[pixels[:, None] + ring], axis=1, bitorder="little")[:, 0]
            gone = deletable[codes]
            flat[pixels[gone]] = False
            pixels = pixels[~gone]
    return padded[1:-1, 1:-1]
