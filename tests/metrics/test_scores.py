"""Scores against brute-force loops and closed forms."""

import math

import pytest
import torch

from pixelnet_edu import normal_scores, segmentation_scores
from pixelnet_edu.metrics import ConfusionMatrix, NormalErrors


def test_miou_equals_a_loop_over_pixels():
    generator = torch.Generator().manual_seed(0)
    predictions = torch.randint(0, 4, (2, 9, 7), generator=generator)
    targets = torch.randint(0, 5, (2, 9, 7), generator=generator)
    targets[targets == 4] = 255
    expected = []
    pairs = [
        (p, t) for p, t in zip(predictions.flatten().tolist(), targets.flatten().tolist(), strict=True) if t != 255
    ]
    for c in range(4):
        intersection = sum(p == c and t == c for p, t in pairs)
        expected.append(intersection / sum(p == c or t == c for p, t in pairs))
    scores = segmentation_scores(predictions, targets, 4)
    assert scores["iou"] == pytest.approx(expected)
    assert scores["miou"] == pytest.approx(sum(expected) / 4)
    assert scores["accuracy"] == pytest.approx(sum(p == t for p, t in pairs) / len(pairs))


def test_one_matrix_for_the_set_is_not_the_mean_over_images():
    matrix = ConfusionMatrix(2)
    matrix.update(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 0, 0]))
    matrix.update(torch.tensor([1]), torch.tensor([1]))
    assert matrix.scores()["iou"] == pytest.approx([3 / 4, 1 / 2])


def test_absent_class_is_left_out_and_hallucinated_class_counts():
    scores = segmentation_scores(torch.tensor([0, 0]), torch.tensor([0, 0]), 3)
    assert scores["miou"] == 1
    assert math.isnan(scores["iou"][2])
    assert segmentation_scores(torch.tensor([0, 2]), torch.tensor([0, 0]), 3)["miou"] == pytest.approx(0.25)


def test_segmentation_errors():
    with pytest.raises(ValueError, match="predictions: found class 5, expected 0 to 2"):
        segmentation_scores(torch.tensor([5]), torch.tensor([0]), 3)
    with pytest.raises(ValueError, match=r"predictions: found shape \(2,\), expected \(3,\)"):
        segmentation_scores(torch.zeros(2).long(), torch.zeros(3).long(), 3)


def rotated(degrees):
    """Return normals (1, 3, 1, M) at the given angles from (0, 0, -1)."""
    angles = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([angles.sin(), torch.zeros_like(angles), -angles.cos()])[None, :, None]


def test_six_numbers_of_known_angles():
    degrees = [0.0, 5.0, 11.25, 20.0, 25.0, 60.0]
    scores = normal_scores(2 * rotated(degrees), rotated([0.0] * 6), torch.ones(1, 1, 6, dtype=torch.bool))
    assert scores["mean"] == pytest.approx(sum(degrees) / 6)
    assert scores["median"] == pytest.approx((11.25 + 20) / 2)
    assert scores["rmse"] == pytest.approx(math.sqrt(sum(d * d for d in degrees) / 6))
    assert scores["within_22_5"] == pytest.approx(100 * 4 / 6)
    assert scores["within_30"] == pytest.approx(100 * 5 / 6)


def test_thresholds_are_strict_and_mask_counts():
    valid = torch.tensor([[[True, True, False]]])
    scores = normal_scores(rotated([30.001, 29.999, 0.0]), rotated([0.0] * 3), valid)
    assert scores["within_30"] == pytest.approx(50)
    assert scores["mean"] == pytest.approx(30, abs=1e-3)


def test_errors_are_pooled_over_images():
    errors = NormalErrors()
    for degrees in ([10.0, 10.0, 10.0], [50.0]):
        n = len(degrees)
        errors.update(rotated(degrees), rotated([0.0] * n), torch.ones(1, 1, n, dtype=torch.bool))
    assert errors.scores()["mean"] == pytest.approx(20)
    with pytest.raises(ValueError, match="no valid pixel"):
        NormalErrors().scores()
