"""Training: a few pixels of a few images at every step, on Hugging Face accelerate.

Each step draws images, draws pixels in each (the sampler), predicts those pixels only, and averages their losses. All
random choices follow from the seed and the step, so a resumed run continues as if it had never stopped, and the
caller's own generators are neither read nor moved. Several processes are accelerate's: each draws its own images, so
the batch grows with their number, and torch's DistributedDataParallel averages their gradients.
Source: five images a step and 2,000 pixels an image, as in the paper's released recipe (PixelNet, arXiv 1702.06506).
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.data_loader import BatchSamplerShard
from accelerate.state import AcceleratorState
from accelerate.utils import GradientAccumulationPlugin, send_to_device
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.stopping import asked, between_steps
from pixelnet_edu.tasks import Task
from pixelnet_edu.training.batches import Batches, Samples, loader, mix
from pixelnet_edu.training.checkpoints import Journal
from pixelnet_edu.training.config import TrainingConfig, build_optimizer, build_schedule, processes, seeded
from pixelnet_edu.training.evaluation import evaluate
from pixelnet_edu.training.step import DivergedError, draw_points, mean_loss_backward


def fit(
    model: PixelNet,
    task: Task,
    dataset: SampleSet,
    sampler: Callable,
    config: TrainingConfig,
    augment: Callable | None = None,
    validation: SampleSet | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    on_step: Callable[[int, float, PixelNet], None] | None = None,
    workers: int | None = None,
) -> list[dict]:
    """Train a network in place, on a GPU where there is one.

    Networks of one seed that begin alike end alike. A second ``fit`` of the same network goes on where the first ended:
    it draws other images and pixels, and says so beside the progress bar.

    Parameters
    ----------
    model, task, config : PixelNet, Task, TrainingConfig
    dataset, validation : SampleSet
        Samples with ``image`` and the task's target, of one size after ``augment``; what is scored every
        ``config.evaluate_every`` steps and at the end.
    sampler : callable
        ``sampler(map, n, generator)``: which pixels; it is given the labels or edges, or the valid pixels of normals.
    augment : callable, optional
        ``augment(sample, generator)``.
    folder : path, optional
        Where ``log.csv`` and the checkpoints go; with ``resume`` the newest one is continued, FileNotFoundError if
        there is none.
    progress : bool
        Whether the main process draws a progress bar with the loss and the score.
    on_step : callable, optional
        ``on_step(step, seconds, model)`` after each step, before its checkpoint, on the main process, off the clock.
    workers : int, optional
        Processes that read images, which changes no number; by default none, or on a GPU up to eight to keep it busy.

    Returns
    -------
    list of dict
        The rows of the log: ``step``, ``loss`` (mean since the last row), ``learning_rate``, ``score``, ``seconds``.

    Raises
    ------
    ValueError
        If the samples lack the target, images are not RGB in [0, 1] or have too few valid pixels, the network has
        another number of outputs than the task, or the loss is no longer finite.
    """
    if model.head.num_outputs != task.num_outputs:
        found = f"{model.head.num_outputs} outputs of the network"
        raise ValueError(
            f"task: found {found}, expected {task.num_outputs}; build the head with the task's num_outputs"
        )
    trainer = _Trainer(model, task, sampler, config, validation, folder and Path(folder), on_step)
    if resume:
        trainer.resume()
    return trainer.run(dataset, augment, progress, workers)


class _Trainer:
    """The state of one training run."""

    def __init__(self, model, task, sampler, config, validation, folder, on_step) -> None:  # noqa: ANN001 (those of `fit`)
        self.net, self.task, self.sampler, self.config = model, task, sampler, config
        self.validation, self.on_step, self.step, self.losses = validation, on_step, 0, []
        self.seed = mix(config.seed, model.steps_trained) if model.steps_trained else config.seed
        processes()  # so that they wait long enough for each other
        AcceleratorState._reset_state()  # else a second run of this process could not choose another precision
        once = GradientAccumulationPlugin(num_steps=1)  # whatever the environment says
        on_cpu = not torch.cuda.is_available()
        self.accelerator = Accelerator(cpu=on_cpu, mixed_precision=config.precision, gradient_accumulation_plugin=once)
        self.accelerator.step_scheduler_with_optimizer = False
        if self.accelerator.num_processes > 1 and torch.cuda.is_available():
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # processors each keep their own statistics
        optimizer = build_optimizer(model, config)
        schedule = build_schedule(optimizer, config)
        self.journal = Journal(folder, self.accelerator.is_main_process, config, model, optimizer, schedule)
        self.model, self.optimizer, self.schedule = self.accelerator.prepare(model, optimizer, schedule)

    def resume(self) -> None:
        """Continue from the newest checkpoint."""
        self.step, self.seed, self.losses = self.journal.load()
        self.net.steps_trained = self.step
        self.accelerator.wait_for_everyone()  # before one of them removes it

    def run(self, dataset: SampleSet, augment: Callable | None, progress: bool, workers: int | None) -> list[dict]:
        """Take the remaining steps."""
        log, hidden = self.journal.log, not (progress and self.accelerator.is_main_process)
        self.start = time.perf_counter() - (log[-1]["seconds"] if log else 0)
        with tqdm(total=self.config.steps, initial=self.step, disable=hidden, desc="train", dynamic_ncols=True) as bar:
            if self.net.steps_trained > self.step and not hidden:
                bar.write(f"fit: trained for {self.net.steps_trained} steps before; other images and pixels are drawn")
            with between_steps():
                for batch in self._loader(dataset, augment, workers):
                    self._take_step(batch)
                    self._after_step(bar)
                    bar.update()
                    if asked() and self.step < self.config.steps:
                        raise KeyboardInterrupt
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        return log

    def _loader(self, dataset: SampleSet, augment: Callable | None, workers: int | None) -> DataLoader:
        """Serve this process's batches from the current step on."""
        config, number = self.config, self.accelerator.num_processes
        samples = Samples(dataset, augment, self.task, getattr(self.sampler, "least_valid", config.points_per_image))
        batches = Batches(len(dataset), config.images_per_step, self.step * number, config.steps * number, self.seed)
        own = BatchSamplerShard(batches, number, self.accelerator.process_index, even_batches=False)  # pyright: ignore[reportArgumentType] takes any sampler
        if workers is None:
            workers = min(8, os.cpu_count() or 1) if self.accelerator.device.type == "cuda" else 0
        return loader(samples, own, workers)

    def _take_step(self, batch: list[Tensor] | Exception) -> None:
        """Draw pixels, predict them, and follow the gradient of their mean loss."""
        if isinstance(batch, Exception):
            raise batch
        config, accelerator, task = self.config, self.accelerator, self.task
        images, targets = send_to_device(batch, accelerator.device)
        place = self.step * accelerator.num_processes + accelerator.process_index
        first = mix(self.seed, place * config.images_per_step)  # the seed of the batch's first image
        generator = torch.Generator().manual_seed(mix(first, 2))
        with seeded(mix(first, 1)):  # dropout
            sample = draw_points(self.model, task, self.sampler, images, targets, config.points_per_image, generator)
            self.model.train()
            self.optimizer.zero_grad()
            loss = mean_loss_backward(accelerator, self.model, task, images, targets, sample, config.reweight)
            self.losses.append(loss)
        if config.clip_norm is not None:
            accelerator.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        self.optimizer.step()
        if self.step < getattr(self.schedule.scheduler, "total_steps", config.steps):
            self.schedule.step()  # a run that was made longer stays at its last rate
        self.step += 1
        self.net.steps_trained += 1

    def _after_step(self, bar: tqdm) -> None:
        """Score, log, tell and save where it is time."""
        config, last, main = self.config, self.step == self.config.steps, self.accelerator.is_main_process
        scored = self.validation is not None and (last or _every(self.step, config.evaluate_every))
        if last or scored or _every(self.step, config.log_every):
            self._write_row(self._score() if scored and main else None, time.perf_counter() - self.start)
            bar.set_postfix(self.journal.shown(self.task.score))
        if self.on_step and main:
            before = time.perf_counter()
            self.on_step(self.step, before - self.start, self.net)
            self.start += time.perf_counter() - before
        if last or asked() or _every(self.step, config.checkpoint_every):
            self.journal.save(self.step, self.seed, self.losses, spare=not last)

    def _score(self) -> float:
        """Score the validation set by the task's leading number."""
        with self.accelerator.autocast():
            return evaluate(self.net, self.task, self.validation)[self.task.score]

    def _write_row(self, score: float | None, seconds: float) -> None:
        """Log a row; its loss is the mean of all processes'."""
        loss = sum(float(loss) for loss in self.losses) / len(self.losses)
        if self.accelerator.num_processes > 1:
            loss = float(self.accelerator.reduce(torch.tensor(loss, device=self.accelerator.device), "mean"))  # pyright: ignore[reportArgumentType] a tensor
        if not loss < float("inf"):
            cure = f"lower learning_rate (now {self.config.learning_rate}) or set clip_norm"
            raise DivergedError(f"loss: found {loss} near step {self.step}, expected a finite number; {cure}")
        self.losses, rate = [], self.schedule.get_last_lr()[0]
        self.journal.write({"step": self.step, "loss": loss, "learning_rate": rate, "score": score, "seconds": seconds})


def _every(step: int, interval: int) -> bool:
    """Tell whether something that happens every ``interval`` steps happens now; 0 is never."""
    return interval > 0 and step % interval == 0
