"""The bench's other sides do what the package does, and its arithmetic is the paper's."""

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pixelnet_edu import VGG16, MLPHead, PixelNet, SemanticSegmentation, SmallVGG, StratifiedSampler
from pixelnet_edu.experiments.cost import peers, ratios
from pixelnet_edu.experiments.cost.costs import step_cost
from pixelnet_edu.experiments.cost.run import paper_costs
from pixelnet_edu.model.geometry import pixel_grid
from pixelnet_edu.model.hypercolumns import sample_hypercolumns


@pytest.fixture
def net():
    torch.manual_seed(0)
    backbone = SmallVGG((4, 6, 8, 8, 8))
    return PixelNet(backbone, MLPHead(backbone.hypercolumn_channels, 5, hidden=(16, 12), dropout=0.0))


def gradients(net, loss):
    return torch.autograd.grad(loss, list(net.parameters()))


@pytest.mark.parametrize("size", [(32, 48), (37, 50)])
def test_peer_of_extraction_reads_the_same(net, size):
    images, points = torch.rand(2, 3, *size), torch.rand(2, 30, 2) * torch.tensor([size[1] - 1.0, size[0] - 1.0])
    maps = [feature.detach().requires_grad_() for feature in net.backbone(images)]
    weights = torch.rand(2, 30, net.backbone.hypercolumn_channels)
    found = []
    for read in (sample_hypercolumns, peers.grid_sample_hypercolumns):
        columns = read(maps, points, net.backbone.levels)
        found.append((columns, torch.autograd.grad(columns, maps, weights)))
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-4)


def test_peer_of_the_step_has_the_same_gradients(net):
    images, points = torch.rand(2, 3, 40, 33), torch.rand(2, 25, 2) * 32
    targets = torch.randint(5, (2, 25))
    task = SemanticSegmentation("abcde", torch.zeros(5, 3))
    ways = (net, partial(peers.plain_outputs, net))
    ours, peer = (gradients(net, task.loss(way(images, points), targets)) for way in ways)
    torch.testing.assert_close(ours, peer, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("chunk", [100, 10_000])
def test_all_pixels_in_chunks_give_the_gradient_of_the_mean_loss(net, chunk):
    images, labels = torch.rand(2, 3, 17, 19), torch.randint(5, (2, 17, 19))
    outputs = net(images, pixel_grid(17, 19).expand(2, -1, -1))
    loss = F.cross_entropy(outputs.flatten(0, 1), labels.flatten())
    expected = gradients(net, loss)
    net.zero_grad()
    torch.testing.assert_close(peers.backward_all_pixels(net, images, labels, chunk), loss.detach())
    torch.testing.assert_close([p.grad for p in net.parameters()], list(expected), atol=1e-5, rtol=1e-3)


def test_peer_of_prediction_predicts_the_same(net):
    images = torch.rand(2, 3, 32, 64)
    expected = net.predict(images)
    torch.testing.assert_close(peers.plain_predict(net.eval(), images), expected, atol=1e-5, rtol=1e-4)


def test_plain_mlp_is_the_papers_predictor():
    layers = peers.plain_mlp(MLPHead(6, 3, hidden=(5, 4)))
    assert [getattr(layer, "p", None) for layer in layers] == [None, None, 0.5, None, None, 0.5, None]
    assert all(layer.training for layer in layers)


def test_peer_of_sampling_draws_as_many_of_each_class():
    labels = ratios.label_maps((120, 100), number=3)
    labels[:, :5] = 255
    ours = StratifiedSampler("square-root")(labels, 400, generator=torch.Generator().manual_seed(0)).points
    peer = torch.from_numpy(peers.per_class_loop(labels.numpy(), 400, np.random.RandomState(0)))
    for image in range(3):
        drawn = [
            labels[image, p[:, 1].long(), p[:, 0].long()].bincount(minlength=256) for p in (ours[image], peer[image])
        ]
        assert (drawn[0] - drawn[1]).abs().max() <= 1  # a tie of remainders may be broken either way
        assert drawn[1][255] == 0
        assert len(peer[image].unique(dim=0)) == 400


def test_label_maps_have_rare_classes():
    shares = ratios.label_maps((480, 480)).flatten(1)[2].bincount() / 480**2
    assert len(shares) == 12
    assert shares.tolist() == pytest.approx(ratios.CLASS_SHARES, abs=1e-4)


def macs_by_hand(backbone, size):
    """Every convolution multiplies its kernel with every cell of its level."""
    return sum(
        (size[0] // level.stride) * (size[1] // level.stride) * module.weight.numel()
        for level, stage in zip(backbone.levels, backbone.stages, strict=True)
        for module in stage.modules()
        if isinstance(module, nn.Conv2d)
    )


@pytest.mark.parametrize(("size", "giga"), [((224, 224), 15.3), ((424, 424), 54.8)])  # Caffe's pools round up: 55.2
def test_macs_of_the_convolutions(size, giga):
    with torch.device("meta"):
        backbone, head = VGG16(fc=False), MLPHead(1472, 21)
    cost = step_cost(backbone, head, size, images=1, points=1)
    assert cost["backbone_macs"] == macs_by_hand(backbone, size)
    assert round(cost["backbone_macs"] / 1e9, 1) == giga


def test_costs_of_the_papers_predictor():
    with torch.device("meta"):
        head, hypercolumns = MLPHead(5568, 21), torch.rand(10_000, 5568)
    with FlopCounterMode(display=False) as counter:
        head(hypercolumns)
    few, every = paper_costs()["4 %"], paper_costs()["all"]
    assert few["head_macs"] == counter.get_total_flops() // 2
    assert round(few["head_macs_per_point"] / 1e6, 2) == 39.67
    assert (round(few["head_macs"] / 1e9), round(every["head_macs"] / 1e9)) == (397, 1990)
    assert (few["hypercolumn_bytes_per_point"], few["hidden_bytes_per_point"]) == (22_272, 32_768)
    assert [round(few[f"{name}_bytes"] / 1e6) for name in ("hypercolumn", "hidden")] == [223, 328]
    assert [round(every[f"{name}_bytes"] / 1e9, 2) for name in ("hypercolumn", "hidden")] == [1.12, 1.64]
    assert few["step_macs"] == 3 * (few["backbone_macs"] + few["head_macs"])


def test_fewest_products_are_a_cells_or_a_points():
    few, every = paper_costs()["4 %"], paper_costs()["all"]
    fine, coarse = 64 + 128 + 256, 784 * 512 + 196 * 512 + 49 * 4096  # conv1_2 to conv3_3; conv4_3 to fc7, by cells
    others = 4096 * (4096 + 21)  # the other layers, at every point
    assert few["fewest_head_macs"] == 5 * (4096 * (2000 * fine + coarse) + 2000 * others)
    cells = sum((224 // stride) ** 2 * width for stride, width in ((1, 64), (2, 128), (4, 256))) + coarse
    assert every["fewest_head_macs"] == 4096 * cells + 224**2 * others


def test_fewest_products_of_few_points_are_one_a_point():
    cost = step_cost(SmallVGG(), MLPHead(336, 7, hidden=(8,)), (96, 96), images=2, points=5)
    assert cost["fewest_head_macs"] == cost["head_macs"]
