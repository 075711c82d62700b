"""Losses against torch's and closed forms; void and invalid pixels; decoding; colours."""

import pytest
import torch
import torch.nn.functional as F

from pixelnet_edu import EdgeDetection, RoomScenes, SemanticSegmentation, SurfaceNormals
from pixelnet_edu.tasks import targets_at
from pixelnet_edu.training import trained
from pixelnet_edu.training.evaluation import measure

PALETTE = torch.tensor([[0, 0, 0], [255, 0, 0], [0, 255, 0]], dtype=torch.uint8)
SEGMENTATION = SemanticSegmentation(("a", "b", "c"), PALETTE)


def test_segmentation_loss_is_cross_entropy_without_void():
    logits = torch.randn(2, 6, 3)
    targets = torch.tensor([[0, 1, 2, 255, 255, 1], [2, 2, 255, 0, 1, 0]])
    kept = targets != 255
    assert float(SEGMENTATION.loss(logits, targets)) == pytest.approx(
        float(F.cross_entropy(logits[kept], targets[kept]))
    )


def test_normals_loss_is_one_minus_cosine_and_half_the_squared_distance():
    outputs = torch.randn(2, 5, 3)
    targets = F.normalize(torch.randn(2, 5, 3), dim=-1)
    targets[0, 3] = 0
    valid = targets.square().sum(-1) > 0.5
    unit = F.normalize(outputs, dim=-1)[valid]
    expected = ((unit - targets[valid]) ** 2).sum(-1).mean() / 2
    assert float(SurfaceNormals().loss(outputs, targets)) == pytest.approx(float(expected), rel=1e-5)
    assert float(SurfaceNormals().loss(3 * targets[:, :3], targets[:, :3])) == pytest.approx(0, abs=1e-6)


def test_edge_loss_is_unweighted_sigmoid_cross_entropy():
    outputs, targets = torch.randn(2, 4, 1), torch.tensor([[0, 1, 255, 0], [1, 1, 0, 255]])
    kept = targets != 255
    expected = F.binary_cross_entropy_with_logits(outputs[..., 0][kept], targets[kept].float())
    assert float(EdgeDetection().loss(outputs, targets)) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize(
    ("task", "outputs", "targets"),
    [
        (SEGMENTATION, torch.randn(1, 3, 3), torch.tensor([[0, 1, 2]])),
        (SurfaceNormals(), torch.randn(1, 3, 3), F.normalize(torch.randn(1, 3, 3), dim=-1)),
        (EdgeDetection(), torch.randn(1, 3, 1), torch.tensor([[0, 1, 1]])),
    ],
)
def test_weights_reweight_the_mean(task, outputs, targets):
    each = [float(task.loss(outputs[:, k : k + 1], targets[:, k : k + 1])) for k in range(3)]
    weighted = task.loss(outputs, targets, weights=torch.tensor([[1.0, 2.0, 5.0]]))
    assert float(weighted) == pytest.approx((each[0] + 2 * each[1] + 5 * each[2]) / 8, rel=1e-5)


def test_losses_of_nothing_are_zero_and_have_a_gradient():
    outputs = torch.randn(1, 2, 3, requires_grad=True)
    SEGMENTATION.loss(outputs, torch.full((1, 2), 255)).backward()
    assert float(outputs.grad.abs().sum()) == 0


def test_decoding():
    outputs = torch.randn(2, 3, 4, 5)
    assert SEGMENTATION.decode(outputs).equal(outputs.argmax(1))
    torch.testing.assert_close(SurfaceNormals().decode(outputs).norm(dim=1), torch.ones(2, 4, 5))
    torch.testing.assert_close(EdgeDetection().decode(outputs[:, :1]), outputs[:, 0].sigmoid())


def test_colors():
    labels = torch.tensor([[[0, 1, 255]]])
    colors = SEGMENTATION.colors(labels)[0, :, 0]
    assert colors[:, 1].tolist() == [1, 0, 0]
    assert len(set(colors[:, 2].tolist())) == 1
    facing = torch.tensor([0.0, 0.0, -1.0]).view(1, 3, 1, 1)
    assert SurfaceNormals().colors(facing).flatten().tolist() == [0.5, 0.5, 1.0]
    assert EdgeDetection().colors(torch.tensor([[[1, 0]]]))[0, :, 0].tolist() == [[0, 1]] * 3


def test_targets_at_reads_rows_and_columns():
    labels = torch.arange(12).view(1, 3, 4)
    points = torch.tensor([[[3.0, 0.0], [0.0, 2.0]]])
    assert targets_at(labels, points).tolist() == [[3, 8]]
    normals = torch.stack([labels, 10 * labels, 100 * labels], 1).float()
    assert targets_at(normals, points)[0].tolist() == [[3, 30, 300], [8, 80, 800]]


def test_class_out_of_range_is_named():
    with pytest.raises(ValueError, match="edges: found class 7, expected 0 to 1, or 255 for void"):
        EdgeDetection().loss(torch.randn(1, 1, 1), torch.tensor([[7]]))
    with pytest.raises(ValueError, match="labels: found class 7, expected 0 to 2, or 255 for void"):
        SEGMENTATION.loss(torch.randn(1, 1, 3), torch.tensor([[7]]))


@pytest.mark.parametrize("name", ["segmentation", "normals", "edges"])
def test_leading_score_is_found_again_from_what_each_image_adds(name):
    net, task = trained(f"rooms-{name}")
    meter = measure(net.cpu(), task, RoomScenes(96, 4, seed=1))
    counts, scores = meter.counts(), meter.scores()
    assert len(counts) == 4
    assert float(task.pooled(counts.sum(0))) == pytest.approx(
        scores[task.score], abs=0.05 if name == "normals" else 1e-3
    )
    assert task.pooled(counts[:, None]).shape == (4, 1)
    fewer = measure(net, task, RoomScenes(96, 2, seed=1)).scores()
    assert float(task.pooled(counts[:2].sum(0))) == pytest.approx(
        fewer[task.score], abs=0.05 if name == "normals" else 1e-3
    )
