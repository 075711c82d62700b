"""Where the cells of any network lie: measured, by the gradient of a cell.

Where the centre of a cell lies is a matter of paddings, kernels and pools, and no library says it: the first cell of a
level of stride 8 is centred on pixel 0 in torchvision's ResNet, on 3.5 in ConvNeXt, and on 7 in a network that pads as
TensorFlow does, and there only on images whose sides are multiples of the coarsest stride.
"""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

CANVAS = 224  # a multiple of every common stride, 14 and 32 among them


def measure_places(body: nn.Module, maps: Callable[[Tensor, nn.Module], list[Tensor]]) -> list[tuple[int, float]]:
    """Measure stride and offset of each map: what a cell, and the cell diagonally after it, see of an image.

    On an image of one colour, through kernels of which only the middle is left, a cell has a gradient at the few
    pixels around its centre, and next to none elsewhere, whatever the weights. ``maps(images, network)`` are the
    feature maps (B, C, h, w) of a network like ``body`` for images (B, 3, H, W).
    """
    with torch.device("cpu"), torch.enable_grad():
        narrowed, generator = _narrowed(body), torch.Generator().manual_seed(0)
        images = torch.randn(4, 3, 1, 1, generator=generator).repeat(1, 1, CANVAS, CANVAS).requires_grad_()
        return [_place(f, images, generator) for f in maps(images, narrowed)]


@torch.no_grad()
def _narrowed(body: nn.Module) -> nn.Module:
    """Copy a network, its kernels reduced to their middle, of equal weights, its maxima replaced by means."""
    body = copy.deepcopy(body).eval()
    for name, module in list(body.named_modules()):
        if isinstance(module, nn.Conv2d):
            _keep_the_middle(module.weight)
        elif type(module) is nn.MaxPool2d:
            mean = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
            parent, _, child = name.rpartition(".")
            setattr(body.get_submodule(parent), child, mean)
    return body


def _keep_the_middle(kernels: Tensor) -> None:
    """Zero all of a kernel (..., k, k) but its middle, one tap of an odd side and two of an even one; in place."""
    for dim in (-2, -1):
        side = kernels.shape[dim]
        middle = torch.zeros(side)
        middle[(side - 1) // 2 : side // 2 + 1] = 1
        middle *= (side / middle.sum()) ** 0.5  # what comes out stays of one size
        kernels.copy_(kernels.narrow(dim, (side - 1) // 2, 1) * middle.view([side, 1] if dim == -2 else [side]))


def _place(feature: Tensor, images: Tensor, generator: torch.Generator) -> tuple[int, float]:
    """Return stride and offset of a map: a cell in its middle, one column further than rows, is seen where it lies."""
    row, column = feature.shape[2] // 2 - 1, feature.shape[3] // 2
    mixture = torch.randn(feature.shape[:2], generator=generator, dtype=feature.dtype)
    (gradient,) = torch.autograd.grad((feature[:, :, row, column] * mixture).sum(), images, retain_graph=True)
    energy = (gradient / gradient.abs().max()).square().sum((0, 1))
    y, x = (energy > energy.max() / 300).nonzero().double().mean(0).tolist()
    stride = round((x - y) / (column - row))
    return stride, round((y - stride * row) + (x - stride * column)) / 2
