"""Hypercolumns: the features of chosen pixels, read from several levels of a backbone and concatenated.

A hypercolumn holds, for one pixel, the bilinearly interpolated features of every level, from fine and local to coarse
and wide. Sparse reading costs four rows a level and point; dense reading builds the whole (C, H, W) volume.
Source: PixelNet (arXiv 1702.06506), sparse predictions; Hariharan et al., CVPR 2015, for the descriptor.

Shapes: B images, N points an image, C channels of all levels together, H x W pixels, h x w cells of one level.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu.geometry import Level, neighbours


def sample_hypercolumns(features: Sequence[Tensor], points: Tensor, levels: Sequence[Level]) -> Tensor:
    """Read the hypercolumns of chosen points; only the four cells around each point are touched.

    Parameters
    ----------
    features : sequence of Tensor (B, C_l, h_l, w_l)
        One feature map a level, as the backbone returns them.
    points : Tensor (B, N, 2)
        Pixel coordinates (x, y); past the border they read the border cell.
    levels : sequence of Level
        Where the cells of each map lie.

    Returns
    -------
    Tensor (B, N, C)
        Channels in the order of ``levels``. Gradients flow to the features, not to the points.

    Raises
    ------
    ValueError
        If there are not as many maps as levels, or a map has other channels than its level.

    Examples
    --------
    >>> ramp = torch.arange(4.0).view(1, 1, 1, 4)
    >>> sample_hypercolumns([ramp], torch.tensor([[[3.5, 0.0]]]), [Level(1, 2, 0.5)])
    tensor([[[1.5000]]])
    """
    _check_features(features, levels)
    return torch.cat([_sample(f, points, level) for f, level in zip(features, levels, strict=True)], -1)


def _sample(features: Tensor, points: Tensor, level: Level) -> Tensor:
    """Interpolate one map at the points: a weighted sum of four rows of a (B*h*w, C) table."""
    B, C, h, w = features.shape
    cells, weights = neighbours(points, level, (h, w))  # (B, N, 4) each
    first_row = torch.arange(B, device=cells.device).view(B, 1, 1) * (h * w)
    table = features.permute(0, 2, 3, 1).reshape(B * h * w, C)
    rows = (cells + first_row).view(-1, 4)
    weights = weights.view(-1, 4).to(table.dtype)
    return F.embedding_bag(rows, table, per_sample_weights=weights, mode="sum").view(B, -1, C)


def dense_hypercolumns(features: Sequence[Tensor], levels: Sequence[Level], size: tuple[int, int]) -> Tensor:
    """Build the hypercolumn of every pixel, (B, C, H, W), by ``grid_sample`` on each level.

    Parameters
    ----------
    features, levels
        As in :func:`sample_hypercolumns`.
    size : (int, int)
        Height and width of the image, in pixels.

    Examples
    --------
    >>> dense_hypercolumns([torch.arange(2.0).view(1, 1, 1, 2)], [Level(1, 2, 0.5)], (1, 4))
    tensor([[[[0.0000, 0.2500, 0.7500, 1.0000]]]])
    """
    _check_features(features, levels)
    return torch.cat([_resize(f, level, size) for f, level in zip(features, levels, strict=True)], 1)


def _resize(features: Tensor, level: Level, size: tuple[int, int]) -> Tensor:
    """Interpolate one map at every pixel of an image of the given size."""
    B, _, h, w = features.shape
    column, row = (level.to_cells(torch.arange(n, device=features.device)) for n in (size[1], size[0]))
    x, y = (
        (2 * column + 1) / w - 1,
        (2 * row + 1) / h - 1,
    )  # grid_sample: cell t has its centre at (2t + 1) / w - 1
    exact = torch.promote_types(features.dtype, torch.float32)  # half precision cannot hold the coordinates
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).to(exact).expand(B, -1, -1, -1)
    resized = F.grid_sample(features.to(exact), grid, align_corners=False, padding_mode="border")
    return resized.to(features.dtype)


def _check_features(features: Sequence[Tensor], levels: Sequence[Level]) -> None:
    """Raise ValueError unless there is one map a level, with that level's channels."""
    found, expected = [f.shape[1] for f in features], [level.channels for level in levels]
    if found != expected:
        raise ValueError(
            f"features: found maps of {found} channels, expected {expected}; pass a backbone's features and its levels"
        )
