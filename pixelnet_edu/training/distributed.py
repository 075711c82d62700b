"""Several processes that train one network: what each has of a batch, what they add up, what one of them does alone.

Every process has a copy of the network and every N-th image of each batch. They exchange target maps, sums of batch
normalisation, numbers of valid points, losses and gradients, so that N processes take the step that one would take.
`torchrun` and `accelerate launch` start them; a single process exchanges nothing.

Shapes: N processes, B images in the batch of all of them, C channels, H x W cells.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from accelerate import PartialState
from torch import Tensor, nn

WAIT = timedelta(hours=6)  # how long the others wait while the main process scores a test set


def processes() -> PartialState:
    """Return the processes that were started together: their number and this one's place; they meet at the first call.

    Examples
    --------
    >>> processes().num_processes, processes().is_main_process
    (1, True)
    """
    return PartialState(cpu=not torch.cuda.is_available(), timeout=WAIT)


def on_main(act: Callable[[], object]):
    """Let the main process act; every process returns what it returned, or raises what it raised.

    Examples
    --------
    >>> on_main(lambda: 3)
    3
    """
    if processes().num_processes == 1:
        return act()
    outcome = [None, None]
    if processes().is_main_process:
        try:
            outcome[0] = act()
        except Exception as error:
            outcome[1] = error
    dist.broadcast_object_list(outcome)
    if outcome[1] is not None:
        raise outcome[1]
    return outcome[0]


def own_rows(rows: Tensor | range) -> Tensor | range:
    """Return this process's rows of a batch (B, ...): every N-th.

    Examples
    --------
    >>> own_rows(torch.arange(3))
    tensor([0, 1, 2])
    """
    return rows[processes().process_index :: processes().num_processes]


def all_rows(own: Tensor) -> Tensor:
    """Return the batch (B, ...) whose rows :func:`own_rows` has shared out.

    Examples
    --------
    >>> all_rows(own_rows(torch.arange(3)))
    tensor([0, 1, 2])
    """
    number = processes().num_processes
    if number == 1:
        return own
    total = int(sum_of_all(torch.tensor(len(own), device=own.device)))
    padded = own.new_zeros(-(-total // number), *own.shape[1:])
    padded[: len(own)] = own
    parts = [torch.empty_like(padded) for _ in range(number)]
    dist.all_gather(parts, padded)
    return torch.stack(parts, 1).flatten(0, 1)[:total]


def sum_of_all(tensor: Tensor) -> Tensor:
    """Add up a tensor over the processes; its gradient is the sum of theirs.

    Examples
    --------
    >>> sum_of_all(torch.tensor(2.0))
    tensor(2.)
    """
    return tensor if processes().num_processes == 1 else _Sum.apply(tensor)


class _Sum(torch.autograd.Function):
    """A sum over the processes that gradients pass."""

    @staticmethod
    def forward(ctx, tensor: Tensor) -> Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return _Sum.apply(gradient)


def sum_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace the gradients by their sums over the processes, in one exchange."""
    if processes().num_processes == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(total)
    for gradient, part in zip(gradients, total.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view(gradient.shape))


def share_network(model: nn.Module) -> None:
    """Give every process the main one's weights, and batch normalisation the statistics of the batch of all."""
    if processes().num_processes == 1:
        return
    for tensor in model.state_dict().values():
        value = tensor.contiguous()
        dist.broadcast(value, 0)
        tensor.copy_(value)
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm  # the same parameters, buffers and names


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch normalisation by the mean and variance of the images of all processes, on any device.

    In evaluation, and in a single process, it is torch's own.
    Source: as `torch.nn.SyncBatchNorm`, which needs a GPU.

    Examples
    --------
    >>> x = torch.rand(2, 3, 4, 4)
    >>> SharedBatchNorm(3)(x).equal(nn.BatchNorm2d(3)(x))
    True
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B/N, C, H, W)."""
        if not self.training or processes().num_processes == 1:
            return super().forward(x)
        values = x.to(torch.promote_types(x.dtype, torch.float32))  # also in mixed precision
        sums = sum_of_all(torch.cat([values.sum((0, 2, 3)), values.new_full((1,), values[:, 0].numel())]))
        mean, number = sums[:-1] / sums[-1], sums[-1]
        centred = values - mean.view(-1, 1, 1)
        variance = sum_of_all(centred.square().sum((0, 2, 3))) / number
        self._track(mean, variance * number / (number - 1))  # unbiased, as torch's
        normal = centred * (variance + self.eps).rsqrt().view(-1, 1, 1)
        if self.affine:
            normal = normal * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)
        return normal.to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of the batch."""
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
