"""How to train, in plain values; the optimiser and the schedule made from them; the precision that suits a machine.

Source: the released solvers of the paper (PixelNet, arXiv 1702.06506), in which biases learn twice as fast and do not
decay; the one-cycle schedule is torch's.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import inf

import torch
from accelerate import PartialState
from accelerate.utils import set_seed
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR, StepLR

from pixelnet_edu.checks import check_name, check_real, check_whole

MOST = 2**31 - 1  # of steps, pixels, seeds
WAIT = timedelta(hours=6)  # how long other processes wait while the main one scores a test set


@dataclass(frozen=True)
class TrainingConfig:
    """How to train; the defaults are the paper's recipe.

    Parameters
    ----------
    steps : int
        Steps of SGD in all.
    images_per_step, points_per_image : int
        Size of a batch, of each process.
    learning_rate, momentum, weight_decay : float
        SGD; biases learn twice as fast and do not decay, as in the released solvers.
    schedule : "step" or "onecycle"
        "step" multiplies the rate by ``gamma`` every ``step_size`` steps; "onecycle" warms up and anneals.
    step_size : int
        Steps between two drops of the rate.
    gamma : float
        Factor of a drop.
    clip_norm : float, optional
        Largest norm of the gradient; None leaves it as it is.
    reweight : bool
        Whether each pixel counts by the inverse of its inclusion probability, so that the loss of a step is an unbiased
        estimate of the mean over all valid pixels of its images, whatever the sampler prefers.
    evaluate_every, checkpoint_every, log_every : int
        Steps between two scores on the validation set, two checkpoints, and two rows of the log. 0 evaluates at the
        end only.
    precision : "no" or "bf16"
        Mixed precision, as accelerate names it.
    seed : int
        Source of every random choice.

    Raises
    ------
    TypeError, ValueError
        For a value of the wrong kind, not finite or beyond its limits.
    """

    steps: int = 20_000
    images_per_step: int = 5
    points_per_image: int = 2000
    learning_rate: float = 1e-3
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: str = "step"
    step_size: int = 100_000
    gamma: float = 0.1
    clip_norm: float | None = None
    reweight: bool = False
    evaluate_every: int = 0
    checkpoint_every: int = 1000
    log_every: int = 50
    precision: str = "no"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values, which may come from a file that was edited."""
        check_name("schedule", self.schedule, ("step", "onecycle"))
        check_name("precision", self.precision, ("no", "bf16"))
        for name in ("steps", "images_per_step", "points_per_image", "step_size", "checkpoint_every", "log_every"):
            check_whole(name, getattr(self, name), least=1, most=MOST)
        check_whole("evaluate_every", self.evaluate_every, least=0)
        check_whole("seed", self.seed, least=0, most=MOST)
        for name, below in (("learning_rate", inf), ("momentum", 1), ("weight_decay", inf), ("gamma", inf)):
            check_real(name, getattr(self, name), 0, below)
        if self.clip_norm is not None:
            check_real("clip_norm", self.clip_norm, 0)
        if not isinstance(self.reweight, bool):
            raise TypeError(f"reweight: found {self.reweight!r}, expected True or False")


def build_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.SGD:
    """Build SGD with momentum: weights decay; biases and batch-norm parameters do not, and learn twice as fast.

    Examples
    --------
    >>> [group["lr"] for group in build_optimizer(nn.Linear(2, 1), TrainingConfig(learning_rate=0.1)).param_groups]
    [0.1, 0.2]
    """
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [
        {"params": matrices, "lr": config.learning_rate, "weight_decay": config.weight_decay},
        {"params": vectors, "lr": 2 * config.learning_rate, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, momentum=config.momentum)


def build_schedule(optimizer: torch.optim.Optimizer, config: TrainingConfig) -> LRScheduler:
    """Build the schedule of the learning rate."""
    if config.schedule == "step":
        return StepLR(optimizer, config.step_size, config.gamma)
    rates = [group["lr"] for group in optimizer.param_groups]
    return OneCycleLR(optimizer, rates, total_steps=config.steps + 1, cycle_momentum=False)


def has_fast_bf16() -> bool:
    """Tell whether this machine computes faster in bfloat16: a GPU, or a processor with instructions for it.

    A processor with AVX-512 alone emulates them: right, but several times slower than float32.
    """
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has_instructions = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.backends.mkldnn.is_available() and has_instructions


def fast_precision() -> str:
    """Return the precision to train in on this machine: bf16 only where it has units for it, since emulating crawls.

    Examples
    --------
    >>> fast_precision() in ("bf16", "no")
    True
    """
    return "bf16" if has_fast_bf16() else "no"


def seed_everything(seed: int) -> torch.Generator:
    """Seed Python, NumPy and torch, and return a generator with that seed.

    Examples
    --------
    >>> torch.rand(1, generator=seed_everything(3)).equal(torch.rand(1, generator=seed_everything(3)))
    True
    """
    set_seed(seed)
    return torch.Generator().manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Give torch's generators a seed for a while: what draws from them repeats itself, and leaves no trace.

    Examples
    --------
    >>> before = torch.get_rng_state()
    >>> with seeded(3):
    ...     print(torch.rand(1))
    tensor([0.0043])
    >>> torch.get_rng_state().equal(before)
    True
    """
    on_gpu = torch.cuda.is_available()
    with torch.random.fork_rng([torch.cuda.current_device()] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.manual_seed(seed)
        yield


def processes() -> PartialState:
    """Return the processes that a launcher started together: their number and this one's place; they meet here first.

    Examples
    --------
    >>> processes().num_processes, processes().is_main_process
    (1, True)
    """
    return PartialState(cpu=not torch.cuda.is_available(), timeout=WAIT)
