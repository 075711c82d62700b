"""Hypercolumns: the features of chosen pixels, read from several levels of a backbone and concatenated.

A hypercolumn holds, for one pixel, the bilinearly interpolated features of every level, from fine and local to coarse
and wide. Sparse reading costs four rows a level and point; dense reading builds the whole (C, H, W) volume. A linear
layer and an interpolation may change places, as both are linear: where a level has few cells, they are multiplied by
the weights first and interpolated afterwards.
Source: PixelNet (arXiv 1702.06506), sparse predictions; Hariharan et al., CVPR 2015, for the descriptor.

Shapes: B images, N points an image, C channels of all levels together, D outputs of a linear layer, H x W pixels,
h x w cells of one level, R rows of a table: the cells of all images.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pixelnet_edu.geometry import Level, neighbours

INTERPOLATION_COST = 60  # multiply-adds of a matrix product that take as long as interpolating one number: measured


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
    whole = [slice(0, f.shape[2]) for f in features]
    columns = [_WeightedSum.apply(*reading) for reading in _readings(features, points, levels, whole)]
    return torch.cat(columns, -1).unflatten(0, points.shape[:2])


def project_hypercolumns(
    features: Sequence[Tensor], points: Tensor, levels: Sequence[Level], linear: nn.Linear
) -> Tensor:
    """Apply a linear layer to the hypercolumns of chosen points, in the cheapest order.

    The levels up to some level are read, then multiplied; those after it are multiplied, then read. Only the rows of
    cells that the points span are multiplied.

    Parameters
    ----------
    features, points, levels
        As in :func:`sample_hypercolumns`, the finest level first.
    linear : nn.Linear
        From C channels to D.

    Returns
    -------
    Tensor (B*N, D)
        The rows of ``linear(sample_hypercolumns(features, points, levels))``, up to rounding. They are no view of a
        tensor (B, N, D), so that a head may overwrite them and autograd copies nothing.

    Raises
    ------
    ValueError
        As :func:`sample_hypercolumns`.

    Examples
    --------
    >>> ramp, points, levels = torch.arange(4.0).view(1, 1, 1, 4), torch.tensor([[[3.5, 0.0]]]), [Level(1, 2, 0.5)]
    >>> linear = nn.Linear(1, 2).requires_grad_(False)
    >>> project_hypercolumns([ramp], points, levels, linear).allclose(linear(torch.tensor([[1.5]])))
    True
    """
    _check_features(features, levels)
    spans = _spans(features, points, levels)
    start = _first_projected(features, spans, points.shape[1], linear.out_features)
    if start == len(levels):
        return linear(sample_hypercolumns(features, points, levels).flatten(0, 1))
    widths = [sum(level.channels for level in levels[:start]), *(level.channels for level in levels[start:])]
    fine, *coarse = linear.weight.split(widths, 1)
    hidden = _read_projected(features[start:], points, levels[start:], spans[start:], coarse, linear.bias)
    if start:
        columns = sample_hypercolumns(features[:start], points, levels[:start]).flatten(0, 1)
        hidden.addmm_(columns.to(hidden.dtype), fine.to(hidden.dtype).T)
    return hidden


def _read_projected(features, points, levels, spans, weights, bias) -> Tensor:
    """Project the spanned rows of cells of each level, then read and add up all levels in one pass, (B*N, D)."""
    readings = _readings(features, points, levels, spans)
    biases = [bias] + [None] * (len(levels) - 1)  # on one level is enough: the weights of a reading sum to one
    table = torch.cat([F.linear(r.table, w, b) for r, w, b in zip(readings, weights, biases, strict=True)])
    first_rows = itertools.accumulate([len(r.table) for r in readings[:-1]], initial=0)
    rows = torch.cat([r.rows + first for r, first in zip(readings, first_rows, strict=True)], -1)
    return _WeightedSum.apply(table, rows, torch.cat([r.weights for r in readings], -1))


def _spans(features: Sequence[Tensor], points: Tensor, levels: Sequence[Level]) -> list[slice]:
    """Find the rows of cells that the points read on each level."""
    if not points.numel():
        return [slice(0, 1) for _ in levels]
    ends = torch.stack(points[..., 1].aminmax())
    ends = torch.stack([level.to_cells(ends) for level in levels]).tolist()  # one wait for the device, not one a level
    spans = []
    for f, (low, high) in zip(features, ends, strict=True):
        last_row = f.shape[2] - 1
        first, last = (int(min(max(t, 0), last_row)) for t in (low, high))
        spans.append(slice(first, min(last + 1, last_row) + 1))
    return spans


def _first_projected(features: Sequence[Tensor], spans: Sequence[slice], num_points: int, width: int) -> int:
    """Choose the level from which on multiplying comes first: the choice of least cost, in multiply-adds."""
    read_first, multiplied_first = [], []
    for f, span in zip(features, spans, strict=True):
        channels, cells = f.shape[1], (span.stop - span.start) * f.shape[3]
        read_first.append(num_points * channels * (INTERPOLATION_COST + width))
        multiplied_first.append(cells * channels * width + num_points * INTERPOLATION_COST * width)
    starts = range(len(features), -1, -1)
    return min(starts, key=lambda start: sum(read_first[:start]) + sum(multiplied_first[start:]))


class _Reading(NamedTuple):
    """How points read a level: four ``rows`` (B*N, 4) of its ``table`` (R, C) each, with ``weights`` (B*N, 4)."""

    table: Tensor
    rows: Tensor
    weights: Tensor


def _readings(features, points: Tensor, levels: Sequence[Level], spans: Sequence[slice]) -> list[_Reading]:
    """Find what the points read in the spanned rows of cells of each level; levels of one geometry share it."""
    places: dict[tuple, tuple[Tensor, Tensor]] = {}
    readings = []
    for f, level, span in zip(features, levels, spans, strict=True):
        size = f.shape[2:]
        table = f[:, :, span].permute(0, 2, 3, 1).flatten(0, 2)  # a view, where channels lie side by side
        key = (level.stride, level.offset, size)
        if key not in places:
            cells, weights = neighbours(points, level, size)  # (B, N, 4) each
            first_row = torch.arange(0, len(table), len(table) // len(f), device=cells.device) - span.start * size[1]
            places[key] = (cells + first_row.view(-1, 1, 1)).flatten(0, 1), weights.flatten(0, 1)
        readings.append(_Reading(table, *places[key]))
    return readings


class _WeightedSum(torch.autograd.Function):
    """For each point, the weighted sum of the rows of a table that it reads, (P, C).

    The gradient of a row is a weighted sum too: of the points that read the row. Sorted by row, it takes the same
    operation, which adds in full precision whatever the table holds.
    """

    @staticmethod
    def forward(ctx, table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weights)
        ctx.length = len(table)
        return F.embedding_bag(rows, table, per_sample_weights=weights.to(table.dtype), mode="sum")

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        rows, weights = ctx.saved_tensors
        order = rows.flatten().argsort(stable=True)
        readers = rows.flatten().bincount(minlength=ctx.length)
        weights = weights.flatten()[order].to(gradient.dtype)
        points, first_reader = order // rows.shape[1], readers.cumsum(0) - readers
        sums = F.embedding_bag(points, gradient.contiguous(), first_reader, per_sample_weights=weights, mode="sum")
        return sums, None, None


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
