"""The pixels of a step: parts give the gradient of the whole, hard pixels are hard, void ones count for nothing."""

import time
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator

from pixelnet_edu import (
    EdgeDetection,
    HardPixelSampler,
    MLPHead,
    PatchSampler,
    PixelNet,
    RoomScenes,
    SemanticSegmentation,
    SmallVGG,
    StratifiedSampler,
    SurfaceNormals,
    TrainingConfig,
    UniformSampler,
    fit,
)
from pixelnet_edu.model.backbones import NormalizedLevels
from pixelnet_edu.model.geometry import pixel_grid
from pixelnet_edu.sampling.drawing import PixelSample
from pixelnet_edu.sampling.other_samplers import AnyPixelSampler, SpatialSampler
from pixelnet_edu.tasks import targets_at
from pixelnet_edu.training import chunks
from pixelnet_edu.training.step import draw_points, mean_loss_backward

SCENES = [RoomScenes(size=32, num_scenes=2, seed=3)[k] for k in range(2)]
IMAGES = torch.stack([scene["image"] for scene in SCENES])
TASKS = (SemanticSegmentation(RoomScenes.classes, RoomScenes.palette), SurfaceNormals(), EdgeDetection())


def net(outputs):
    torch.manual_seed(0)
    return PixelNet(SmallVGG((4, 8, 8), convs=1), MLPHead(20, outputs, hidden=(8,), dropout=0.0))


def targets_of(task):
    """Stack the targets, the left third void."""
    targets = torch.stack([scene[task.target] for scene in SCENES]).clone()
    targets[..., :11] = 0 if task.target == "normals" else 255
    return targets


@pytest.mark.parametrize("reweight", [False, True])
@pytest.mark.parametrize("task", TASKS)
def test_chunks_give_the_gradient_of_the_whole(task, reweight, monkeypatch):
    sample = PixelSample(pixel_grid(32, 32, "cpu").expand(2, -1, -1), torch.rand(2, 1024) + 0.1)
    whole, parts = net(task.num_outputs), net(task.num_outputs)
    of_all = Accelerator(cpu=True), whole, task, IMAGES, targets_of(task), sample, reweight
    losses = [mean_loss_backward(*of_all)]
    monkeypatch.setattr(chunks, "POINTS_AT_ONCE", 300)
    losses.append(mean_loss_backward(of_all[0], parts, *of_all[2:]))
    assert losses[0] == pytest.approx(float(losses[1]), rel=1e-5)
    for a, b in zip(whole.parameters(), parts.parameters(), strict=True):
        assert torch.allclose(a.grad, b.grad, atol=1e-6)
    for a, b in zip(whole.buffers(), parts.buffers(), strict=True):
        assert a.equal(b)


@pytest.mark.parametrize("task", TASKS)
def test_losses_average_to_the_loss(task):
    targets, outputs = targets_of(task), torch.randn(2, 40, task.num_outputs)
    points = UniformSampler()(task.valid(targets), 40, torch.Generator().manual_seed(0)).points
    chosen = targets_at(targets, points)
    assert task.losses(outputs, chosen).shape == (2, 40)
    assert task.loss(outputs, chosen) == pytest.approx(float(task.losses(outputs, chosen).mean()), rel=1e-5)


def test_hard_pixels_are_hard_and_looking_leaves_no_trace():
    task = TASKS[0]
    model, targets = net(7).train(), targets_of(task)
    model.head.layers[-1].weight.data *= 100  # so that losses differ
    before = [buffer.clone() for buffer in model.buffers()]

    def mean_loss(sampler):
        draws = [
            draw_points(model, task, sampler, IMAGES, targets, 50, torch.Generator().manual_seed(k)).points
            for k in range(5)
        ]
        model.eval()
        with torch.no_grad():
            return sum(float(task.loss(model(IMAGES, p), targets_at(targets, p))) for p in draws) / 5

    assert mean_loss(HardPixelSampler()) > 1.1 * mean_loss(UniformSampler())
    assert all(a.equal(b) for a, b in zip(before, model.buffers(), strict=True))


