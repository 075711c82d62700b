"""One training step: which pixels are drawn, and the gradient of their mean loss.

Shapes: B images, N points an image, K outputs, H x W pixels; targets are (B, H, W) or (B, 3, H, W).
"""

from collections.abc import Callable

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.sampling import PixelSample, UniformSampler
from pixelnet_edu.tasks import Task, targets_at, valid_at
from pixelnet_edu.training.chunks import backward_in_chunks, fits_at_once

CANDIDATES = 4  # pixels whose loss is looked at for each hard pixel that is drawn


class DivergedError(ValueError):
    """The loss is no longer finite."""


def draw_points(
    model: PixelNet, task: Task, sampler: Callable, images: Tensor, targets: Tensor, n: int, generator: torch.Generator
) -> PixelSample:
    """Draw ``n`` points of each image, (B, n, 2), with the inclusion probability of each, (B, n).

    The sampler is given labels or edges; of targets that are real numbers the valid pixels; or, if it ``wants_losses``,
    the losses of a few uniformly drawn pixels by ``model``.

    Examples
    --------
    >>> from pixelnet_edu import EdgeDetection
    >>> images, targets, one = torch.zeros(1, 3, 4, 4), torch.zeros(1, 4, 4).long(), torch.Generator().manual_seed(0)
    >>> draw_points(None, EdgeDetection(), UniformSampler(), images, targets, 5, one).points.shape
    torch.Size([1, 5, 2])
    """
    valid = task.valid(targets)  # (B, H, W)
    if not getattr(sampler, "wants_losses", False):
        sample = sampler(valid if targets.is_floating_point() else targets, n, generator=generator)
        if not isinstance(sample, PixelSample):
            found = f"a {type(sample).__name__} from {type(sampler).__name__}"
            raise TypeError(f"sampler: found {found}, expected PixelSample(points, probabilities)")
        return sample
    number = min(CANDIDATES * n, int(valid.flatten(1).sum(1).min()))
    candidates = UniformSampler()(valid, number, generator)
    sample = sampler(_losses_at(candidates.points, model, task, images, targets), n, generator)
    return PixelSample(sample.points, sample.probabilities * candidates.probabilities[:, :1])


@torch.no_grad()
def _losses_at(points: Tensor, model: PixelNet, task: Task, images: Tensor, targets: Tensor) -> Tensor:
    """Return the losses at the points as maps (B, H, W), -1 elsewhere, where nothing is to be drawn."""
    model.eval()  # looking must not move the running means of batch normalisation
    losses = task.losses(model(images, points).float(), targets_at(targets, points))
    x, y = points.long().unbind(-1)
    maps = losses.new_full((len(points), *targets.shape[-2:]), -1.0)
    if not losses.isfinite().all():
        raise DivergedError(
            "loss: found a loss that is not finite, expected finite ones; lower learning_rate or set clip_norm"
        )
    maps[torch.arange(len(maps), device=x.device)[:, None], y, x] = losses
    return maps


def mean_loss_backward(
    accelerator: Accelerator,
    model: nn.Module,
    task: Task,
    images: Tensor,
    targets: Tensor,
    sample: PixelSample,
    reweight: bool = False,
) -> Tensor:
    """Add the gradient of the mean loss at the drawn points to the parameters; return that loss, without a gradient.

    Void points count for nothing. With ``reweight`` the mean is that over all valid pixels of the images, estimated
    from the drawn ones without bias (Horvitz and Thompson). Of several processes each takes the mean over its own
    points; what follows is the mean of their gradients, so unequal void weighs processes alike, not points.
    """
    chosen = targets_at(targets, sample.points)  # (B, N) or (B, N, 3)
    shares = valid_at(task, chosen)  # (B, N)
    weights, total = None, shares.sum().clamp(min=1)
    if reweight:
        weights = 1 / sample.probabilities
        shares, total = shares * weights, task.valid(targets).sum().clamp(min=1)
    if not fits_at_once(sample.points):
        return backward_in_chunks(accelerator, model, task, images, chosen, sample.points, weights, shares / total)
    with accelerator.autocast():
        outputs = model(images, sample.points)  # (B, N, K)
    loss = task.loss(outputs.float(), chosen, weights)
    loss = loss * (shares.sum() / total) if reweight else loss
    accelerator.backward(loss)
    return loss.detach()
