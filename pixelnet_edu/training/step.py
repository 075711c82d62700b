"""The pixels of one training step: which are drawn, and the gradient of their mean loss in bounded memory.

A step may use any number of pixels: beyond ``POINTS_AT_ONCE`` the backbone still runs once, and the head runs part by
part, each part leaving its gradient on the features. The result is that of one piece, up to rounding.
Where several processes share a step, all of them draw the points of all its images, and each keeps those of its own.

Shapes: B images of this process, N points an image, K outputs, H x W pixels.
"""

from collections.abc import Callable

import torch
from accelerate import Accelerator
from torch import Tensor

from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.sampling.samplers import HardPixelSampler, UniformSampler
from pixelnet_edu.tasks import Task, targets_at
from pixelnet_edu.training.distributed import all_rows, own_rows, processes, sum_of_all

POINTS_AT_ONCE = 1 << 16  # of all images together; with the paper's predictor they need about 6 GB
CANDIDATES = 4  # pixels whose loss is looked at for each hard pixel that is drawn


def least_valid(sampler: Callable, n: int) -> int:
    """Return how many valid pixels an image must have so that ``n`` points can be drawn from it."""
    return 1 if getattr(sampler, "draws_void", False) else n


def draw_points(
    model: PixelNet, task: Task, sampler: Callable, images: Tensor, targets: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    """Draw ``n`` points of each image, (B, n, 2).

    Parameters
    ----------
    model : PixelNet
        Tells hard pixels from easy ones; others don't need it.
    task : task
        Knows the valid pixels.
    sampler : callable
        Is given the labels or edges, the valid pixels of normals, or for hard pixels their losses.
    images, targets : Tensor (B, 3, H, W), (B, H, W) or (B, 3, H, W)
    n : int
    generator : torch.Generator
        In the same state on every process.

    Examples
    --------
    >>> from pixelnet_edu import EdgeDetection
    >>> images, targets, one = torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4).long(), torch.Generator().manual_seed(0)
    >>> draw_points(None, EdgeDetection(), UniformSampler(), images, targets, 5, one).shape
    torch.Size([1, 5, 2])
    """
    if isinstance(sampler, HardPixelSampler):
        losses = _losses_of_candidates(model, task, images, targets, n, generator)
        return own_rows(sampler(losses, n, generator).points)
    targets = all_rows(targets)
    strata = task.valid(targets) if targets.dim() == 4 else targets
    return own_rows(sampler(strata, n, generator=generator).points)


@torch.no_grad()
def _losses_of_candidates(
    model: PixelNet, task: Task, images: Tensor, targets: Tensor, n: int, generator: torch.Generator
) -> Tensor:
    """Return the loss of a few uniformly drawn pixels of all processes' images; -1 at others, which are not drawn."""
    valid = task.valid(all_rows(targets))
    number = min(CANDIDATES * n, int(valid.flatten(1).sum(1).min()))
    points = own_rows(UniformSampler()(valid, number, generator).points)
    model.eval()  # looking must not move the running means of batch normalisation
    losses = task.losses(model(images, points).float(), targets_at(targets, points))
    x, y = points.long().unbind(-1)
    maps = torch.full((len(points), *valid.shape[1:]), -1.0, device=losses.device)
    maps[torch.arange(len(maps), device=x.device)[:, None], y, x] = losses
    return all_rows(maps)


def mean_loss_backward(
    accelerator: Accelerator, model: PixelNet, task: Task, images: Tensor, targets: Tensor, points: Tensor
) -> Tensor:
    """Add the gradient of the mean loss at the points to the parameters; return that loss.

    Of several processes each adds its share, the part that its own points have in the mean over all of them.

    Parameters
    ----------
    accelerator : Accelerator
        Chooses the precision and runs the backward pass.
    model, task
        As in training.
    images, targets : Tensor (B, 3, H, W), (B, H, W) or (B, 3, H, W)
    points : Tensor (B, N, 2)
        Void ones count for nothing.

    Returns
    -------
    Tensor ()
        Without a gradient; the mean over the points of all processes.
    """
    chosen = targets_at(targets, points)
    share = _share(task, chosen)
    if points.shape[:2].numel() > POINTS_AT_ONCE:
        return sum_of_all(_backward_in_parts(accelerator, model, task, images, chosen, points, share))
    with accelerator.autocast():
        outputs = model(images, points)  # (B, N, K)
    loss = task.loss(outputs.float(), chosen) * share
    accelerator.backward(loss)
    return sum_of_all(loss.detach())


def _backward_in_parts(
    accelerator: Accelerator,
    model: PixelNet,
    task: Task,
    images: Tensor,
    chosen: Tensor,
    points: Tensor,
    share: Tensor | float,
) -> Tensor:
    """Do the same with the head running on a part of the points at a time."""
    with accelerator.autocast():
        features = model.backbone(images)
    leaves = [level.detach().requires_grad_() for level in features]
    size = max(1, POINTS_AT_ONCE // len(points))
    shares = _valid(task, chosen).split(size, 1)
    number, total = sum(part.sum() for part in shares).clamp(min=1), 0
    for part, targets, valid in zip(points.split(size, 1), chosen.split(size, 1), shares, strict=True):
        with accelerator.autocast():
            outputs = model.read(leaves, part)
        loss = task.loss(outputs.float(), targets) * valid.sum() / number * share
        accelerator.backward(loss)
        total = total + loss.detach()
    torch.autograd.backward(features, [leaf.grad for leaf in leaves])
    return total


def _share(task: Task, chosen: Tensor) -> Tensor | float:
    """Return how many of the valid points of all processes are this one's, as a share."""
    if processes().num_processes == 1:
        return 1.0
    number = _valid(task, chosen).sum()
    return number / sum_of_all(number).clamp(min=1)


def _valid(task: Task, chosen: Tensor) -> Tensor:
    """Tell which targets at points, (B, N) or (B, N, 3), are valid, (B, N)."""
    return task.valid(chosen.movedim(-1, 1) if chosen.dim() == 3 else chosen)
