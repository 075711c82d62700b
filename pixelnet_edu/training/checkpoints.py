"""The files of a training run: the log, and checkpoints of tensors and plain values, which run no code when read."""

import csv
import io
import json
import shutil
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from pixelnet_edu.data.reading import write_whole

LOG_COLUMNS = ("step", "loss", "learning_rate", "score", "seconds")
MODEL, MOMENTUM, STATE = "model.safetensors", "momentum.safetensors", "state.json"


class Journal:
    """What a training run keeps: its log, and in a folder (None: nowhere) the newest checkpoint.

    Parameters
    ----------
    folder : Path, optional
    writes : bool
        Whether this is the process that writes; all may read.
    model, optimizer, schedule
        Whose state is kept.

    Attributes
    ----------
    log : list of dict
        A row for each entry of ``log.csv``.
    """

    def __init__(
        self, folder: Path | None, writes: bool, model: nn.Module, optimizer: Optimizer, schedule: LRScheduler
    ) -> None:
        self.folder, self.writes = folder, writes
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self.log: list[dict] = []

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

    def save(self, step: int, seed: int, losses: list) -> None:
        """Write a checkpoint, then remove the older ones; there always is a whole one."""
        if not self.writes or self.folder is None:
            return
        final, temporary = (self.folder / f"{name}-{step:07d}" for name in ("checkpoint", "writing"))
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        save_weights(self.model, temporary / MODEL)
        buffers = {str(k): kept["momentum_buffer"] for k, kept in self.optimizer.state_dict()["state"].items()}
        save_file({k: b.contiguous() for k, b in buffers.items() if b is not None}, temporary / MOMENTUM)
        rates = [group["lr"] for group in self.optimizer.param_groups]
        state = {"step": step, "seed": seed, "log": self.log, "losses": [float(loss) for loss in losses]}
        state |= {"schedule": self.schedule.state_dict(), "rates": rates}
        (temporary / STATE).write_text(json.dumps(state))
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        for older in self.folder.glob("checkpoint-*"):
            if older != final:
                shutil.rmtree(older)

    def load(self) -> tuple[int, int, list[float]]:
        """Restore the newest checkpoint; return its step, its seed, and the losses since the last row.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If it is damaged, of another architecture, or of an earlier version.
        """
        path = newest_checkpoint(self.folder)
        load_weights(self.model, path / MODEL)
        try:
            state = json.loads((path / STATE).read_text())
            momentum = {int(k): {"momentum_buffer": buffer} for k, buffer in load_file(path / MOMENTUM).items()}
            self.optimizer.load_state_dict(self.optimizer.state_dict() | {"state": momentum})
            self.schedule.load_state_dict(state["schedule"])
            for group, rate in zip(self.optimizer.param_groups, state["rates"], strict=True):
                group["lr"] = rate
            self.log[:] = state["log"]
            return state["step"], state["seed"], state["losses"]
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            missing = f"found no whole checkpoint of this version ({error}), expected {MOMENTUM} and {STATE}"
            raise ValueError(f"{path}: {missing}; train again") from error


def newest_checkpoint(folder: Path | None) -> Path:
    """Return the newest checkpoint of a run folder.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    found = sorted(folder.glob("checkpoint-*")) if folder is not None else []
    if not found:
        raise FileNotFoundError(f"{folder}: found no checkpoint-*, expected a run folder made by `pixelnet train`")
    return found[-1]


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a network's weights, but for those of a frozen backbone, which its recipe has."""
    save_file({name: tensor.contiguous() for name, tensor in _kept(model).items()}, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Read a network's weights; ValueError unless the file is whole and has exactly the tensors that are kept of it."""
    try:
        with safe_open(path, "pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); the checkpoint is damaged, train again") from error
    expected = {name: tuple(tensor.shape) for name, tensor in _kept(model).items()}
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            shapes = f"found {name} of shape {found.get(name)}, expected {expected.get(name)}"
            raise ValueError(f"{path}: {shapes}; the checkpoint is of another architecture")
    model.load_state_dict(load_file(path), strict=False)


def _kept(model: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a network that training may change, or its statistics."""
    frozen = tuple(f"{name}.body." for name, part in model.named_modules() if getattr(part, "frozen", False))
    return {name: tensor for name, tensor in model.state_dict().items() if not name.startswith(frozen)}
