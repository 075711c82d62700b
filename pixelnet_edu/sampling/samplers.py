"""Which pixels to train on: samplers without replacement that know every pixel's inclusion probability.

A sampler is called as ``sampler(map, n, generator=g)`` with one map an image: a boolean map of valid pixels, or a map
of strata (class labels, colour clusters, grid cells) in which 255 is void. It returns ``n`` points an image and the
probability with which each was drawn, so that any average over pixels can be estimated without bias.
Source: the paper draws a fixed number of pixels an image, and its released code draws them uniformly (PixelNet, arXiv
1702.06506); allocations from survey sampling: Neyman, JRSS 1934; the estimator: Horvitz and Thompson, JASA 1952.

Shapes: B images, H x W pixels, n points an image, S strata.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.sampling.drawing import PixelSample, draw, points_of, read_at, uniform_like
from pixelnet_edu.sampling.strata import allocate, count_strata, fill_shares

ALLOCATIONS = ("proportional", "square-root", "equal", "neyman")


class UniformSampler:
    """Draw valid pixels with equal probability, as the paper's released code does.

    Examples
    --------
    >>> sample = UniformSampler()(torch.ones(2, 4, 5, dtype=torch.bool), 3, torch.Generator().manual_seed(0))
    >>> sample.points.shape, sample.probabilities[0]
    (torch.Size([2, 3, 2]), tensor([0.1500, 0.1500, 0.1500]))
    """

    def __call__(self, valid: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels of each valid map (B, H, W).

        Raises
        ------
        ValueError
            If an image has fewer than ``n`` valid pixels.
        """
        strata = _one_stratum(valid)
        sizes = count_strata(strata, 1)
        return draw(strata, sizes, allocate(sizes, n), generator)


