"""Adaptive prediction: a coarse grid of pixels first, then only those where neighbouring answers disagree.

Most of an image is dull: its pixels are answered by their neighbours. So a grid of every eighth pixel is predicted, and
made twice as dense by interpolation; where two neighbours disagree (the task says what that means), those of them that
were interpolated are predicted; and so again with the new answers, until nothing changes. Then the grid is made denser
again, until every pixel is a node of it.
Source: the subdivision of PointRend (Kirillov et al., CVPR 2020), here with a criterion instead of a number of points.

Shapes: K outputs a pixel, H x W pixels, h x w nodes of the grid at one spacing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelnet_edu.model.interfaces import Judge

if TYPE_CHECKING:
    from pixelnet_edu.model.pixelnet import PixelNet

COMPUTED = 0.2  # the share of pixels that is computed, about: it tells which levels are better multiplied first


@torch.no_grad()
def predict_adaptive(net: "PixelNet", image: Tensor, task: Judge) -> tuple[Tensor, Tensor]:
    """Predict every pixel of an image, computing as few as the task allows.

    Parameters
    ----------
    net : PixelNet
        Evaluated in evaluation mode, then left in the mode that it was in.
    image : Tensor (1, 3, H, W)
        RGB in [0, 1].
    task : task
        Its ``spacing``, a power of two, is the number of pixels between neighbours of the first grid; its ``disagree``
        tells between which answers not to interpolate.

    Returns
    -------
    outputs : Tensor (1, K, H, W)
        Raw outputs; those of computed pixels are the exact ones, up to rounding.
    computed : Tensor (H, W), bool
        Which pixels were computed; the others are interpolated.

    Raises
    ------
    ValueError
        If there is not one image.

    Examples
    --------
    >>> from pixelnet_edu import LinearHead, PixelNet, SmallVGG, SurfaceNormals
    >>> net = PixelNet(SmallVGG((4, 4)), LinearHead(8, 3))
    >>> outputs, computed = predict_adaptive(net, torch.zeros(1, 3, 33, 65), SurfaceNormals())
    >>> outputs.shape, bool(computed[::8, ::8].all())
    (torch.Size([1, 3, 33, 65]), True)
    """
    if len(image) != 1:
        raise ValueError(f"image: found shape {tuple(image.shape)}, expected (1, 3, H, W); pass one image at a time")
    with evaluating(net):
        read = net.reader(net.backbone(image), round(COMPUTED * image[0, 0].numel()))
        return _refine(lambda points: read(points[None])[0], image, task)


@contextmanager
def evaluating(net: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode for a while; each module returns to the mode that it was in."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _refine(read: Callable[[Tensor], Tensor], image: Tensor, task: Judge) -> tuple[Tensor, Tensor]:
    """Predict the coarse grid, then halve its spacing until every pixel is a node."""
    spacing = task.spacing
    computed = torch.ones(_nodes(image, spacing), dtype=torch.bool, device=image.device)
    outputs = read(_points(computed, image, spacing)).T.unflatten(1, computed.shape)[None]
    while spacing > 1:
        spacing //= 2
        outputs, computed = _enlarge(outputs, computed, _nodes(image, spacing))
        _settle(read, outputs, computed, image, task, spacing)
    return outputs, computed


def _nodes(image: Tensor, spacing: int) -> tuple[int, int]:
    """Return how many nodes reach from the first to the last pixel, or past it, in each direction."""
    rows, columns = (-(-(side - 1) // spacing) + 1 for side in image.shape[-2:])
    return rows, columns


def _points(nodes: Tensor, image: Tensor, spacing: int) -> Tensor:
    """Return the pixels (n, 2) of the marked nodes (h, w); a node past the border is the border pixel."""
    y, x = nodes.nonzero().mul(spacing).unbind(1)
    return torch.stack([x.clamp(max=image.shape[-1] - 1), y.clamp(max=image.shape[-2] - 1)], 1).float()


def _enlarge(outputs: Tensor, computed: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Put a node between any two neighbours, interpolated, and cut the grid to the size."""
    h, w = (2 * n - 1 for n in computed.shape)
    finer = F.interpolate(outputs, (h, w), mode="bilinear", align_corners=True)
    marks = computed.new_zeros(h, w)
    marks[::2, ::2] = computed
    return finer[..., : size[0], : size[1]], marks[: size[0], : size[1]]


def _settle(
    read: Callable[[Tensor], Tensor], outputs: Tensor, computed: Tensor, image: Tensor, task: Judge, spacing: int
) -> None:
    """Compute, in place, the interpolated nodes that disagree with a neighbour, until none is left.

    After the first round few are left, and a round costs more than its nodes: their neighbours are computed with them.
    """
    answers = task.answers(outputs)
    wanted = _disputed(answers, task) & ~computed
    while wanted.any():
        found = read(_points(wanted, image, spacing)).T[None]
        outputs[..., wanted], answers[..., wanted] = found, task.answers(found)
        computed |= wanted
        left = _disputed(answers, task) & ~computed
        wanted = (F.max_pool2d(left[None].float(), 3, 1, 1)[0] > 0) & ~computed


def _disputed(answers: Tensor, task: Judge) -> Tensor:
    """Mark the nodes (h, w) that disagree with the one to the left, right, above or below."""
    across = task.disagree(answers[..., 1:], answers[..., :-1])[0]
    down = task.disagree(answers[..., 1:, :], answers[..., :-1, :])[0]
    return F.pad(across, (1, 0)) | F.pad(across, (0, 1)) | F.pad(down, (0, 0, 1, 0)) | F.pad(down, (0, 0, 0, 1))
