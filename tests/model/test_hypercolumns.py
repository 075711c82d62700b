"""Sparse equals dense-then-index equals grid_sample, in values and gradients."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixelnet_edu import VGG16, Level, SmallVGG, dense_hypercolumns, sample_hypercolumns
from pixelnet_edu.model import hypercolumns
from pixelnet_edu.model.geometry import check_points, neighbours
from pixelnet_edu.model.hypercolumns import project_hypercolumns

VGG_LEVELS = [Level(channels=3, stride=2**k, offset=(2**k - 1) / 2) for k in range(6)]


def random_case(height, width, num_points, seed):
    """Draw features of every VGG level for an image of the given size, and points inside it, corners included."""
    generator = torch.Generator().manual_seed(seed)
    features = [
        torch.randn(2, 3, max(1, height // level.stride), max(1, width // level.stride), generator=generator).double()
        for level in VGG_LEVELS
    ]
    limit = torch.tensor([width, height])
    points = torch.rand(2, num_points, 2, generator=generator).double() * limit - 0.5
    corners = torch.tensor([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]]).double()
    return features, torch.cat([points, points.round().clamp(min=0).minimum(limit - 1), corners.expand(2, -1, -1)], 1)


def by_grid_sample(features, points, level):
    """Interpolate one level on its canvas of stride x cells."""
    h, w = features.shape[-2:]
    canvas = torch.tensor([level.stride * w, level.stride * h], dtype=points.dtype)
    grid = (2 * (points + 0.5) / canvas - 1)[:, :, None]
    sampled = F.grid_sample(features, grid, align_corners=False, padding_mode="border")
    return sampled[..., 0].transpose(1, 2)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 9), st.integers(0, 10**6))
def test_sparse_equals_grid_sample_on_the_canvas(height, width, num_points, seed):
    features, points = random_case(height, width, num_points, seed)
    for f, level in zip(features, VGG_LEVELS, strict=True):
        found, expected = sample_hypercolumns([f], points, [level]), by_grid_sample(f, points, level)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 10**6))
@example(68, 68, 277)
def test_sparse_equals_dense_then_index(height, width, seed):
    features, _ = random_case(height, width, 1, seed)
    dense = dense_hypercolumns(features, VGG_LEVELS, (height, width))
    points = torch.rand(2, 9, 2, generator=torch.Generator().manual_seed(seed)) * torch.tensor([width, height])
    points = points.floor().double()
    x, y = points.long().unbind(-1)
    indexed = torch.stack([dense[b, :, y[b], x[b]].T for b in range(2)])
    torch.testing.assert_close(sample_hypercolumns(features, points, VGG_LEVELS), indexed, atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 10**6))
def test_gradients_equal_grid_samples(height, width, seed):
    features, points = random_case(height, width, 5, seed)
    for f, level in zip(features, VGG_LEVELS, strict=True):
        ours, theirs = f.clone().requires_grad_(), f.clone().requires_grad_()
        sampled = sample_hypercolumns([ours], points, [level])
        upstream = torch.randn(sampled.shape, generator=torch.Generator().manual_seed(seed), dtype=sampled.dtype)
        (sampled * upstream).sum().backward()
        (by_grid_sample(theirs, points, level) * upstream).sum().backward()
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=0)


@pytest.mark.parametrize("stride", [1, 4, 32])
def test_gradcheck(stride):
    level = Level(2, stride, (stride - 1) / 2)
    features = torch.randn(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    points = torch.rand(2, 6, 2, dtype=torch.float64) * torch.tensor([4 * stride, 3 * stride])
    assert torch.autograd.gradcheck(lambda f: sample_hypercolumns([f], points, [level]), features)


def test_weights_are_a_partition_and_touch_the_right_cells():
    cells, weights = neighbours(torch.tensor([[5.5, 9.5]]), Level(1, 4, 1.5), (5, 6))
    assert cells.tolist() == [[2 * 6 + 1, 2 * 6 + 2, 3 * 6 + 1, 3 * 6 + 2]]
    assert weights.tolist() == [[1.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize("convs", [1, 2, 3])
def test_cell_is_centred_where_its_level_says(convs):
    """With positive weights and averaging pools, a cell's receptive field is symmetric about stride * j + offset."""
    backbone = SmallVGG((1, 1, 1, 1, 1), convs).double().eval()
    for stage in backbone.stages:
        for k, layer in enumerate(stage):
            if isinstance(layer, torch.nn.MaxPool2d):
                stage[k] = torch.nn.AvgPool2d(2)
            if isinstance(layer, torch.nn.Conv2d):
                torch.nn.init.ones_(layer.weight)
    images = torch.ones(1, 3, 320, 320, dtype=torch.float64, requires_grad=True)
    for k, level in enumerate(backbone.levels):
        feature = backbone(images)[k]
        cell = feature.shape[-1] // 2
        (gradient,) = torch.autograd.grad(feature[0, 0, cell, cell], images)
        columns = gradient.sum((0, 1, 2))
        centre = (columns * torch.arange(320)).sum() / columns.sum()
        assert abs(float(centre) - (level.stride * cell + level.offset)) < 1e-6


