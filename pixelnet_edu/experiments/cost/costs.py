"""What a step costs by arithmetic alone: multiply-adds of the backbone and the head, bytes of what they keep.

A convolution multiplies its kernel with every cell, a linear layer its matrix with every point. The backward pass
multiplies twice as much: once for the gradient of the weights and once for that of the input.

Shapes: B images, N points an image, C hypercolumn channels, H x W pixels.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pixelnet_edu.model.backbones import VGG16
from pixelnet_edu.model.heads import MLPHead

FLOAT_BYTES = 4
FORWARD_AND_BACKWARD = 3  # products of the forward size: outputs, gradients of weights, gradients of inputs


def step_cost(backbone: nn.Module, head: nn.Module, size: tuple[int, int], images: int, points: int) -> dict:
    """Count the multiply-adds and bytes of a training step in float32, as if hypercolumns were concatenated.

    Parameters
    ----------
    backbone : nn.Module
        A backbone of the package; its weights may be on the meta device.
    head : nn.Module
        A predictor of linear layers.
    size : (int, int)
        Height and width of the images.
    images : int
        Images B of a step.
    points : int
        Points N of an image; H * W for all of them.

    Returns
    -------
    dict
        ``backbone_macs`` and ``head_macs`` of the forward pass; ``step_macs`` of both passes, of which a frozen
        backbone has the first only; ``head_macs_per_point``; ``fewest_head_macs``, where the first layer's products are
        a cell's or a point's on each level, whichever are fewer; ``hypercolumn_bytes`` and ``hidden_bytes``
        (activations of the hidden layers) of all points, and of one.

    Examples
    --------
    >>> from pixelnet_edu import MLPHead, SmallVGG
    >>> cost = step_cost(SmallVGG(), MLPHead(336, 7, hidden=(256,)), (96, 96), images=5, points=369)
    >>> cost["head_macs_per_point"], cost["hypercolumn_bytes_per_point"], cost["backbone_macs"]
    (87808, 1344, 590561280)
    """
    linears = [module for module in head.modules() if isinstance(module, nn.Linear)]
    of_a_point = {
        "head_macs": sum(linear.weight.numel() for linear in linears),
        "hypercolumn_bytes": FLOAT_BYTES * backbone.hypercolumn_channels,
        "hidden_bytes": FLOAT_BYTES * sum(linear.out_features for linear in linears[:-1]),
    }
    backbone_macs, features = _forward(backbone, *size)
    cost = {"backbone_macs": images * backbone_macs}
    saved = sum(max(points - f[0, 0].numel(), 0) * f.shape[1] for f in features) * linears[0].out_features
    for name, value in of_a_point.items():
        cost |= {name: images * points * value, f"{name}_per_point": value}
    cost |= {"fewest_head_macs": cost["head_macs"] - images * saved}
    is_trained = any(weight.requires_grad for weight in backbone.parameters() if weight.dim() > 1)
    passes = FORWARD_AND_BACKWARD if is_trained else 1
    return cost | {"step_macs": passes * cost["backbone_macs"] + FORWARD_AND_BACKWARD * cost["head_macs"]}


def paper_cost(images: int, points: int) -> dict:
    """Count a step of the paper's network, VGG-16 with fc6 and fc7 and the 4096-4096 predictor, at 224 x 224.

    Examples
    --------
    >>> paper_cost(5, 2000)["head_macs_per_point"]
    39669760
    """
    with torch.device("meta"):  # shapes without numbers
        backbone = VGG16()
        head = MLPHead(backbone.hypercolumn_channels, 21)
    return step_cost(backbone, head, (224, 224), images, points)


def _forward(backbone: nn.Module, *size: int) -> tuple[int, list[Tensor]]:
    """Count the multiply-adds of one image's forward pass with torch's counter, on the meta device; return its maps."""
    with FlopCounterMode(display=False) as counter:
        features = deepcopy(backbone).eval().to("meta")(torch.empty(1, 3, *size, device="meta"))
    return counter.get_total_flops() // 2, features
