"""On a GPU, results are those of the plain path too. Skipped where there is none."""

import copy

import pytest
import torch
from test_pixelnet import distance

from pixelnet_edu import (
    BalancedSampler,
    MLPHead,
    PatchSampler,
    PixelNet,
    RoomScenes,
    SmallVGG,
    StratifiedSampler,
    TrainingConfig,
    UniformSampler,
    dense_hypercolumns,
    fit,
    sample_hypercolumns,
)
from pixelnet_edu.experiments.cost import memory, peers, workloads
from pixelnet_edu.experiments.cost.ratios import label_maps
from pixelnet_edu.model.adaptive import predict_adaptive
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import build_task

DEVICE = "cuda"
SIZES = [(64, 96), (37, 50), (33, 47)]
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="found no GPU")


@pytest.fixture
def net():
    torch.manual_seed(0)
    backbone = SmallVGG((4, 6, 8, 8, 8))
    return PixelNet(backbone, MLPHead(backbone.hypercolumn_channels, 7, hidden=(48, 24), dropout=0)).to(DEVICE).eval()


def draw(size, n=300):
    """Draw two images, and points of them up to the very border."""
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(2, n, 2, generator=generator) * torch.tensor([size[1], size[0]]) - 0.5
    return torch.rand(2, 3, *size, generator=generator).to(DEVICE), points.to(DEVICE)


def with_gradients(outputs, of):
    """Return outputs, and the gradients of a random projection of them."""
    upstream = torch.rand(outputs.shape, generator=torch.Generator().manual_seed(2)).to(DEVICE)
    return [outputs.detach(), *torch.autograd.grad((outputs.float() * upstream).sum(), of)]


@pytest.mark.parametrize("size", SIZES)
def test_extraction_is_that_of_grid_sample(net, size):
    images, points = draw(size)
    maps = [feature.detach().requires_grad_() for feature in net.backbone(images)]
    readers = (sample_hypercolumns, peers.grid_sample_hypercolumns)
    found, expected = (with_gradients(read(maps, points, net.backbone.levels), maps) for read in readers)
    torch.testing.assert_close(found[0], expected[0], atol=1e-5, rtol=0)
    assert max(map(distance, found[1:], expected[1:])) < 1e-4


@pytest.mark.parametrize("size", SIZES)
def test_outputs_and_gradients_are_those_of_the_plain_path(net, size):
    images, points = draw(size)
    maps = [feature.detach().requires_grad_() for feature in net.backbone(images)]
    of = [*maps, *net.head.parameters()]

    def by(read):
        return with_gradients(read(maps, points), of)

    def plainly(maps, points):
        return peers.plain_mlp(net.head)(sample_hypercolumns(maps, points, net.backbone.levels))

    found, expected = by(net.read), by(plainly)
    torch.testing.assert_close(found[0], expected[0], atol=1e-5, rtol=1e-5)
    assert max(map(distance, found[1:], expected[1:])) < 1e-4
    with torch.autocast(DEVICE, torch.bfloat16):
        found, peer = by(net.read), by(plainly)
    errors, peer_errors = (list(map(distance, side, expected)) for side in (found, peer))
    assert errors[0] < 0.02
    assert all(e < 1.5 * p + 0.003 for e, p in zip(errors, peer_errors, strict=True))


@pytest.mark.parametrize("size", SIZES)
def test_every_pixel_is_that_of_the_dense_path(net, size):
    images, _ = draw(size)
    with torch.no_grad():
        volume = dense_hypercolumns(net.backbone(images), net.backbone.levels, size)
        expected = net.head(volume.movedim(1, -1)).movedim(-1, 1)
    torch.testing.assert_close(net.predict(images, max_points=100), expected, atol=1e-5, rtol=1e-5)


def test_adaptive_prediction_computes_the_exact_answers(net):
    images, task = draw((37, 50))[0][:1], build_task(preset("segmentation", "rooms", "laptop"))
    outputs, computed = predict_adaptive(net, images, task)
    assert computed.any()
    torch.testing.assert_close(outputs[..., computed], net.predict(images)[..., computed], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "sampler", [UniformSampler(), StratifiedSampler("square-root"), BalancedSampler(), PatchSampler()]
)
def test_samplers_draw_the_points_that_they_draw_on_the_processor(sampler):
    labels = label_maps((60, 80))
    maps = labels if isinstance(sampler, StratifiedSampler) else labels == 1
    here, there = (sampler(m, 200, torch.Generator().manual_seed(3)) for m in (maps, maps.to(DEVICE)))
    assert there.points.device.type == DEVICE
    assert here.points.equal(there.points.cpu())
    torch.testing.assert_close(here.probabilities, there.probabilities.cpu())


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_training_learns_and_its_checkpoint_loads(net, tmp_path, precision):
    task, scenes, folder = build_task(preset("segmentation", "rooms", "laptop")), RoomScenes(32, 4), tmp_path / "run"
    config = TrainingConfig(30, 4, 100, 0.1, checkpoint_every=10, log_every=10, precision=precision)
    start = copy.deepcopy(net.state_dict())
    rows = fit(net, task, scenes, UniformSampler(), config, validation=scenes, folder=folder, progress=False)
    assert rows[-1]["loss"] < 0.95 * rows[0]["loss"]
    assert next(net.parameters()).device.type == DEVICE
    trained = copy.deepcopy(net.state_dict())
    net.load_state_dict(start)
    fit(net, task, scenes, UniformSampler(), config, folder=folder, resume=True, progress=False)
    assert all(value.equal(trained[name]) for name, value in net.state_dict().items())


def test_memory_is_that_of_the_gpu_in_a_fresh_process():
    found = memory.measure(workloads.step, workloads.Workload("tiny", (32, 32), 1, 50))
    assert found["peak_bytes"] > found["before_bytes"] > 0
    assert found["peak_bytes"] < 1e8  # a process with torch in it is larger
