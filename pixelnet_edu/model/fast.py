"""The numbers of `hypercolumns` in less time, and cheaper dropout: what `PixelNet` uses. Read `hypercolumns` first.

A linear layer and an interpolation may change places, as both are linear: where a level has few cells, they are
multiplied by the weights first and interpolated afterwards. Interpolating is a product with a sparse matrix, four
numbers a row; so is its gradient.

Shapes: B images, N points an image, C channels of all levels together, D outputs of a linear layer, R rows of a table:
the cells of all images.
"""

import functools
import itertools
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from pixelnet_edu.model.geometry import Level, neighbours
from pixelnet_edu.model.hypercolumns import check_features

INTERPOLATION_COST = 60  # multiply-adds of a matrix product that take as long as interpolating one number: measured


def read_hypercolumns(features: Sequence[Tensor], points: Tensor, levels: Sequence[Level]) -> Tensor:
    """Do what `sample_hypercolumns` does; each map is read, and its gradient written, without a copy of it.

    Examples
    --------
    >>> ramp = torch.arange(4.0).view(1, 1, 1, 4)
    >>> read_hypercolumns([ramp], torch.tensor([[[3.5, 0.0]]]), [Level(1, 2, 0.5)])
    tensor([[[1.5000]]])
    """
    check_features(features, levels)
    whole = [slice(0, f.shape[2]) for f in features]
    tables, *places = zip(*_readings(features, points, levels, whole), strict=True)
    return _WeightedSums.apply(*places, *tables).unflatten(0, points.shape[:2])


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
    check_features(features, levels)
    spans = _spans(features, points, levels)
    return ProjectedLevels(features, levels, linear, points.shape[1], spans).read(points)


class ProjectedLevels:
    """Feature maps multiplied by a linear layer where that pays, to be read at points as often as one likes.

    Parameters
    ----------
    features, levels, linear
        As in :func:`project_hypercolumns`.
    num_points : int
        How many points of an image will be read, in all: it decides which levels are multiplied first.
    spans : sequence of slice, optional
        The rows of cells of each level that the points will read; by default all.
    """

    def __init__(
        self,
        features: Sequence[Tensor],
        levels: Sequence[Level],
        linear: nn.Linear,
        num_points: int,
        spans: Sequence[slice] | None = None,
    ) -> None:
        spans = spans or [slice(0, f.shape[2]) for f in features]
        start = _first_projected(features, spans, num_points, linear.out_features)
        self.fine, self.coarse = (features[:start], levels[:start]), (features[start:], levels[start:])
        self.spans, self.bias = spans[start:], linear.bias
        fine_width = sum(level.channels for level in levels[:start])
        self.weight, *weights = linear.weight.split([fine_width, *(level.channels for level in levels[start:])], 1)
        biases = [linear.bias] + [None] * (len(weights) - 1)  # on one level is enough: weights of a reading sum to one
        tables = [_table(f, span) for f, span in zip(features[start:], self.spans, strict=True)]
        tables = [F.linear(t, w, b) for t, w, b in zip(tables, weights, biases[: len(weights)], strict=True)]
        self.first_rows = list(itertools.accumulate((len(t) for t in tables[:-1]), initial=0))
        self.table = torch.cat(tables) if tables else None

    def read(self, points: Tensor) -> Tensor:
        """Return the linear layer's output at points (B, N, 2), (B*N, D)."""
        if self.table is None:
            return F.linear(read_hypercolumns(self.fine[0], points, self.fine[1]).flatten(0, 1), self.weight, self.bias)
        readings = _readings(self.coarse[0], points, self.coarse[1], self.spans)
        rows = torch.cat([r.rows + first for r, first in zip(readings, self.first_rows, strict=True)], -1)
        hidden = _WeightedSums.apply([rows], [torch.cat([r.weights for r in readings], -1)], self.table)
        if self.fine[0]:
            columns = read_hypercolumns(self.fine[0], points, self.fine[1]).flatten(0, 1)
            hidden.addmm_(columns.to(hidden.dtype), self.weight.to(hidden.dtype).T)
        return hidden


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


