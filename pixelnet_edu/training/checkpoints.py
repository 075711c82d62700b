"""The files of a training run: the log, and checkpoints of tensors and plain values, which run no code when read."""

import csv
import io
import json
import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, load_model, save_file, save_model
from torch.optim import Optimizer

from pixelnet_edu.data.reading import write_whole

LOG_COLUMNS = ("step", "loss", "learning_rate", "score", "seconds")
MODEL, MOMENTUM, STATE = "model.safetensors", "momentum.safetensors", "state.json"


def write_log(path: Path, rows: list[dict]) -> None:
    """Write the log as CSV, whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, LOG_COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, lambda temporary: temporary.write_text(text.getvalue(), newline=""))


def newest_checkpoint(folder: Path) -> Path:
    """Return the newest checkpoint of a run folder.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    found = sorted(folder.glob("checkpoint-*"))
    if not found:
        raise FileNotFoundError(f"{folder}: found no checkpoint-*, expected a run folder made by `pixelnet train`")
    return found[-1]


def save_checkpoint(folder: Path, step: int, model: torch.nn.Module, optimizer: Optimizer, state: dict) -> None:
    """Write a checkpoint, then remove the older ones; there always is a whole one."""
    final, temporary = folder / f"checkpoint-{step:07d}", folder / f"writing-{step:07d}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    save_model(model, str(temporary / MODEL))
    buffers = {str(k): values["momentum_buffer"] for k, values in optimizer.state_dict()["state"].items()}
    save_file({k: b.contiguous() for k, b in buffers.items() if b is not None}, temporary / MOMENTUM)
    rates = [group["lr"] for group in optimizer.param_groups]
    (temporary / STATE).write_text(json.dumps(state | {"rates": rates}))
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    for older in folder.glob("checkpoint-*"):
        if older != final:
            shutil.rmtree(older)


def load_checkpoint(folder: Path, model: torch.nn.Module, optimizer: Optimizer) -> dict:
    """Restore the newest checkpoint of a folder; return its state.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is damaged, of another architecture, or of an earlier version.
    """
    path = newest_checkpoint(folder)
    load_weights(model, path / MODEL)
    try:
        state = json.loads((path / STATE).read_text())
        momentum = {int(k): {"momentum_buffer": buffer} for k, buffer in load_file(path / MOMENTUM).items()}
        optimizer.load_state_dict(optimizer.state_dict() | {"state": momentum})
        for group, rate in zip(optimizer.param_groups, state["rates"], strict=True):
            group["lr"] = rate
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise ValueError(
            f"{path}: found no whole checkpoint of this version ({error}), expected {MOMENTUM} and {STATE} in it; "
            "train again"
        ) from error
    return state


def load_weights(model: torch.nn.Module, path: Path) -> None:
    """Read a network's weights; ValueError unless the file is whole and has exactly the network's tensors."""
    try:
        with safe_open(path, "pt") as file:
            found = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); the checkpoint is damaged, train again") from error
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise ValueError(
                f"{path}: found {name} of shape {found.get(name)}, expected {expected.get(name)}; "
                "the checkpoint is of another architecture"
            )
    load_model(model, path)