def test_hypercolumn_channels_of_the_paper():
    assert VGG16(batch_norm=True, fc=False).hypercolumn_channels == 1472


def test_half_precision_features_are_read_at_exact_places():
    ramp = torch.arange(512.0).bfloat16().view(1, 1, 1, 512)
    level = [Level(1, 1, 0.0)]
    dense = dense_hypercolumns([ramp], level, (1, 512))[0, 0, 0]
    points = torch.stack([torch.arange(512.0), torch.zeros(512)], -1)[None]
    torch.testing.assert_close(dense, ramp[0, 0, 0])
    torch.testing.assert_close(sample_hypercolumns([ramp], points, level)[0, :, 0], ramp[0, 0, 0])


def test_wrong_features_are_named():
    with pytest.raises(ValueError, match=r"features: found maps of \[2\] channels, expected \[3\]"):
        sample_hypercolumns([torch.zeros(1, 2, 4, 4)], torch.zeros(1, 1, 2), [Level(3, 1, 0.0)])


@pytest.mark.parametrize("point", [(-0.6, 0), (0, 4.6), (7.6, 0), (float("nan"), 0)])
def test_points_outside_are_named(point):
    with pytest.raises(ValueError, match=r"points: point 1 of image 0 is \("):
        check_points(torch.tensor([[(0.0, 0.0), point]]), 1, 5, 8)


def test_points_of_another_shape_are_named():
    with pytest.raises(ValueError, match=r"points: found shape \(3, 2\), expected \(1, N, 2\)"):
        check_points(torch.zeros(3, 2), 1, 5, 8)


def project_from(start, monkeypatch):
    """Let the levels from ``start`` on be multiplied before they are read, whatever it costs."""
    monkeypatch.setattr(hypercolumns, "_first_projected", lambda *_: start)


def with_gradients(apply, features, linear):
    """Return outputs, and the gradients of a random projection of them with respect to maps, weight and bias."""
    leaves = [f.detach().clone(memory_format=torch.preserve_format).requires_grad_() for f in features]
    outputs = apply(leaves)
    upstream = torch.randn(outputs.shape, generator=torch.Generator().manual_seed(1))
    return [outputs, *torch.autograd.grad((outputs.float() * upstream).sum(), [*leaves, linear.weight, linear.bias])]


def relative(found, expected):
    """Return the largest difference in shares of the largest expected number."""
    return float((found.double() - expected.double()).abs().max() / expected.double().abs().max())


@pytest.mark.parametrize("start", range(7))
@pytest.mark.parametrize("size", [(33, 47), (70, 31)])
def test_projecting_first_changes_nothing(start, size, monkeypatch):
    project_from(start, monkeypatch)
    features, points = random_case(*size, 40, seed=3)
    features, points = [f.float().to(memory_format=torch.channels_last) for f in features], points.float()
    linear = torch.nn.Linear(18, 7)
    found = with_gradients(lambda f: project_hypercolumns(f, points, VGG_LEVELS, linear), features, linear)
    expected = with_gradients(
        lambda f: linear(sample_hypercolumns(f, points, VGG_LEVELS).flatten(0, 1)), features, linear
    )
    torch.testing.assert_close(found[0], expected[0], atol=1e-5, rtol=0)
    assert max(relative(*pair) for pair in zip(found[1:], expected[1:], strict=True)) < 1e-4


@pytest.mark.parametrize(("stride", "offset"), [(3, 1.0), (7, 2.5), (8, 3.5)])
def test_only_spanned_rows_are_multiplied_and_they_are_enough(stride, offset, monkeypatch):
    project_from(0, monkeypatch)
    level, linear = [Level(2, stride, offset)], torch.nn.Linear(2, 3)
    features = [torch.randn(2, 2, 20, 5)]
    for top in range(0, 20 * stride, 5):
        points = torch.rand(2, 30, 2) * torch.tensor([5 * stride, 4]) + torch.tensor([0, top])
        expected = linear(sample_hypercolumns(features, points, level).flatten(0, 1))
        torch.testing.assert_close(project_hypercolumns(features, points, level, linear), expected)
        span = hypercolumns._spans(features, points, level)[0]
        assert span.stop - span.start <= 4 / stride + 3


def test_what_is_cheaper_comes_first():
    """64 to 512 channels as in VGG-16, 4096 hidden units: counted by hand, conv3_3 is the first to gain."""
    channels = (64, 128, 256, 512, 512)
    features = [torch.empty(1, c, 224 >> k, 224 >> k, device="meta") for k, c in enumerate(channels)]
    whole = [slice(0, f.shape[2]) for f in features]

    def start(num_points, width):
        return hypercolumns._first_projected(features, whole, num_points, width)

    assert start(num_points=1, width=4096) == 5  # a single point reads
    assert start(num_points=2000, width=4096) == 3  # 3,136 cells of conv3_3 are more than the points, 784 are fewer
    assert start(num_points=224 * 224, width=4096) == 1  # every pixel: all levels but the first have fewer cells
    assert start(num_points=224 * 224, width=1) == 0  # one output: less to interpolate than the channels


