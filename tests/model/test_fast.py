"""The fast reading is the plain one: bit for bit in single precision, and whatever is multiplied first."""

import math

import pytest
import torch
from test_hypercolumns import VGG_LEVELS, by_grid_sample, random_case

from pixelnet_edu import Level, sample_hypercolumns
from pixelnet_edu.model import fast
from pixelnet_edu.model.fast import project_hypercolumns, read_hypercolumns
from pixelnet_edu.model.geometry import neighbours


@pytest.mark.parametrize("size", [(33, 47), (70, 31), (5, 64)])
def test_the_fast_reading_is_the_plain_one_bit_for_bit(size):
    features, points = random_case(*size, 60, seed=4)
    features, points = [f.float().to(memory_format=torch.channels_last) for f in features], points.float()
    assert read_hypercolumns(features, points, VGG_LEVELS).equal(sample_hypercolumns(features, points, VGG_LEVELS))


def project_from(start, monkeypatch):
    """Let the levels from ``start`` on be multiplied before they are read, whatever it costs."""
    monkeypatch.setattr(fast, "_first_projected", lambda *_: start)


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
        lambda f: linear(read_hypercolumns(f, points, VGG_LEVELS).flatten(0, 1)), features, linear
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
        expected = linear(read_hypercolumns(features, points, level).flatten(0, 1))
        torch.testing.assert_close(project_hypercolumns(features, points, level, linear), expected)
        span = fast._spans(features, points, level)[0]
        assert span.stop - span.start <= 4 / stride + 3


def test_what_is_cheaper_comes_first():
    """64 to 512 channels as in VGG-16, 4096 hidden units: counted by hand, conv3_3 is the first to gain."""
    channels = (64, 128, 256, 512, 512)
    features = [torch.empty(1, c, 224 >> k, 224 >> k, device="meta") for k, c in enumerate(channels)]
    whole = [slice(0, f.shape[2]) for f in features]

    def start(num_points, width):
        return fast._first_projected(features, whole, num_points, width)

    assert start(num_points=1, width=4096) == 5  # a single point reads
    assert start(num_points=2000, width=4096) == 3  # 3,136 cells of conv3_3 are more than the points, 784 are fewer
    assert start(num_points=224 * 224, width=4096) == 1  # every pixel: all levels but the first have fewer cells
    assert start(num_points=224 * 224, width=1) == 0  # one output: less to interpolate than the channels


def test_reading_copies_no_map_and_shares_geometry(monkeypatch):
    calls = []
    monkeypatch.setattr(fast, "neighbours", lambda *a: calls.append(a) or neighbours(*a))
    features = [torch.randn(2, 3, 8, 9).to(memory_format=torch.channels_last) for _ in range(2)]
    levels, points = [Level(3, 2, 0.5)] * 2, torch.rand(2, 4, 2) * 15
    readings = fast._readings(features, points, levels, [slice(0, 8)] * 2)
    assert [r.table.data_ptr() for r in readings] == [f.data_ptr() for f in features]
    assert len(calls) == 1
    expected = torch.cat([by_grid_sample(f, points, level) for f, level in zip(features, levels, strict=True)], -1)
    torch.testing.assert_close(read_hypercolumns(features, points, levels), expected)


def test_what_the_result_held_before_is_never_read():
    table, out = torch.rand(6, 3), torch.full((2, 3), float("nan"))
    fast._sum_rows(table, torch.tensor([0, 2, 2]), torch.tensor([1, 4]), torch.tensor([0.5, 0.25]), out)
    torch.testing.assert_close(out, torch.stack([0.5 * table[1] + 0.25 * table[4], torch.zeros(3)]))


def test_half_precision_gradients_are_added_in_full_precision():
    """1,000 points in one cell: added in bfloat16, the sum would stop growing at 256."""
    cell = torch.zeros(1, 1, 1, 1, dtype=torch.bfloat16, requires_grad=True)
    read_hypercolumns([cell], torch.zeros(1, 1000, 2), [Level(1, 1, 0.0)]).sum().backward()
    assert float(cell.grad) == 1000


def test_no_points_give_no_rows():
    features, linear = [torch.randn(2, 3, 4, 4)], torch.nn.Linear(3, 5)
    assert project_hypercolumns(features, torch.zeros(2, 0, 2), [Level(3, 8, 3.5)], linear).shape == (0, 5)


def test_the_profiler_sees_no_copy_of_a_map():
    """Forward and backward, nothing as large as a map is copied or filled."""
    levels, points = [Level(8, 1, 0.0), Level(8, 2, 0.5)], torch.rand(2, 5, 2) * 30
    maps = [torch.randn(2, 8, n, n).to(memory_format=torch.channels_last).requires_grad_() for n in (31, 16)]
    read_hypercolumns(maps, points, levels).sum().backward()  # what happens once only
    with torch.profiler.profile(record_shapes=True) as profile:
        torch.autograd.grad(read_hypercolumns(maps, points, levels).sum(), maps)
    smallest = min(feature.numel() for feature in maps)
    sizes = {(e.name, math.prod(s)) for e in profile.events() for s in e.input_shapes if s}
    assert any(size >= smallest for _, size in sizes)
    moving = ("aten::copy_", "aten::clone", "aten::contiguous", "aten::fill_", "aten::zero_")
    assert not [(name, size) for name, size in sizes if name in moving and size >= smallest]


def read_with_gradients(features, points, dtypes):
    """Return hypercolumns and the gradients of the maps, each map of its own precision."""
    maps = [f.to(dtype).requires_grad_() for f, dtype in zip(features, dtypes, strict=True)]
    columns = read_hypercolumns(maps, points, VGG_LEVELS)
    return [columns.detach(), *torch.autograd.grad(columns.square().sum(), maps)]


def test_without_sparse_products_the_numbers_are_the_same(monkeypatch):
    features, points = random_case(37, 41, 50, seed=0)
    found = read_with_gradients(features, points, [torch.float64] * 6)
    monkeypatch.setattr(fast, "_has_sparse_products", lambda: False)
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
