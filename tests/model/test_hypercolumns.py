"""Sparse equals dense-then-index equals grid_sample, in values and gradients."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pixelnet_edu import VGG16, Level, SmallVGG, dense_hypercolumns, sample_hypercolumns
from pixelnet_edu.model.fast import read_hypercolumns
from pixelnet_edu.model.geometry import check_points, neighbours

READERS = [sample_hypercolumns, read_hypercolumns]
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


@pytest.mark.parametrize("read", READERS)
@settings(max_examples=60, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), num_points=st.integers(1, 9), seed=st.integers(0, 10**6))
def test_sparse_equals_grid_sample_on_the_canvas(read, height, width, num_points, seed):
    features, points = random_case(height, width, num_points, seed)
    for f, level in zip(features, VGG_LEVELS, strict=True):
        found, expected = read([f], points, [level]), by_grid_sample(f, points, level)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("read", READERS)
@settings(max_examples=40, deadline=None)
@given(height=st.integers(1, 70), width=st.integers(1, 70), seed=st.integers(0, 10**6))
@example(height=68, width=68, seed=277)
def test_sparse_equals_dense_then_index(read, height, width, seed):
    features, _ = random_case(height, width, 1, seed)
    dense = dense_hypercolumns(features, VGG_LEVELS, (height, width))
    points = torch.rand(2, 9, 2, generator=torch.Generator().manual_seed(seed)) * torch.tensor([width, height])
    points = points.floor().double()
    x, y = points.long().unbind(-1)
    indexed = torch.stack([dense[b, :, y[b], x[b]].T for b in range(2)])
    torch.testing.assert_close(read(features, points, VGG_LEVELS), indexed, atol=1e-5, rtol=0)


@pytest.mark.parametrize("read", READERS)
@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 50), width=st.integers(1, 50), seed=st.integers(0, 10**6))
def test_gradients_equal_grid_samples(read, height, width, seed):
    features, points = random_case(height, width, 5, seed)
    for f, level in zip(features, VGG_LEVELS, strict=True):
        ours, theirs = f.clone().requires_grad_(), f.clone().requires_grad_()
        sampled = read([ours], points, [level])
        upstream = torch.randn(sampled.shape, generator=torch.Generator().manual_seed(seed), dtype=sampled.dtype)
        (sampled * upstream).sum().backward()
        (by_grid_sample(theirs, points, level) * upstream).sum().backward()
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-5, rtol=0)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("stride", [1, 4, 32])
def test_gradcheck(read, stride):
    level = Level(2, stride, (stride - 1) / 2)
    features = torch.randn(2, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    points = torch.rand(2, 6, 2, dtype=torch.float64) * torch.tensor([4 * stride, 3 * stride])
    assert torch.autograd.gradcheck(lambda f: read([f], points, [level]), features)


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


@pytest.mark.parametrize("read", READERS)
def test_half_precision_features_are_read_at_exact_places(read):
    ramp = torch.arange(512.0).bfloat16().view(1, 1, 1, 512)
    level = [Level(1, 1, 0.0)]
    dense = dense_hypercolumns([ramp], level, (1, 512))[0, 0, 0]
    points = torch.stack([torch.arange(512.0), torch.zeros(512)], -1)[None]
    torch.testing.assert_close(dense, ramp[0, 0, 0])
    torch.testing.assert_close(read([ramp], points, level)[0, :, 0], ramp[0, 0, 0])


@pytest.mark.parametrize("read", READERS)
def test_wrong_features_are_named(read):
    with pytest.raises(ValueError, match=r"features: found maps of \[2\] channels, expected \[3\]"):
        read([torch.zeros(1, 2, 4, 4)], torch.zeros(1, 1, 2), [Level(3, 1, 0.0)])


@pytest.mark.parametrize("point", [(-0.6, 0), (0, 4.6), (7.6, 0), (float("nan"), 0)])
def test_points_outside_are_named(point):
    with pytest.raises(ValueError, match=r"points: point 1 of image 0 is \("):
        check_points(torch.tensor([[(0.0, 0.0), point]]), 1, 5, 8)


def test_points_of_another_shape_are_named():
    with pytest.raises(ValueError, match=r"points: found shape \(3, 2\), expected \(1, N, 2\)"):
        check_points(torch.zeros(3, 2), 1, 5, 8)
