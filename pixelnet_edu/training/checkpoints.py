"""The files of a training run: the log, and checkpoints of tensors and plain values, which run no code when read."""

import csv
import io
import json
import re
import shutil
import warnings
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pixelnet_edu.checks import check_whole, unexpected
from pixelnet_edu.data.reading import explain_full_disk, read_json, remove_leftovers, write_whole
from pixelnet_edu.training.config import TrainingConfig

LOG_COLUMNS = ("step", "loss", "learning_rate", "score", "seconds")
T = TypeVar("T")
MODEL, MOMENTUM, STATE = "model.safetensors", "momentum.safetensors", "state.json"


class Journal:
    """What a training run keeps: its log, and in a folder (None: nowhere) the newest checkpoint.

    Parameters
    ----------
    folder : Path, optional
    writes : bool
        Whether this is the process that writes; all may read.
    config : TrainingConfig
        What a run that continues was begun with, but for its steps.
    model, optimizer, schedule
        Whose state is kept.

    Attributes
    ----------
    log : list of dict
        A row for each entry of ``log.csv``.
    """

    def __init__(
        self,
        folder: Path | None,
        writes: bool,
        config: TrainingConfig,
        model: nn.Module,
        optimizer: Optimizer,
        schedule: LRScheduler,
    ) -> None:
        self.folder, self.writes, self.config = folder, writes, config
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self.log: list[dict] = []
        if writes and folder is not None:
            remove_leftovers(folder)

    def write(self, row: dict) -> None:
        """Append a row to the log, in memory and as CSV on disk, whole or not at all."""
        self.log.append(row)
        if self.writes and self.folder is not None:
            text = io.StringIO(newline="")
            writer = csv.DictWriter(text, LOG_COLUMNS)
            writer.writeheader()
            writer.writerows(self.log)
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / "log.csv", lambda path: path.write_text(text.getvalue(), newline=""))

    def shown(self, score: str) -> dict[str, str]:
        """Return the newest loss, and the newest score if there is one, for a progress bar."""
        scores = [f"{row['score']:.3f}" for row in self.log if row["score"] is not None]
        return {"loss": f"{self.log[-1]['loss']:.3f}"} | ({score: scores[-1]} if scores else {})

    def save(self, step: int, seed: int, losses: list, spare: bool) -> None:
        """Write a checkpoint, then remove the older ones, but for the last of them where a spare one is wanted."""
        if not self.writes or self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        final = self.folder / f"checkpoint-{step:07d}"
        shutil.rmtree(final, ignore_errors=True)
        with explain_full_disk(self.folder):
            write_whole(final, lambda folder: self._write(folder, step, seed, losses))
        kept = [final, *checkpoints(self.folder)[1 : 1 + spare]]
        for older in checkpoints(self.folder):
            if older not in kept:
                shutil.rmtree(older)

    def _write(self, folder: Path, step: int, seed: int, losses: list) -> None:
        """Write the files of a checkpoint into a new folder."""
        folder.mkdir()
        save_weights(self.model, folder / MODEL)
        buffers = {str(k): kept["momentum_buffer"] for k, kept in self.optimizer.state_dict()["state"].items()}
        save_file({k: b.contiguous() for k, b in buffers.items() if b is not None}, folder / MOMENTUM)
        rates = [group["lr"] for group in self.optimizer.param_groups]
        state = {"step": step, "seed": seed, "log": self.log, "losses": [float(loss) for loss in losses]}
        state |= {"schedule": self.schedule.state_dict(), "rates": rates, "config": asdict(self.config)}
        state["checksums"] = {name: _checksum(folder / name) for name in (MODEL, MOMENTUM)}
        (folder / STATE).write_text(json.dumps(state))

    def load(self) -> tuple[int, int, list[float]]:
        """Restore the newest whole checkpoint; return its step, its seed, and the losses since the last row.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If every one is damaged, of another architecture or configuration, or of an earlier version.
        """
        if self.folder is None:
            raise ValueError("resume: found no folder, expected the one of the run that is continued; pass folder=")
        return newest_whole(self.folder, self._restore)

    def _restore(self, path: Path) -> tuple[int, int, list[float]]:
        """Restore a checkpoint; ValueError, before anything is changed but the weights, if it is not whole."""
        state = _read_state(path)
        begun = state["config"] if isinstance(state["config"], dict) else {}
        for name, value in asdict(self.config).items():
            if name != "steps" and begun.get(name) != value:
                found, cure = f"{name} {begun.get(name)!r}", "a run goes on as it began, or begins anew"
                raise unexpected(path / STATE, found, f"{value!r} as in its configuration", cure)
        load_weights(self.model, path / MODEL)  # says best that the architecture is another
        try:
            check_whole("step", state["step"], 0, self.config.steps)
            check_whole("seed", state["seed"], 0)
            if state["schedule"].keys() != self.schedule.state_dict().keys():
                raise ValueError("schedule: found that of another kind")
            log = [{name: row[name] for name in LOG_COLUMNS} for row in state["log"]]
            losses, rates = [float(loss) for loss in state["losses"]], [float(rate) for rate in state["rates"]]
            momentum = self._momentum(path / MOMENTUM)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path}: found no whole checkpoint of this version ({error}); train again") from error
        self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": momentum})
        self.schedule.load_state_dict(state["schedule"])
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        self.log[:] = log
        return state["step"], state["seed"], losses

    def _momentum(self, path: Path) -> dict[int, dict[str, Tensor]]:
        """Read the momentum of each parameter, by its number."""
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        found = {int(k): buffer for k, buffer in _tensors(path).items()}
        for k, buffer in found.items():
            if k not in range(len(parameters)) or buffer.shape != parameters[k].shape or not buffer.isfinite().all():
                raise unexpected(path, f"momentum {k} of shape {tuple(buffer.shape)}", "one as its parameter, finite")
        return {k: {"momentum_buffer": buffer} for k, buffer in found.items()}