class StratifiedSampler:
    """Draw a share of each stratum: no class is left to luck.

    Parameters
    ----------
    allocation : "proportional", "square-root", "equal", "neyman" or a sequence of int
        How many pixels of each stratum: as many as its share of the image; in proportion to the square root of its
        size, half way to equal (Bankier, The American Statistician 1988); the same number; in proportion to size
        times spread (Neyman's, the smallest variance); or fixed counts, such as ``(10, 5, 2)``. Each stratum that an
        image has gives at least one pixel (unless its fixed count is 0); a stratum smaller than its share gives what
        it has, and the rest is shared among the others.
    spreads : sequence of float, optional
        Standard deviation of the value of interest in each stratum, for "neyman".

    Raises
    ------
    ValueError
        For an unknown allocation, or spreads given without "neyman" or missing with it.

    Examples
    --------
    >>> labels = torch.tensor([[[0] * 10 + [1] * 5 + [2] * 2]])
    >>> sample = StratifiedSampler("equal")(labels, 6, torch.Generator().manual_seed(0))
    >>> labels[0, 0, sample.points[0, :, 0].long()].bincount().tolist()
    [2, 2, 2]
    """

    def __init__(
        self, allocation: str | Sequence[int] = "proportional", spreads: Sequence[float] | None = None
    ) -> None:
        if isinstance(allocation, str) and allocation not in ALLOCATIONS:
            raise ValueError(f"allocation: found {allocation!r}, expected one of {ALLOCATIONS} or a sequence of counts")
        if (allocation == "neyman") != (spreads is not None):
            raise ValueError("spreads: give the spread of each stratum with allocation='neyman', and only then")
        if not isinstance(allocation, str) and min(allocation) < 0:
            raise ValueError(f"allocation: found {tuple(allocation)}, expected counts of at least 0")
        self.allocation, self.spreads = allocation, spreads

    def __call__(self, strata: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels of each map of strata (B, H, W).

        Raises
        ------
        ValueError
            If an image has fewer than ``n`` pixels to draw from or more strata than ``n``, or the fixed counts do not
            add up to ``n``.
        """
        strata = _strata(strata)
        given = self.spreads if self.spreads is not None else self.allocation
        sizes = count_strata(strata, None if isinstance(given, str) else len(given))
        return draw(strata, sizes, allocate(sizes, n, self._shares(sizes, n)), generator)

    def _shares(self, sizes: Tensor, n: int) -> Tensor:
        """Return the relative share of each stratum, (B, S)."""
        if self.allocation == "proportional":
            return sizes.double()
        if self.allocation == "square-root":
            return sizes.double().sqrt()
        if self.allocation == "equal":
            return (sizes > 0).double()
        if self.allocation == "neyman":
            return sizes * torch.tensor(self.spreads, dtype=torch.float64, device=sizes.device).clamp(min=1e-12)
        if sum(self.allocation) != n:
            raise ValueError(f"n: found {n}, expected {sum(self.allocation)}, the sum of the counts {self.allocation}")
        return torch.tensor(self.allocation, dtype=torch.float64, device=sizes.device).expand(sizes.shape)


class BalancedSampler:
    """Draw a fixed share of edge pixels (1) and the rest from the others (0); void is 255.

    Parameters
    ----------
    positive_share : float
        Share of the sample that is drawn from the edge pixels, as far as there are enough.

    Examples
    --------
    >>> edges = torch.zeros(1, 10, 10, dtype=torch.long)
    >>> edges[0, 4] = 1
    >>> sample = BalancedSampler()(edges, 8, torch.Generator().manual_seed(0))
    >>> int((sample.points[0, :, 1] == 4).sum())
    4
    """

    def __init__(self, positive_share: float = 0.5) -> None:
        if not 0 < positive_share < 1:
            raise ValueError(f"positive_share: found {positive_share}, expected a share between 0 and 1")
        self.positive_share = positive_share

    def __call__(self, edges: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels of each edge map (B, H, W)."""
        strata = _strata(edges.long())  # of a boolean map, True is edge
        sizes = count_strata(strata, 2)
        shares = torch.tensor([1 - self.positive_share, self.positive_share], dtype=torch.float64, device=sizes.device)
        return draw(strata, sizes, allocate(sizes, n, shares.expand(sizes.shape)), generator)


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
        strata = _one_stratum(valid)
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
        counts = _box_sums(valid, h, w).round()
        while not (counts >= n).flatten(1).any(1).all():
            h, w = min(H, h + 1), min(W, w + 1)
            counts = _box_sums(valid, h, w).round()
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

    def __init__(self, uniform_share: float = 0.25) -> None:
        if not 0 < uniform_share <= 1:
            raise ValueError(f"uniform_share: found {uniform_share}, expected a share above 0 and at most 1")
        self.uniform_share = uniform_share

    def __call__(self, difficulty: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels of each map (B, H, W) of losses or uncertainties; a negative value is void."""
        if difficulty.dim() != 3 or not difficulty.is_floating_point():
            raise ValueError(
                f"difficulty: found {difficulty.dtype} of shape {tuple(difficulty.shape)}, expected floating point of "
                "shape (B, H, W), such as losses"
            )
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


def horvitz_thompson_mean(values: Tensor, probabilities: Tensor, total: Tensor | int) -> Tensor:
    """Estimate the mean over all ``total`` pixels from drawn ones, without bias: sum(value / probability) / total.

    Parameters
    ----------
    values, probabilities : Tensor (B, n)
        The value of interest at each drawn pixel, and its inclusion probability.
    total : int or Tensor (B,)
        Number of pixels that the mean is over.

    Returns
    -------
    Tensor (B,)

    Examples
    --------
    >>> horvitz_thompson_mean(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.5, 0.5]]), 4)
    tensor([2.])
    """
    return (values / probabilities).sum(-1) / total


def _one_stratum(maps: Tensor) -> Tensor:
    """Check a batch of maps (B, H, W) and merge all valid pixels into stratum 0."""
    strata = _strata(maps)
    return (strata == VOID) * VOID


def _strata(maps: Tensor) -> Tensor:
    """Check a batch of maps (B, H, W) and return it as strata; a boolean map of valid pixels is one stratum."""
    if maps.dim() != 3 or maps.is_floating_point() or maps.numel() == 0:
        raise ValueError(
            f"strata: found {maps.dtype} of shape {tuple(maps.shape)}, expected integers or booleans of shape (B, H, W)"
        )
    return torch.where(maps, 0, VOID) if maps.dtype == torch.bool else maps.long()


def _box_sums(maps: Tensor, h: int, w: int) -> Tensor:
    """Sum every h x w window of maps (B, H, W), (B, H-h+1, W-w+1), by an integral image."""
    total = F.pad(maps.double().cumsum(1).cumsum(2), (1, 0, 1, 0))
    return total[:, h:, w:] - total[:, :-h, w:] - total[:, h:, :-w] + total[:, :-h, :-w]
