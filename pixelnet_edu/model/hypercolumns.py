"""Hypercolumns: the features of chosen pixels, read from several levels of a backbone and concatenated.

For one pixel: its four nearest cells on every level, weighed, side by side, from fine and local to coarse and wide.
Read sparsely, that costs four rows a level and point; densely, the whole (C, H, W) volume. This is the paper in plain
torch; `fast` gives the same numbers in less time. The core, in the order of a training step, is eight files:

    model/hypercolumns    this page: from feature maps to one row a pixel
    model/backbones       from images to feature maps
    model/heads           from a hypercolumn to the outputs of its pixel
    model/pixelnet        the three joined: images and points in, outputs at the points out
    sampling/samplers     which points
    tasks                 what is wanted at a point: targets, losses, scores
    training/step         the loss of a step and its gradient
    training/trainer      `fit`: step after step

Source: PixelNet (arXiv 1702.06506), sparse predictions; Hariharan et al., CVPR 2015, for the descriptor.

Shapes: B images, N points an image, C channels of all levels together, H x W pixels; level l has C_l channels and
h x w cells.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu.model.geometry import Level, neighbours


def sample_hypercolumns(features: Sequence[Tensor], points: Tensor, levels: Sequence[Level]) -> Tensor:
    """Read the hypercolumns of chosen points; only the four cells around each point are touched.

    Parameters
    ----------
    features : sequence of Tensor (B, C_l, h, w)
        One feature map a level, as the backbone returns them; ValueError for other channels than the levels'.
    points : Tensor (B, N, 2)
        Pixel coordinates (x, y); past the border they read the border cell.
    levels : sequence of Level
        Where the cells of each map lie.

    Returns
    -------
    Tensor (B, N, C)
        Channels in the order of ``levels``. Gradients flow to the features, not to the points.

    Examples
    --------
    >>> ramp = torch.arange(4.0).view(1, 1, 1, 4)
    >>> sample_hypercolumns([ramp], torch.tensor([[[3.5, 0.0]]]), [Level(1, 2, 0.5)])
    tensor([[[1.5000]]])
    """
    check_features(features, levels)
    image = torch.arange(len(points), device=points.device)[:, None, None]  # (B, 1, 1)
    columns = []
    for feature, level in zip(features, levels, strict=True):  # (B, C_l, h, w)
        cells, weights = neighbours(points, level, feature.shape[2:])  # (B, N, 4) each
        rows = feature.flatten(2).transpose(1, 2)[image, cells]  # (B, h*w, C_l) -> (B, N, 4, C_l)
        columns.append((weights[..., None] * rows).sum(2).to(feature.dtype))  # (B, N, C_l)
    return torch.cat(columns, -1)  # (B, N, C)


def dense_hypercolumns(features: Sequence[Tensor], levels: Sequence[Level], size: tuple[int, int]) -> Tensor:
    """Build the hypercolumn of every pixel of an image of ``size`` (H, W), (B, C, H, W), by ``grid_sample``.

    Examples
    --------
    >>> dense_hypercolumns([torch.arange(2.0).view(1, 1, 1, 2)], [Level(1, 2, 0.5)], (1, 4))
    tensor([[[[0.0000, 0.2500, 0.7500, 1.0000]]]])
    """
    check_features(features, levels)
    maps = []
    for f, level in zip(features, levels, strict=True):  # (B, C_l, h, w)
        column, row = (level.to_cells(torch.arange(side, dtype=torch.float64)) for side in (size[1], size[0]))
        x, y = (2 * column + 1) / f.shape[3] - 1, (2 * row + 1) / f.shape[2] - 1  # where grid_sample has cell t
        exact = torch.promote_types(f.dtype, torch.float32)  # half precision cannot hold the coordinates
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).to(f.device, exact).expand(len(f), -1, -1, -1)
        resized = F.grid_sample(f.to(exact), grid, align_corners=False, padding_mode="border")
        maps.append(resized.to(f.dtype))  # (B, C_l, H, W)
    return torch.cat(maps, 1)


def check_features(features: Sequence[Tensor], levels: Sequence[Level]) -> None:
    """Raise ValueError unless there is one map a level, with that level's channels."""
    found, expected = [f.shape[1] for f in features], [level.channels for level in levels]
    if found != expected:
        raise ValueError(
            f"features: found maps of {found} channels, expected {expected}; pass a backbone's and its levels"
        )
