"""Training: a few pixels of a few images at every step, on Hugging Face accelerate.

Each step draws images, draws pixels in each (the sampler), predicts those pixels only, and averages their losses. All
random choices follow from the seed and the step, so a resumed run continues as if it had never stopped, and the
caller's own generators are neither read nor moved. Several processes are accelerate's: each draws its own images, so
the batch grows with their number, and torch's DistributedDataParallel averages their gradients.
Source: five images a step and 2,000 pixels an image, as in the paper's released recipe (PixelNet, arXiv 1702.06506).

Shapes: B images a step, N points an image, K outputs, H x W pixels.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.data_loader import BatchSamplerShard
from accelerate.state import AcceleratorState
from accelerate.utils import send_to_device
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm.auto import tqdm

from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import Task
from pixelnet_edu.training.batches import Batches, Samples, collate, mix
from pixelnet_edu.training.checkpoints import load_checkpoint, save_checkpoint, write_log
from pixelnet_edu.training.config import TrainingConfig, build_optimizer, build_schedule, processes, seeded
from pixelnet_edu.training.evaluation import evaluate
from pixelnet_edu.training.step import draw_points, mean_loss_backward


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
    workers: int | None = None,
) -> list[dict]:
    """Train a network in place, on a GPU where there is one.

    Networks of one seed that begin alike end alike. A second ``fit`` of the same network goes on where the first ended:
    it draws other images and pixels, and says so beside the progress bar.

    Parameters
    ----------
    model, task : PixelNet, Task
    dataset : Dataset
        Samples with ``image`` and the task's target, of one size after ``augment``.
    sampler : callable
        ``sampler(map, n, generator)``: which pixels; it is given the labels or edges, or the valid pixels of normals.
    config : TrainingConfig
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
        If the samples lack the target, an image has too few valid pixels, or the loss is no longer finite.
    FileNotFoundError
        If there is no checkpoint to resume from.
    """
    trainer = _Trainer(model, task, dataset, sampler, config, augment, validation, folder, on_step)
    if resume:
        trainer.load()
    return trainer.run(progress, workers)


class _Trainer:
    """The state of one training run."""

    def __init__(self, model, task, dataset, sampler, config, augment, validation, folder, on_step) -> None:
        if not len(dataset):
            raise ValueError("dataset: found no samples, expected at least one to train on")
        self.task, self.sampler, self.config, self.validation, self.on_step = task, sampler, config, validation, on_step
        self.net, self.folder, self.step, self.log, self.losses = model, folder and Path(folder), 0, [], []
        self.seed = mix(config.seed, model.steps_trained) if model.steps_trained else config.seed
        least = 1 if getattr(sampler, "draws_void", False) else config.points_per_image
        self.samples = Samples(dataset, augment, task, least)
        processes()  # so that they wait long enough for each other
        AcceleratorState._reset_state()  # else a second run of this process could not choose another precision
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available(), mixed_precision=config.precision)
        self.accelerator.step_scheduler_with_optimizer = False
        if self.accelerator.num_processes > 1 and torch.cuda.is_available():
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # processors each keep their own statistics
        optimizer = build_optimizer(model, config)
        prepared = self.accelerator.prepare(model, optimizer, build_schedule(optimizer, config))
        self.model, self.optimizer, self.schedule = prepared

    def run(self, progress: bool, workers: int | None) -> list[dict]:
        """Take the remaining steps."""
        config, self.start = self.config, time.perf_counter() - (self.log[-1]["seconds"] if self.log else 0)
        hidden = not (progress and self.accelerator.is_main_process)
        with tqdm(total=config.steps, initial=self.step, disable=hidden, desc="train", dynamic_ncols=True) as bar:
            if self.net.steps_trained > self.step and not hidden:
                bar.write(f"fit: trained for {self.net.steps_trained} steps before; other images and pixels are drawn")
            for batch in self._loader(workers):
                self._take_step(batch)
                self._after_step(bar)
                bar.update()
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        return self.log

    def _loader(self, workers: int | None) -> DataLoader:
        """Serve this process's batches from the current step on."""
        number, size = self.accelerator.num_processes, self.config.images_per_step
        batches = Batches(len(self.samples.dataset), size, self.step * number, self.config.steps * number, self.seed)
        own = BatchSamplerShard(batches, number, self.accelerator.process_index, even_batches=False)
        if workers is None:
            workers = min(8, os.cpu_count() or 1) if self.accelerator.device.type == "cuda" else 0
        return DataLoader(
            self.samples, batch_sampler=own, collate_fn=collate, num_workers=workers, generator=torch.Generator()
        )

    def _take_step(self, batch: list[Tensor] | Exception) -> None:
        """Draw pixels, predict them, and follow the gradient of their mean loss."""
        if isinstance(batch, Exception):
            raise batch
        config, accelerator = self.config, self.accelerator
        images, targets = send_to_device(batch, accelerator.device)
        k = self.step * accelerator.num_processes + accelerator.process_index
        first = mix(self.seed, k * config.images_per_step)  # the seed of the batch's first image
        generator = torch.Generator().manual_seed(mix(first, 2))
        with seeded(mix(first, 1)):  # dropout
            sample = draw_points(
                self.model, self.task, self.sampler, images, targets, config.points_per_image, generator
            )
            self.model.train()
            self.optimizer.zero_grad()
            loss = mean_loss_backward(accelerator, self.model, self.task, images, targets, sample, config.reweight)
        if config.clip_norm is not None:
            accelerator.clip_grad_norm_(self.model.parameters(), config.clip_norm)
        self.optimizer.step()
        if self.step < getattr(self.schedule.scheduler, "total_steps", config.steps):
            self.schedule.step()  # a run that was made longer stays at its last rate
        self.losses.append(loss)
        self.step += 1
        self.net.steps_trained += 1

    def _after_step(self, bar: tqdm) -> None:
        """Score, log, tell and save where it is time."""
        config, last, main = self.config, self.step == self.config.steps, self.accelerator.is_main_process
        scored = self.validation is not None and (last or _every(self.step, config.evaluate_every))
        if last or scored or _every(self.step, config.log_every):
            self._write_row(self._evaluate() if scored and main else None, time.perf_counter() - self.start)
            scores = [f"{row['score']:.3f}" for row in self.log if row["score"] is not None]
            bar.set_postfix({"loss": f"{self.log[-1]['loss']:.3f}"} | ({self.task.score: scores[-1]} if scores else {}))
        if self.on_step and main:
            before = time.perf_counter()
            self.on_step(self.step, before - self.start, self.net)
            self.start += time.perf_counter() - before
        if self.folder and main and (last or _every(self.step, config.checkpoint_every)):
            self.save()

    def _evaluate(self) -> float:
        """Score the validation set by the task's leading number."""
        with self.accelerator.autocast():
            return evaluate(self.net, self.task, self.validation)[self.task.score]

    def _write_row(self, score: float | None, seconds: float) -> None:
        """Append a row to the log, in memory and on disk; its loss is the mean of all processes'."""
        loss = sum(float(loss) for loss in self.losses) / len(self.losses)
        if self.accelerator.num_processes > 1:
            loss = float(self.accelerator.reduce(torch.tensor(loss, device=self.accelerator.device), "mean"))
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
            self.folder.mkdir(parents=True, exist_ok=True)
            write_log(self.folder / "log.csv", self.log)

    def save(self) -> None:
        """Write a checkpoint."""
        state = {"step": self.step, "seed": self.seed, "log": self.log, "losses": [float(x) for x in self.losses]}
        state["schedule"] = self.schedule.state_dict()
        save_checkpoint(self.folder, self.step, self.net, self.optimizer.optimizer, state)

    def load(self) -> None:
        """Continue from the newest checkpoint."""
        state = load_checkpoint(self.folder, self.net, self.optimizer.optimizer)
        self.step, self.seed, self.log, self.losses = (state[name] for name in ("step", "seed", "log", "losses"))
        self.schedule.load_state_dict(state["schedule"])
        self.net.steps_trained = self.step
        self.accelerator.wait_for_everyone()  # before one of them may remove it


def _every(step: int, interval: int) -> bool:
    """Tell whether something that happens every ``interval`` steps happens now; 0 is never."""
    return interval > 0 and step % interval == 0