def test_every_pixel_is_drawn_once_and_void_ones_cost_nothing():
    task, model = TASKS[0], net(7).eval()
    targets = targets_of(task)
    points = draw_points(model, task, AnyPixelSampler(), IMAGES, targets, 1024, torch.Generator().manual_seed(0))[0]
    assert (points[..., 1] * 32 + points[..., 0]).sort(1)[0].equal(torch.arange(1024.0).expand(2, -1))
    dense = F.cross_entropy(model.predict(IMAGES), targets, ignore_index=255)
    with torch.no_grad():
        loss = task.loss(model(IMAGES, points), targets_at(targets, points))
    assert float(loss) == pytest.approx(float(dense), rel=1e-5)


SAMPLERS = [UniformSampler(), StratifiedSampler("equal"), HardPixelSampler(), PatchSampler(), AnyPixelSampler()]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: type(sampler).__name__)
def test_a_reweighted_loss_is_unbiased_whatever_the_sampler_prefers(sampler):
    task, model, targets = TASKS[0], net(7).eval(), targets_of(TASKS[0])
    model.head.layers[-1].weight.data *= 30  # so that losses differ
    accelerator, dense = Accelerator(cpu=True), F.cross_entropy(model.predict(IMAGES), targets, ignore_index=255)
    found = {True: [], False: []}
    for k in range(300):
        sample = draw_points(model, task, sampler, IMAGES, targets, 40, torch.Generator().manual_seed(k))
        for reweight, losses in found.items():
            losses.append(float(mean_loss_backward(accelerator, model.eval(), task, IMAGES, targets, sample, reweight)))

    def standard_errors_off(losses):
        losses = torch.tensor(losses)
        return float((losses.mean() - dense).abs() / (losses.std() / len(losses) ** 0.5))

    assert standard_errors_off(found[True]) < 4
    if isinstance(sampler, StratifiedSampler | HardPixelSampler):
        assert standard_errors_off(found[False]) > 10


def test_images_with_many_void_pixels_can_be_trained_on():
    scene = {"image": IMAGES[0], "labels": targets_of(TASKS[0])[0]}
    config = TrainingConfig(steps=1, images_per_step=1, points_per_image=1024)
    assert fit(net(7), TASKS[0], [scene], AnyPixelSampler(), config, progress=False)
    with pytest.raises(ValueError, match="found 672 pixels with a target, expected at least 1024"):
        fit(net(7), TASKS[0], [scene], UniformSampler(), config, progress=False)


def test_spatial_sample_is_even():
    valid = torch.ones(1, 16, 16, dtype=torch.bool)
    valid[:, :8, :8] = False
    points = SpatialSampler(2, 2)(valid, 30, torch.Generator().manual_seed(0)).points[0].long()
    cells = (points[:, 1] // 8) * 2 + points[:, 0] // 8
    assert cells.bincount(minlength=4).tolist() == [0, 10, 10, 10]


def test_levels_are_normalised_beside_the_main_path():
    backbone = SmallVGG((4, 8), convs=1)
    normed = NormalizedLevels(backbone)
    for level, found in zip(backbone(IMAGES), normed(IMAGES), strict=True):
        mean, variance = level.mean((0, 2, 3), keepdim=True), level.var((0, 2, 3), correction=0, keepdim=True)
        assert torch.allclose(found, (level - mean) / (variance + 1e-5).sqrt(), atol=1e-5)


def test_on_step_is_told_every_step_and_its_own_time_is_not_counted():
    seen = []

    def slow(step, seconds, model):
        seen.append((step, seconds))
        time.sleep(0.5)

    config = TrainingConfig(steps=3, images_per_step=1, points_per_image=50, log_every=1)
    log = fit(net(7), TASKS[0], SCENES, UniformSampler(), replace(config), progress=False, on_step=slow)
    assert [step for step, _ in seen] == [1, 2, 3]
    assert log[-1]["seconds"] - log[0]["seconds"] < 0.9
