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
from torch import Tensor

from pixelnet_edu.checks import check_real, check_tensor, check_whole
from pixelnet_edu.sampling.allocation import allocate
from pixelnet_edu.sampling.drawing import PixelSample, draw
from pixelnet_edu.sampling.strata import as_strata, count_strata, one_stratum

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
        """Draw ``n`` pixels of each valid map (B, H, W); ValueError if an image has fewer."""
        strata = one_stratum(valid)
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
    TypeError, ValueError
        For an unknown allocation, counts that are no whole numbers from 0 on, or spreads that are negative or not
        finite, as the standard deviation of one value is.

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
        for k, count in enumerate(() if isinstance(allocation, str) else allocation):
            check_whole(f"allocation, stratum {k}", count, least=0)
        for k, spread in enumerate(spreads if spreads is not None else ()):
            check_real(f"spreads, stratum {k}", spread, 0)
        if not len(allocation) or (spreads is not None and not len(spreads)):
            raise ValueError("allocation, spreads: found no stratum, expected at least one")
        self.allocation, self.spreads = allocation, spreads

    def __call__(self, strata: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels of each map of strata (B, H, W).

        ValueError if an image has fewer or more strata than that, or the fixed counts do not add up to it.
        """
        strata = as_strata(strata)
        given = self.spreads if self.spreads is not None else self.allocation
        sizes = count_strata(strata, None if isinstance(given, str) else len(given))
        return draw(strata, sizes, allocate(sizes, n, self._shares(sizes, n)), generator)

    def _shares(self, sizes: Tensor, n: int) -> Tensor:
        """Return the relative share of each stratum, (B, S)."""
        powers = {"equal": 0.0, "square-root": 0.5, "proportional": 1.0}
        if self.spreads is not None:  # "neyman"
            return sizes * torch.tensor(self.spreads, dtype=torch.float64, device=sizes.device).clamp(min=1e-12)
        if isinstance(self.allocation, str):
            return sizes.double().pow(powers[self.allocation]) * (sizes > 0)
        if sum(self.allocation) != n:
            raise ValueError(f"n: found {n}, expected {sum(self.allocation)}, the sum of the counts {self.allocation}")
        return torch.tensor(self.allocation, dtype=torch.float64, device=sizes.device).expand(sizes.shape)


class BalancedSampler:
    """Draw a fixed share of edge pixels (1) and the rest from the others (0); void is 255.

    ``positive_share`` of the sample, between 0 and 1, comes from the edge pixels, as far as there are enough.

    Examples
    --------
    >>> edges = torch.zeros(1, 10, 10, dtype=torch.long)
    >>> edges[0, 4] = 1
    >>> sample = BalancedSampler()(edges, 8, torch.Generator().manual_seed(0))
    >>> int((sample.points[0, :, 1] == 4).sum())
    4
    """

    def __init__(self, positive_share: float = 0.5) -> None:
        check_real("positive_share", positive_share, 1e-9, 1)
        self.positive_share = positive_share

    def __call__(self, edges: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels of each edge map (B, H, W), int64 or bool."""
        edges = check_tensor("edges", edges)
        strata = as_strata(edges.long() if edges.dtype == torch.bool else edges)  # of a boolean map, True is edge
        sizes = count_strata(strata, 2)
        shares = torch.tensor([1 - self.positive_share, self.positive_share], dtype=torch.float64, device=sizes.device)
        return draw(strata, sizes, allocate(sizes, n, shares.expand(sizes.shape)), generator)
