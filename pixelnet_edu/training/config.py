"""The optimizer and the schedule of a training configuration.

Source: the released solvers of the paper (PixelNet, arXiv 1702.06506), in which biases learn twice as fast and do not
decay; the one-cycle schedule is torch's.
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR


def build_optimizer(model: nn.Module, config) -> torch.optim.SGD:
    """Build SGD with momentum for a `TrainingConfig`.

    Weights decay; biases and batch-norm parameters do not, and learn twice as fast.

    Examples
    --------
    >>> from pixelnet_edu.training.trainer import TrainingConfig
    >>> [group["lr"] for group in build_optimizer(nn.Linear(2, 1), TrainingConfig(learning_rate=0.1)).param_groups]
    [0.1, 0.2]
    """
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    rate = config.learning_rate
    groups = [
        {"params": matrices, "lr": rate, "weight_decay": config.weight_decay},
        {"params": vectors, "lr": 2 * rate, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, momentum=config.momentum)


def build_schedule(optimizer: torch.optim.Optimizer, config) -> LRScheduler:
    """Build the schedule of the learning rate for a `TrainingConfig`."""
    if config.schedule == "step":
        return StepLR(optimizer, config.step_size, config.gamma)
    rates = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, rates, total_steps=config.steps + 1, cycle_momentum=False)
