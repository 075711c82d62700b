"""What is computed while the clock runs: a network, images and points of some size, and the operations on them.

A workload is plain values, so that a fresh process can build it. Our operation and its peer work on the same network,
images, points and optimiser; only the way differs.

Shapes: B images, N points an image, K outputs, H x W pixels.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu.experiments.cost.peers import backward_all_pixels, plain_outputs, plain_predict
from pixelnet_edu.model.backbones import VGG16, SmallVGG
from pixelnet_edu.model.heads import MLPHead
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.pretrained import LITE0_NAME, TimmBackbone

NUM_CLASSES = 21
CHUNK = 8192  # pixels whose graph is alive at a time where all pixels are trained on in chunks

NETWORKS = {
    "paper": "VGG-16 with fc6 and fc7, MLP 4096-4096 with dropout 0.5",
    "laptop": "SmallVGG 16-32-64-96-128, MLP 256",
    "photographs": "EfficientNet-Lite0, MLP 256",
    "tiny": "SmallVGG 8-8-16-16-16, MLP 64-64 with dropout 0.5",
}


class Workload(NamedTuple):
    """The size of what is computed.

    Parameters
    ----------
    network : str
        One of ``NETWORKS``.
    size : (int, int)
        Height and width of the images.
    images, points : int
        Images, and points of each.
    """

    network: str
    size: tuple[int, int]
    images: int
    points: int


class Setup(NamedTuple):
    """A workload that is ready to run: everything on one device, gradients and momentum in place."""

    net: PixelNet
    images: Tensor
    points: Tensor
    labels: Tensor
    optimizer: torch.optim.Optimizer | None


def device() -> torch.device:
    """Return where everything is measured: the GPU, if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def build_network(name: str) -> PixelNet:
    """Build one of ``NETWORKS`` with weights that follow from seed 0.

    Examples
    --------
    >>> build_network("laptop").head.in_channels
    336
    """
    torch.manual_seed(0)
    if name == "paper":
        backbone, hidden, dropout = VGG16(), (4096, 4096), 0.5
    elif name == "laptop":
        backbone, hidden, dropout = SmallVGG(), (256,), 0.0
    elif name == "photographs":
        backbone, hidden, dropout = TimmBackbone(LITE0_NAME), (256,), 0.0
    else:
        backbone, hidden, dropout = SmallVGG((8, 8, 16, 16, 16)), (64, 64), 0.5
    return PixelNet(backbone, MLPHead(backbone.hypercolumn_channels, NUM_CLASSES, hidden, dropout))


def build(workload: Workload, training: bool) -> Setup:
    """Build a workload; for training with the gradients and the momentum of all weights allocated."""
    net = build_network(workload.network).to(device()).train(training)
    generator = torch.Generator().manual_seed(0)
    B, (H, W), N = workload.images, workload.size, workload.points
    images = torch.rand(B, 3, H, W, generator=generator)
    points = torch.stack([torch.randint(side, (B, N), generator=generator) for side in (W, H)], -1).float()
    labels = torch.randint(NUM_CLASSES, (B, H, W), generator=generator)
    optimizer = _ready_optimizer(net) if training else None
    return Setup(net, images.to(device()), points.to(device()), labels.to(device()), optimizer)


def _ready_optimizer(net: PixelNet) -> torch.optim.Optimizer:
    """Make SGD that has taken a step of length zero, so that its memory is there from the start."""
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    return optimizer


def step(setup: Setup, outputs_at: Callable[[Tensor, Tensor], Tensor] | None = None) -> None:
    """Take a training step our way, unless another way to the outputs at points is given."""
    setup.optimizer.zero_grad()
    outputs = (outputs_at or setup.net)(setup.images, setup.points).float()
    image = torch.arange(len(setup.images), device=outputs.device)[:, None]
    targets = setup.labels[image, setup.points[..., 1].long(), setup.points[..., 0].long()]
    F.cross_entropy(outputs.flatten(0, 1), targets.flatten()).backward()
    setup.optimizer.step()


def in_bf16(operation: Callable[[Setup], None], setup: Setup) -> None:
    """Do an operation in mixed precision."""
    with torch.autocast(setup.images.device.type, torch.bfloat16):
        operation(setup)


def plain_step(setup: Setup) -> None:
    """Take a training step the obvious way."""
    step(setup, partial(plain_outputs, setup.net))


def all_pixels_step(setup: Setup, chunk: int | None = None) -> None:
    """Take a training step on every pixel the obvious way; in one graph without ``chunk``."""
    setup.optimizer.zero_grad()
    backward_all_pixels(setup.net, setup.images, setup.labels, chunk or setup.labels[0].numel())
    setup.optimizer.step()


def chunked_step(setup: Setup) -> None:
    """Take a training step on every pixel the obvious way, in chunks."""
    all_pixels_step(setup, CHUNK)


def backbone_step(setup: Setup) -> None:
    """Only the backbone's forward and backward pass; the head's gradients stay allocated."""
    setup.net.backbone.zero_grad()
    features = setup.net.backbone(setup.images)
    torch.autograd.backward(features, [torch.ones_like(feature) for feature in features])


def predict(setup: Setup) -> None:
    """Predict every pixel our way."""
    setup.net.predict(setup.images)


def full_size_predict(setup: Setup) -> None:
    """Predict every pixel the obvious way."""
    plain_predict(setup.net, setup.images)


@torch.no_grad()
def backbone_predict(setup: Setup) -> None:
    """Only the backbone's forward pass."""
    setup.net.backbone(setup.images)


PREDICTING = (predict, full_size_predict, backbone_predict)