def test_reading_copies_no_map_and_shares_geometry(monkeypatch):
    calls = []
    monkeypatch.setattr(hypercolumns, "neighbours", lambda *a: calls.append(a) or neighbours(*a))
    features = [torch.randn(2, 3, 8, 9).to(memory_format=torch.channels_last) for _ in range(2)]
    levels, points = [Level(3, 2, 0.5)] * 2, torch.rand(2, 4, 2) * 15
    readings = hypercolumns._readings(features, points, levels, [slice(0, 8)] * 2)
    assert [r.table.data_ptr() for r in readings] == [f.data_ptr() for f in features]
    assert len(calls) == 1
    expected = torch.cat([by_grid_sample(f, points, level) for f, level in zip(features, levels, strict=True)], -1)
    torch.testing.assert_close(sample_hypercolumns(features, points, levels), expected)


def test_what_the_result_held_before_is_never_read():
    table, out = torch.rand(6, 3), torch.full((2, 3), float("nan"))
    hypercolumns._sum_rows(table, torch.tensor([0, 2, 2]), torch.tensor([1, 4]), torch.tensor([0.5, 0.25]), out)
    torch.testing.assert_close(out, torch.stack([0.5 * table[1] + 0.25 * table[4], torch.zeros(3)]))


def test_half_precision_gradients_are_added_in_full_precision():
    """1,000 points in one cell: added in bfloat16, the sum would stop growing at 256."""
    cell = torch.zeros(1, 1, 1, 1, dtype=torch.bfloat16, requires_grad=True)
    sample_hypercolumns([cell], torch.zeros(1, 1000, 2), [Level(1, 1, 0.0)]).sum().backward()
    assert float(cell.grad) == 1000


def test_no_points_give_no_rows():
    features, linear = [torch.randn(2, 3, 4, 4)], torch.nn.Linear(3, 5)
    assert project_hypercolumns(features, torch.zeros(2, 0, 2), [Level(3, 8, 3.5)], linear).shape == (0, 5)


def test_the_profiler_sees_no_copy_of_a_map():
    """Forward and backward, nothing as large as a map is copied or filled."""
    levels, points = [Level(8, 1, 0.0), Level(8, 2, 0.5)], torch.rand(2, 5, 2) * 30
    maps = [torch.randn(2, 8, n, n).to(memory_format=torch.channels_last).requires_grad_() for n in (31, 16)]
    sample_hypercolumns(maps, points, levels).sum().backward()  # what happens once only
    with torch.profiler.profile(record_shapes=True) as profile:
        torch.autograd.grad(sample_hypercolumns(maps, points, levels).sum(), maps)
    smallest = min(feature.numel() for feature in maps)
    sizes = {(e.name, math.prod(s)) for e in profile.events() for s in e.input_shapes if s}
    assert any(size >= smallest for _, size in sizes)
    moving = ("aten::copy_", "aten::clone", "aten::contiguous", "aten::fill_", "aten::zero_")
    assert not [(name, size) for name, size in sizes if name in moving and size >= smallest]


def read_with_gradients(features, points, dtypes):
    """Return hypercolumns and the gradients of the maps, each map of its own precision."""
    maps = [f.to(dtype).requires_grad_() for f, dtype in zip(features, dtypes, strict=True)]
    columns = sample_hypercolumns(maps, points, VGG_LEVELS)
    return [columns.detach(), *torch.autograd.grad(columns.square().sum(), maps)]


def test_without_sparse_products_the_numbers_are_the_same(monkeypatch):
    features, points = random_case(37, 41, 50, seed=0)
    found = read_with_gradients(features, points, [torch.float64] * 6)
    monkeypatch.setattr(hypercolumns, "_has_sparse_products", lambda: False)
    for one, other in zip(found, read_with_gradients(features, points, [torch.float64] * 6), strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize(("coarse", "fine"), [(torch.bfloat16, torch.float32), (torch.float32, torch.float64)])
def test_levels_of_two_precisions_are_read_in_the_finer(coarse, fine):
    features, points = random_case(37, 41, 50, seed=0)
    features = [f.bfloat16().to(fine) for f in features]  # numbers that both precisions hold
    mixed = read_with_gradients(features, points.to(fine), [coarse, fine] * 3)
    plain = read_with_gradients(features, points.to(fine), [fine] * 6)
    assert mixed[0].dtype == fine
    assert [g.dtype for g in mixed[1:]] == [coarse, fine] * 3
    torch.testing.assert_close(mixed[0], plain[0], atol=0.05, rtol=0.02)
