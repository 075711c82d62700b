"""Samplers that look at where pixels are: one that spreads them evenly, one that takes any of them, void ones too.

Shapes: B images, H x W pixels, n points an image.
"""

import torch
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.sampling.drawing import PixelSample
from pixelnet_edu.sampling.samplers import StratifiedSampler, UniformSampler
from pixelnet_edu.sampling.strata import spatial_strata


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
        valid = strata if strata.dtype == torch.bool else strata != VOID
        cells = spatial_strata(*strata.shape[1:], self.rows, self.columns).to(strata.device)
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

    draws_void = True

    def __call__(self, strata: Tensor, n: int, generator: torch.Generator | None = None) -> PixelSample:
        """Draw ``n`` pixels of each map (B, H, W)."""
        return UniformSampler()(torch.ones_like(strata, dtype=torch.bool), n, generator)