def _readings(
    features: Sequence[Tensor], points: Tensor, levels: Sequence[Level], spans: Sequence[slice]
) -> list[_Reading]:
    """Find what the points read in the spanned rows of cells of each level; levels of one geometry share it."""
    places: dict[tuple, tuple[Tensor, Tensor]] = {}
    readings = []
    for f, level, span in zip(features, levels, spans, strict=True):
        size = f.shape[2:]
        table = _table(f, span)
        key = (level.stride, level.offset, size)
        if key not in places:
            cells, weights = neighbours(points, level, size)  # (B, N, 4) each
            first_row = torch.arange(0, len(table), len(table) // len(f), device=cells.device) - span.start * size[1]
            places[key] = (cells + first_row.view(-1, 1, 1)).flatten(0, 1), weights.flatten(0, 1)
        readings.append(_Reading(table, *places[key]))
    return readings


def _table(features: Tensor, span: slice) -> Tensor:
    """Return rows of cells (B, C, h, w) as a table (R, C): a view, where the channels of a cell lie side by side."""
    return features[:, :, span].permute(0, 2, 3, 1).flatten(0, 2)


class _WeightedSums(torch.autograd.Function):
    """For each point, the weighted sums of the rows that it reads of several tables, side by side, (P, C).

    The gradient of a row is a weighted sum too: of the points that read the row. Sorted by row, it takes the same
    operation, which adds in full precision whatever the tables hold.
    """

    @staticmethod
    def forward(ctx: Any, rows: Sequence[Tensor], weights: Sequence[Tensor], *tables: Tensor) -> Tensor:
        ctx.places, ctx.shapes = list(zip(rows, weights, strict=True)), [table.shape for table in tables]
        widths = [table.shape[1] for table in tables]
        dtype = functools.reduce(torch.promote_types, (table.dtype for table in tables))
        sums = tables[0].new_empty(len(rows[0]), sum(widths), dtype=dtype)
        for (members, shares), table, out in zip(ctx.places, tables, sums.split(widths, 1), strict=True):
            firsts = torch.arange(0, members.numel() + 1, members.shape[1], device=members.device)
            _sum_rows(table, firsts, members.flatten(), shares.flatten(), out)
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        gradients, parts = [], gradient.split([width for _, width in ctx.shapes], 1)
        for (rows, weights), shape, part in zip(ctx.places, ctx.shapes, parts, strict=True):
            order = rows.flatten().argsort(stable=True)
            readers = rows.flatten().bincount(minlength=shape[0])
            firsts = F.pad(readers.cumsum(0), (1, 0))
            gradients.append(gradient.new_empty(shape))
            _sum_rows(part, firsts, order // rows.shape[1], weights.flatten()[order], gradients[-1])
        return None, None, *gradients


def _sum_rows(table: Tensor, firsts: Tensor, members: Tensor, weights: Tensor, out: Tensor) -> None:
    """Write into row i of ``out`` the weighted sum of the rows ``members[firsts[i]:firsts[i + 1]]`` of a table."""
    weights = weights.to(table.dtype)
    exact = table.dtype == out.dtype and table.dtype in (torch.float32, torch.float64)
    if table.is_cpu and exact and _has_sparse_products():
        matrix = torch.sparse_csr_tensor(firsts, members, weights, (len(out), len(table)), check_invariants=False)
        # Into the columns of the result, where a sum of bags would be copied. With beta=0 nothing there is read;
        # `mm` would fill it with zeros first, and copy them.
        out.addmm_(matrix, table, beta=0)
        return
    out.copy_(F.embedding_bag(members, table.contiguous(), firsts[:-1], per_sample_weights=weights, mode="sum"))


@functools.cache
def _has_sparse_products() -> bool:
    """Tell whether this torch multiplies sparse matrices on the processor, which takes the library MKL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says, once, that these matrices are in beta and unchecked
        torch.sparse_csr_tensor([0, 1], [0], [1.0], (1, 1), check_invariants=False)
    return torch.backends.mkl.is_available()


class Dropout(nn.Dropout):
    """Dropout whose masks are cheap on a processor: 16 random bits an activation, by which ``p`` is rounded.

    Elsewhere, and in evaluation, it is torch's, which draws a floating-point number for each on most processors.

    Parameters
    ----------
    p : float
        Share of activations set to zero; the others are divided by 1 - p.

    Examples
    --------
    >>> dropped = Dropout(0.5)(torch.ones(100, 100))
    >>> sorted(dropped.unique().tolist()), abs(float(dropped.mean()) - 1) < 0.1
    ([0.0, 2.0], True)
    """

    def forward(self, activations: Tensor) -> Tensor:
        """Drop activations of any shape, in training."""
        dropped = round(self.p * 2**16)  # so many of the values that 16 bits have
        if not (self.training and activations.is_cpu and 0 < dropped < 2**16):
            return super().forward(activations)
        words = torch.empty(-(-activations.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
        bits = words.view(torch.int16)[: activations.numel()].view(activations.shape)
        return (activations * (bits >= dropped - 2**15)).mul_(2**16 / (2**16 - dropped))
