"""Other ways to choose pixels: spread evenly, any pixel, one patch, the hard ones; and strata that need no labels.

Shapes: B images, H x W pixels, n points an image.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.checks import check_real, check_tensor, unexpected
from pixelnet_edu.sampling.allocation import allocate, fill_shares
from pixelnet_edu.sampling.drawing import PixelSample, draw, points_of, read_at, uniform_like
from pixelnet_edu.sampling.samplers import StratifiedSampler, UniformSampler
from pixelnet_edu.sampling.strata import count_strata, one_stratum


class SpatialSampler:
    """Draw from every cell of a grid in proportion to its valid pixels: no part of the image is left to luck.

    Parameters
    ----------
    rows, columns : int
        Cells of the grid.

    Examples
    --------
    >>> sample = SpatialSampler(1, 2)(torch.ones(1, 4, 8, dtype=torch.bool), 6, torch.Generator().manual_seed(0))
    >>> int((sample.points[0, :, 0] < 4).sum())
    3
    """

    def __init__(self, rows: int = 8, columns: int = 8) -> None:
        self.rows, self.columns = rows, columns

    def __call__(self, strata: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` valid pixels of each map (B, H, W): boolean, or of strata in which 255 is void.

        Raises
        ------
        ValueError
            If an image has fewer than ``n`` valid pixels, or more cells with valid pixels than ``n``.
        """
        valid = one_stratum(strata) != VOID
        H, W = valid.shape[1:]
        cells = spatial_strata(H, W, self.rows, self.columns).to(strata.device)
        return StratifiedSampler("proportional")(cells.where(valid, VOID), n, generator)