def checkpoints(folder: Path) -> list[Path]:
    """List the checkpoints of a run folder, the newest first; other names are left alone."""
    found = [path for path in folder.glob("checkpoint-*") if re.fullmatch(r"checkpoint-\d{7,18}", path.name)]
    return sorted(found, key=lambda path: -int(path.name.partition("-")[2]))


def newest_whole(folder: Path, read: Callable[[Path], T]) -> T:
    """Read the newest checkpoint of a run folder, or, with a warning, the one before where that is damaged.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        What reading the newest one raises, if none can be read.
    """
    found = checkpoints(folder)
    if not found:
        why = "none was saved before it stopped, so begin it without --resume" if folder.is_dir() else "no such folder"
        raise FileNotFoundError(f"{folder}: found no checkpoint-NNNNNNN, expected one of `pixelnet train`; {why}")
    errors = []
    for path in found:
        try:
            result = read(path)
        except ValueError as error:
            errors.append(error)
        else:
            if errors:
                warnings.warn(f"{errors[0]}; {path.name} is taken instead", stacklevel=2)
            return result
    raise errors[0]


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a network's weights, but for those of a frozen backbone, which its recipe has."""
    save_file({name: tensor.contiguous() for name, tensor in _kept(model).items()}, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Read a network's weights; ValueError unless the file is whole, finite, and has exactly those that are kept."""
    found, expected = _tensors(path), _kept(model)
    for name in sorted(found.keys() | expected.keys()):
        forms = [_form(tensors.get(name)) for tensors in (found, expected)]
        if forms[0] != forms[1]:
            raise unexpected(path, f"{name} of {forms[0]}", forms[1], "the checkpoint is of another architecture")
        if not found[name].isfinite().all():
            raise unexpected(path, f"{name} with values that are not finite", "finite ones", "train again")
    model.load_state_dict(found, strict=False)


def _read_state(checkpoint: Path) -> dict:
    """Read what a checkpoint holds beside its tensors."""
    fields = ("step", "seed", "log", "losses", "schedule", "rates", "config", "checksums")
    return read_json(checkpoint / STATE, fields, "checkpoint of this version", "train again")


def _form(tensor: Tensor | None) -> str:
    """Describe the shape and the kind of numbers of a tensor; shipped networks have half as many bits."""
    if tensor is None:
        return "no shape"
    return f"shape {tuple(tensor.shape)}" + ("" if tensor.is_floating_point() else ", whole numbers")


def _tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file of a checkpoint; ValueError if it is missing, cut off or changed since."""
    state = path.with_name(STATE)
    checksums = _read_state(path.parent)["checksums"] if state.exists() else {}  # a shipped network has weights alone
    try:
        if path.name in checksums and _checksum(path) != checksums[path.name]:
            raise ValueError("its checksum does not fit")
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); the checkpoint is damaged, train again") from error


def _checksum(path: Path) -> int:
    """Return the CRC-32 of a file."""
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _kept(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a network that training may change, or its statistics."""
    frozen = tuple(f"{name}.body." for name, part in model.named_modules() if getattr(part, "frozen", False))
    return {name: tensor for name, tensor in model.state_dict().items() if not name.startswith(frozen)}
