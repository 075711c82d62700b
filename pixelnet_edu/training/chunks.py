"""Any number of pixels in a step, in bounded memory: the backbone runs once, the head chunk by chunk.

Each chunk leaves its gradient on the features; the result is that of one piece, up to rounding.

Shapes: B images, N points an image, K outputs.
"""

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from pixelnet_edu.tasks import Task

POINTS_AT_ONCE = 1 << 16  # of all images together; with the paper's predictor they need about 6 GB


def fits_at_once(points: Tensor) -> bool:
    """Tell whether points (B, N, 2) are few enough for one piece."""
    return points[..., 0].numel() <= POINTS_AT_ONCE


def backward_in_chunks(
    accelerator: Accelerator,
    model: nn.Module,
    task: Task,
    images: Tensor,
    chosen: Tensor,
    points: Tensor,
    weights: Tensor | None,
    shares: Tensor,
) -> Tensor:
    """Do what `mean_loss_backward` does, with ``shares`` (B, N), the part that each point has in the mean loss."""
    net = accelerator.unwrap_model(model)
    with accelerator.autocast():
        features = net.backbone(images)
    leaves, loss = [f.detach().requires_grad_(f.requires_grad) for f in features], torch.zeros((), device=points.device)
    for part in torch.arange(points.shape[1], device=points.device).split(max(1, POINTS_AT_ONCE // len(points))):
        with accelerator.autocast():
            outputs = net.read(leaves, points[:, part])  # (B, n, K)
        mean = task.loss(outputs.float(), chosen[:, part], None if weights is None else weights[:, part])
        part_loss = mean * shares[:, part].sum()
        accelerator.backward(part_loss)
        loss += part_loss.detach()
    learned = [k for k, level in enumerate(features) if level.requires_grad]
    if learned:  # a frozen backbone has none
        torch.autograd.backward([features[k] for k in learned], [leaves[k].grad for k in learned])
    if accelerator.num_processes > 1:  # these gradients have not passed the wrapper that would average them
        for parameter in (p for p in net.parameters() if p.requires_grad):
            parameter.grad = accelerator.reduce(parameter.grad, "mean")
    return loss