class AnyPixelSampler:
    """Draw from all pixels, void ones too, which a loss leaves out: so that most or all of an image can be drawn.

    The other samplers draw valid pixels only, and an image with fewer than ``n`` of them cannot be used.

    Examples
    --------
    >>> labels = torch.tensor([[[0, 1, 255]]])
    >>> AnyPixelSampler()(labels, 3, torch.Generator().manual_seed(0)).points[0, :, 0].sort()[0]
    tensor([0., 1., 2.])
    """

    least_valid = 1  # pixels that an image must have, though more are drawn

    def __call__(self, strata: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels of each map (B, H, W), boolean or of strata; ValueError for an image that is all void."""
        if not (one_stratum(strata) != VOID).flatten(1).any(1).all():
            raise unexpected("strata", "an image without a valid pixel", "at least one", "leave the image out")
        return UniformSampler()(torch.ones_like(strata, dtype=torch.bool), n, generator)


class PatchSampler:
    """Draw one contiguous window an image: the least diverse sample of a given size.

    The window has the image's shape and about ``n`` pixels; all windows with at least ``n`` valid pixels are equally
    likely, and where void pixels leave none, the window grows. A valid pixel that no such window holds is never drawn.

    Examples
    --------
    >>> sample = PatchSampler()(torch.ones(1, 8, 8, dtype=torch.bool), 4, torch.Generator().manual_seed(0))
    >>> (sample.points.amax(1) - sample.points.amin(1)).tolist()
    [[1.0, 1.0]]
    """

    def __call__(self, valid: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels from one window of each valid map (B, H, W)."""
        strata = one_stratum(valid)
        sizes = count_strata(strata, 1)
        quotas = allocate(sizes, n)
        (h, w), counts = self._window(strata == 0, n)
        admissible = counts >= n  # (B, H-h+1, W-w+1): one entry a window, at its top left corner
        start = (uniform_like(admissible, generator) * admissible).flatten(1).argmax(1)
        top, left = start // admissible.shape[2], start % admissible.shape[2]
        inside = self._inside(strata, top, left, h, w)
        window = strata.where(inside, VOID)
        points, _ = draw(window, count_strata(window, 1), quotas, generator)
        weights = torch.where(admissible, n / counts.clamp(min=1), 0.0) / admissible.sum((1, 2), keepdim=True)
        padded = F.pad(weights, (w - 1, w - 1, h - 1, h - 1))
        return PixelSample(points, read_at(_box_sums(padded, h, w), points).float())

    @staticmethod
    def _window(valid: Tensor, n: int) -> tuple[tuple[int, int], Tensor]:
        """Find the smallest window that holds ``n`` valid pixels somewhere in every image, and their numbers."""
        H, W = valid.shape[1:]
        h = min(H, max(round((n * H / W) ** 0.5), -(-n // W)))
        w = min(W, -(-n // h))
        while not ((counts := _box_sums(valid, h, w).round()) >= n).flatten(1).any(1).all():
            h, w = min(H, h + 1), min(W, w + 1)
        return (h, w), counts

    @staticmethod
    def _inside(strata: Tensor, top: Tensor, left: Tensor, h: int, w: int) -> Tensor:
        """Mark the pixels of one window an image, (B, H, W)."""
        y = torch.arange(strata.shape[1], device=strata.device).view(1, -1, 1) - top.view(-1, 1, 1)
        x = torch.arange(strata.shape[2], device=strata.device).view(1, 1, -1) - left.view(-1, 1, 1)
        return (y >= 0) & (y < h) & (x >= 0) & (x < w)


class HardPixelSampler:
    """Draw pixels in proportion to their difficulty, mixed with a uniform share that reaches every pixel.

    Systematic sampling with probability proportional to size: the probabilities are exact, so weighting by their
    inverse keeps an estimate unbiased.

    Parameters
    ----------
    uniform_share : float
        Share of the sample that is spread evenly; above 0, so that no valid pixel is out of reach.

    Examples
    --------
    >>> difficulty = torch.tensor([[[0.0, 0.0, 0.0, 9.0]]])
    >>> sample = HardPixelSampler()(difficulty, 2, torch.Generator().manual_seed(0))
    >>> sample.points[0, -1].tolist(), round(float(sample.probabilities[0, -1]), 2)
    ([3.0, 0.0], 1.0)
    """

    wants_losses = True  # of the pixels, instead of their labels

    def __init__(self, uniform_share: float = 0.25) -> None:
        check_real("uniform_share", uniform_share, 1e-9, 1 + 1e-9)
        self.uniform_share = uniform_share

    def __call__(self, difficulty: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels of each map (B, H, W) of losses or uncertainties; a negative value is void."""
        check_tensor("difficulty", difficulty)
        if difficulty.dim() != 3 or not difficulty.is_floating_point() or not difficulty.numel():
            found = f"{difficulty.dtype} of shape {tuple(difficulty.shape)}"
            raise ValueError(f"difficulty: found {found}, expected floating point of shape (B, H, W), such as losses")
        if not difficulty.isfinite().all():
            cure = "of a training that diverges, lower learning_rate"
            raise unexpected("difficulty", "a value that is not finite", "losses, or a negative value for void", cure)
        valid = (difficulty >= 0).flatten(1)
        hard = difficulty.flatten(1).double().clamp(min=0)
        hard = hard / hard.sum(1, keepdim=True).clamp(min=1e-12)
        even = valid / valid.sum(1, keepdim=True).clamp(min=1)
        shares = (1 - self.uniform_share) * hard + self.uniform_share * even
        probabilities = fill_shares(shares, valid.long(), n)
        total = probabilities.cumsum(1)
        total = total * (n / total[:, -1:])
        start = uniform_like(total[:, :1], generator).double()
        chosen = torch.searchsorted(total, start + torch.arange(n, device=total.device), right=True)
        return PixelSample(points_of(chosen, difficulty.shape[2]), probabilities.gather(1, chosen).float())


def spatial_strata(height: int, width: int, rows: int, columns: int) -> Tensor:
    """Divide an image into a grid of strata, (H, W) int64, numbered row by row.

    Raises
    ------
    ValueError
        For more than 255 cells, or more rows or columns than pixels.

    Examples
    --------
    >>> spatial_strata(2, 4, rows=1, columns=2).tolist()
    [[0, 0, 1, 1], [0, 0, 1, 1]]
    """
    if rows * columns > VOID or not (1 <= rows <= height and 1 <= columns <= width):
        raise ValueError(f"rows, columns: found {rows} x {columns}, expected at most 255 cells and one pixel in each")
    row = torch.arange(height) * rows // height
    column = torch.arange(width) * columns // width
    return row[:, None] * columns + column


def color_strata(image: Tensor, num_strata: int, seed: int = 0) -> Tensor:
    """Divide an image into clusters of similar colour by k-means, (3, H, W) -> (H, W) int64.

    Raises
    ------
    ValueError
        For less than 1 or more than 255 strata.

    Examples
    --------
    >>> image = torch.zeros(3, 1, 4)
    >>> image[:, 0, 2:] = 1
    >>> color_strata(image, 2)[0].bincount().tolist()
    [2, 2]
    """
    from scipy.cluster.vq import kmeans2

    if not 1 <= num_strata <= VOID:
        raise ValueError(f"num_strata: found {num_strata}, expected 1 to {VOID}")
    pixels = image.flatten(1).T.double().cpu().numpy()
    _, cluster = kmeans2(pixels, num_strata, minit="++", rng=seed)
    return torch.from_numpy(cluster).long().view(image.shape[1:])


def _box_sums(maps: Tensor, h: int, w: int) -> Tensor:
    """Sum every h x w window of maps (B, H, W), (B, H-h+1, W-w+1), by an integral image."""
    total = F.pad(maps.double().cumsum(1).cumsum(2), (1, 0, 1, 0))
    return total[:, h:, w:] - total[:, :-h, w:] - total[:, h:, :-w] + total[:, :-h, :-w]
