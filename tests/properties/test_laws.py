"""Laws that hold for every input: of samplers, geometry and metrics."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from pixelnet_edu import (
    BalancedSampler,
    HardPixelSampler,
    Level,
    PatchSampler,
    StratifiedSampler,
    UniformSampler,
    neighbours,
    segmentation_scores,
)
from pixelnet_edu.metrics import ConfusionMatrix, NormalErrors
from pixelnet_edu.metrics.boundaries import BoundaryCurve
from pixelnet_edu.sampling.other_samplers import AnyPixelSampler, SpatialSampler
from pixelnet_edu.training.photo import _enlarged

SAMPLERS = {
    "uniform": UniformSampler(),
    "proportional": StratifiedSampler(),
    "equal": StratifiedSampler("equal"),
    "square-root": StratifiedSampler("square-root"),
    "patch": PatchSampler(),
    "spatial": SpatialSampler(2, 3),
    "balanced": BalancedSampler(),
    "any": AnyPixelSampler(),
}
SIDES = st.integers(3, 24)
SEEDS = st.integers(0, 2**31)


def maps(height, width, seed, batch=2, classes=2):
    """Return labels with a fifth of void."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (batch, height, width), generator=generator)
    return labels.masked_fill(torch.rand(labels.shape, generator=generator) < 0.2, 255)


@pytest.mark.parametrize("name", SAMPLERS)
@given(height=SIDES, width=SIDES, seed=SEEDS, share=st.floats(0.1, 1))
def test_a_sample_is_of_different_valid_pixels_with_their_probabilities(name, height, width, seed, share):
    labels = maps(height, width, seed)
    least = int((labels != 255).flatten(1).sum(1).min())
    assume(least >= 8)
    n = max(6, round(share * least))
    points, probabilities = SAMPLERS[name](labels, n, torch.Generator().manual_seed(seed))
    assert points.shape == (2, n, 2)
    assert probabilities.shape == (2, n)
    x, y = points.long().unbind(-1)
    assert (points == torch.stack([x, y], -1)).all()
    assert ((x >= 0) & (x < width) & (y >= 0) & (y < height)).all()
    assert all(len(set((y[k] * width + x[k]).tolist())) == n for k in range(2))
    if name != "any":
        assert (labels[torch.arange(2)[:, None], y, x] != 255).all()
    assert ((probabilities > 0) & (probabilities <= 1)).all()


@given(height=SIDES, width=SIDES, seed=SEEDS, share=st.floats(0.05, 1), uniform=st.floats(0.05, 1))
def test_a_sample_of_hard_pixels_has_exact_probabilities(height, width, seed, share, uniform):
    """Those of all pixels add up to the size of the sample, so those of drawn ones are at most 1."""
    losses = torch.rand(1, height, width, generator=torch.Generator().manual_seed(seed)) ** 4
    n = max(1, round(share * height * width))
    points, probabilities = HardPixelSampler(uniform)(losses, n, torch.Generator().manual_seed(seed))
    x, y = points[0].long().unbind(-1)
    assert len(set((y * width + x).tolist())) == n
    assert ((probabilities > 0) & (probabilities <= 1 + 1e-6)).all()


@given(
    stride=st.sampled_from([1, 2, 4, 8, 16, 32]),
    offset=st.floats(-8, 16),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    points=st.lists(st.tuples(st.floats(-50, 400), st.floats(-50, 400)), min_size=1, max_size=9),
)
def test_weights_of_neighbours_are_a_mean_that_reproduces_the_place(stride, offset, size, points):
    """Interpolating the coordinates of the cells gives the point itself, or the border where it lies past it."""
    points, (h, w) = torch.tensor(points, dtype=torch.float64), size
    level = Level(1, stride, offset)
    cells, weights = neighbours(points, level, size)
    assert (weights >= 0).all()
    assert weights.sum(-1).allclose(torch.ones(len(points), dtype=torch.float64))
    assert ((cells >= 0) & (cells < h * w)).all()
    expected = level.to_cells(points).clamp(min=0).minimum(torch.tensor([w - 1.0, h - 1.0]))
    found = torch.stack([(weights * (cells % w)).sum(-1), (weights * (cells // w)).sum(-1)], -1)
    assert found.allclose(expected, atol=1e-9)


@given(h=st.integers(1, 9), w=st.integers(1, 9), H=st.integers(1, 40), W=st.integers(1, 40), seed=SEEDS)
def test_enlarging_by_bands_is_enlarging_at_once(h, w, H, W, seed):
    outputs = torch.randn(1, 2, h, w, generator=torch.Generator().manual_seed(seed))
    whole = torch.nn.functional.interpolate(outputs, (H, W), mode="bilinear")
    bands = [_enlarged(outputs, rows, (H, W)) for rows in torch.arange(H).split(3)]
    assert torch.cat(bands, 2).allclose(whole, atol=1e-5)


@given(height=SIDES, width=SIDES, classes=st.integers(1, 6), seed=SEEDS)
def test_scores_of_classes_are_shares_and_do_not_depend_on_the_order(height, width, classes, seed):
    targets = maps(height, width, seed, batch=3, classes=classes)
    predictions = maps(height, width, seed + 1, batch=3, classes=classes).masked_fill_(targets == 255, 0)
    predictions = predictions.where(predictions != 255, 0)
    scores = segmentation_scores(predictions, targets, classes)
    forwards, backwards = ConfusionMatrix(classes), ConfusionMatrix(classes)
    for k in range(3):
        forwards.update(predictions[k], targets[k])
        backwards.update(predictions[2 - k], targets[2 - k])
    assert forwards.counts.equal(backwards.counts)
    assert int(forwards.counts.sum()) == int((targets != 255).sum())
    if int(forwards.counts.sum()):
        assert 0 <= scores["miou"] <= 1
        assert 0 <= scores["accuracy"] <= 1
        assert segmentation_scores(targets.where(targets != 255, 0), targets, classes)["miou"] == 1


@given(seed=SEEDS, number=st.integers(1, 50))
def test_errors_of_normals_are_angles_that_no_turn_of_both_changes(seed, number):
    generator = torch.Generator().manual_seed(seed)
    one, other = torch.randn(2, 1, 3, 1, number, generator=generator).double()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=generator).double())[0]
    scores = []
    for a, b in ((one, other), (other, one), *[[torch.einsum("ij,bjhw->bihw", turn, v) for v in (one, other)]]):
        errors = NormalErrors()
        errors.update(a, b, torch.ones(1, 1, number, dtype=torch.bool))
        scores.append([errors.scores()[name] for name in ("mean", "median", "rmse")])
    assert 0 <= scores[0][0] <= 180
    assert np.allclose(scores[0], scores[1])
    assert np.allclose(scores[0], scores[2], atol=1e-3)


@given(height=st.integers(8, 30), width=st.integers(8, 30), seed=SEEDS, order=st.sampled_from(["C", "F", "view"]))
def test_boundary_scores_are_shares_whatever_the_order_in_memory(height, width, seed, order):
    rng = np.random.default_rng(seed)
    soft, drawn = rng.random((height, width)) ** 3, rng.random((1, height, width)) < 0.1
    assume(drawn.any())
    stored = {"C": soft, "F": np.asfortranarray(soft), "view": torch.from_numpy(np.ascontiguousarray(soft.T)).T}[order]
    curves = [BoundaryCurve(thresholds=3) for _ in range(2)]
    for curve, one in zip(curves, (soft, stored), strict=True):
        curve.update(one, drawn)
    scores = curves[0].scores()
    assert scores == curves[1].scores()
    assert all(0 <= scores[name] <= 1 for name in ("ods", "ois", "ap"))
