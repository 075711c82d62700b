"""Training: a few pixels of a few images at every step, on Hugging Face accelerate.

Each step draws images, draws pixels in each (the sampler), predicts those pixels only, and averages their losses. All
random choices follow from the seed and the step, so a resumed run continues as if it had never stopped. Several
processes share out the images of each step and end with the network of one (:mod:`pixelnet_edu.training.distributed`).
Source: five images a step and 2,000 pixels an image, as in the paper's released recipe (PixelNet, arXiv 1702.06506).

Shapes: B images a step, N points an image, K outputs, H x W pixels.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import send_to_device, set_seed
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import Task
from pixelnet_edu.training.batches import Batches, Samples, mix
from pixelnet_edu.training.checkpoints import check_weights, newest_checkpoint, write_log
from pixelnet_edu.training.config import build_optimizer, build_schedule
from pixelnet_edu.training.distributed import on_main, share_network, sum_gradients
from pixelnet_edu.training.evaluation import evaluate
from pixelnet_edu.training.step import draw_points, least_valid, mean_loss_backward


@dataclass(frozen=True)
class TrainingConfig:
    """How to train; the defaults are the paper's recipe.

    Parameters
    ----------
    steps : int
        Steps of SGD in all.
    images_per_step, points_per_image : int
        Size of a batch; several processes share its images out.
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
    evaluate_every, checkpoint_every, log_every : int
        Steps between two scores on the validation set, two checkpoints, and two rows of the log. 0 evaluates at the
        end only.
    precision : "no" or "bf16"
        Mixed precision, as accelerate names it.
    seed : int
        Source of every random choice.
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
    evaluate_every: int = 0
    checkpoint_every: int = 1000
    log_every: int = 50
    precision: str = "no"
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the values that a typing mistake would spoil."""
        if self.schedule not in ("step", "onecycle"):
            raise ValueError(f"schedule: found {self.schedule!r}, expected 'step' or 'onecycle'")
        for name in ("steps", "images_per_step", "points_per_image", "checkpoint_every", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: found {getattr(self, name)}, expected at least 1")


def seed_everything(seed: int) -> torch.Generator:
    """Seed Python, NumPy and torch, and return a generator with that seed.

    Examples
    --------
    >>> torch.rand(1, generator=seed_everything(3)).equal(torch.rand(1, generator=seed_everything(3)))
    True
    """
    set_seed(seed)
    return torch.Generator().manual_seed(seed)


def fit(
    model: PixelNet,
    task: Task,
    dataset: Dataset,
    sampler: Callable,
    config: TrainingConfig,
    augment: Callable | None = None,
    validation: Dataset | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    on_step: Callable[[int, float, PixelNet], None] | None = None,
) -> list[dict]:
    """Train a network in place.

    N processes, started by `torchrun` or `accelerate launch`, give the network, the log and the checkpoints that one
    gives, up to rounding. Dropout alone makes them differ by more: each process draws masks of its own, in distribution
    the same.

    Parameters
    ----------
    model : PixelNet
        Trained in place; on a GPU where there is one.
    task : task
        Target, valid pixels, loss.
    dataset : Dataset
        Samples with ``image`` and the task's target, of one size after ``augment``.
    sampler : callable
        ``sampler(map, n, generator)``: which pixels; it is given the labels or edges, or the valid pixels of normals.
    config : TrainingConfig
        How to train.
    augment : callable, optional
        ``augment(sample, generator)``.
    validation : Dataset, optional
        Scored every ``config.evaluate_every`` steps and at the end.
    folder : path, optional
        Where ``log.csv`` and the checkpoints go; None writes nothing.
    resume : bool
        Whether to continue from the newest checkpoint in ``folder``.
    progress : bool
        Whether the main process draws a progress bar with the loss and the score.
    on_step : callable, optional
        ``on_step(step, seconds, model)`` after each step, before its checkpoint, on the main process; its own time is
        not counted.

    Returns
    -------
    list of dict
        The rows of the log: ``step``, ``loss`` (mean since the last row), ``learning_rate``, ``score``, ``seconds``.

    Raises
    ------
    ValueError
        If the samples lack the target, an image has too few valid pixels, the loss is no longer finite, or there are
        more processes than images in a step.
    FileNotFoundError
        If there is no checkpoint to resume from.
    """
    trainer = _Trainer(model, task, dataset, sampler, config, augment, validation, folder, on_step)
    if resume:
        trainer.load()
    return trainer.run(progress)


class _Trainer:
    """The state of one training run."""

    def __init__(self, model, task, dataset, sampler, config, augment, validation, folder, on_step) -> None:
        if not len(dataset):
            raise ValueError("dataset: found no samples, expected at least one to train on")
        self.task, self.sampler, self.config, self.validation, self.on_step = task, sampler, config, validation, on_step
        self.folder = Path(folder) if folder else None
        if self.folder:
            self.folder.mkdir(parents=True, exist_ok=True)
        self.step, self.log, self.losses = 0, [], []
        seed_everything(config.seed)
        AcceleratorState._reset_state()  # else a second run of this process could not choose another precision
        self.accelerator = Accelerator(
            cpu=not torch.cuda.is_available(), mixed_precision=config.precision, step_scheduler_with_optimizer=False
        )
        optimizer = build_optimizer(model, config)
        schedule = build_schedule(optimizer, config)
        self.samples = Samples(dataset, augment, task, least_valid(sampler, config.points_per_image))
        self.model = self.accelerator.prepare_model(model, evaluation_mode=True)  # else it would sum gradients itself
        share_network(self.model)
        self.optimizer, self.schedule = self.accelerator.prepare(optimizer, schedule)
        self.accelerator.register_for_checkpointing(self)

    def run(self, progress: bool) -> list[dict]:
        """Take the remaining steps."""
        config, self.start = self.config, time.perf_counter() - (self.log[-1]["seconds"] if self.log else 0)
        hidden = not (progress and self.accelerator.is_main_process)
        with tqdm(total=config.steps, initial=self.step, disable=hidden, desc="train", dynamic_ncols=True) as bar:
            for batch in self._loader():
                self.losses.append(self._take_step(*send_to_device(batch, self.accelerator.device)))
                self.step += 1
                self._after_step(bar)
                bar.update()
        return self.log

    def _after_step(self, bar: tqdm) -> None:
        """Score, log, tell and save where it is time."""
        config, last = self.config, self.step == self.config.steps
        scored = self.validation is not None and (last or _every(self.step, config.evaluate_every))
        if last or scored or _every(self.step, config.log_every):
            self._write_row(on_main(self._evaluate) if scored else None, time.perf_counter() - self.start)
            bar.set_postfix(loss=f"{self.log[-1]['loss']:.3f}", **self._last_score())
        if self.on_step and self.accelerator.is_main_process:
            before = time.perf_counter()
            self.on_step(self.step, before - self.start, self.accelerator.unwrap_model(self.model))
            self.start += time.perf_counter() - before
        if self.folder and self.accelerator.is_main_process and (last or _every(self.step, config.checkpoint_every)):
            self.save()

    def _loader(self) -> DataLoader:
        """Serve this process's part of the batches from the current step on."""
        config = self.config
        batches = Batches(len(self.samples.dataset), config.images_per_step, config.steps, self.step, config.seed)
        return DataLoader(self.samples, batch_sampler=batches)

    def _take_step(self, images: Tensor, targets: Tensor, seeds: Tensor) -> Tensor:
        """Draw pixels, predict them, and follow the gradient of their mean loss."""
        torch.manual_seed(mix(int(seeds[0]), 1))  # dropout; seeds of this process's images
        first = mix(self.config.seed, self.step * self.config.images_per_step)  # that of all processes' first image
        generator = torch.Generator().manual_seed(mix(first, 2))
        n = self.config.points_per_image
        points = draw_points(self.model, self.task, self.sampler, images, targets, n, generator)
        self.model.train()
        self.optimizer.zero_grad()
        loss = mean_loss_backward(self.accelerator, self.model, self.task, images, targets, points)
        sum_gradients(self.model.parameters())
        if self.config.clip_norm is not None:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        end = getattr(self.schedule.scheduler, "total_steps", self.config.steps)
        if self.step < end:  # a run that was made longer stays at its last rate
            self.schedule.step()
        return loss

    def _evaluate(self) -> float:
        """Score the validation set by the task's leading number."""
        with self.accelerator.autocast():
            scores = evaluate(self.accelerator.unwrap_model(self.model), self.task, self.validation)
        return scores[self.task.score]

    def _write_row(self, score: float | None, seconds: float) -> None:
        """Append a row to the log, in memory and on disk."""
        loss = sum(float(loss) for loss in self.losses) / len(self.losses)
        self.losses = []
        if not loss < float("inf"):
            raise ValueError(
                f"loss: found {loss} near step {self.step}, expected a finite number; lower learning_rate "
                f"(now {self.config.learning_rate}) or set clip_norm"
            )
        rate = self.schedule.get_last_lr()[0]
        row = {"step": self.step, "loss": loss, "learning_rate": rate, "score": score, "seconds": seconds}
        self.log.append(row)
        if self.folder and self.accelerator.is_main_process:
            write_log(self.folder / "log.csv", self.log)

    def _last_score(self) -> dict:
        """Return the newest score for the progress bar, if there is one."""
        scores = [row["score"] for row in self.log if row["score"] is not None]
        return {self.task.score: f"{scores[-1]:.3f}"} if scores else {}

    def state_dict(self) -> dict:
        """Return what a checkpoint holds beside the network and the optimiser."""
        return {"step": self.step, "log": self.log, "losses": [float(loss) for loss in self.losses]}

    def load_state_dict(self, state: dict) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.step, self.log, self.losses = state["step"], state["log"], state["losses"]

    def save(self) -> None:
        """Write a checkpoint, then remove the older ones; there always is a whole one."""
        final = self.folder / f"checkpoint-{self.step:07d}"
        temporary = self.folder / f"writing-{self.step:07d}"
        shutil.rmtree(temporary, ignore_errors=True)
        self.accelerator.save_state(str(temporary), safe_serialization=True)
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        for older in self.folder.glob("checkpoint-*"):
            if older != final:
                shutil.rmtree(older)

    def load(self) -> None:
        """Continue from the newest checkpoint, whatever the number of processes that wrote it."""
        checkpoint = newest_checkpoint(self.folder)
        check_weights(self.accelerator.unwrap_model(self.model), checkpoint / "model.safetensors")
        self.accelerator.load_state(str(checkpoint))
        self.accelerator.wait_for_everyone()  # before one of them may remove it


def _every(step: int, interval: int) -> bool:
    """Tell whether something that happens every ``interval`` steps happens now; 0 is never."""
    return interval > 0 and step % interval == 0
