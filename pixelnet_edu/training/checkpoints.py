"""The files of a training run: the log, the newest checkpoint, and whether its weights fit a network."""

import csv
import io
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from pixelnet_edu.data.photos import write_whole

LOG_COLUMNS = ("step", "loss", "learning_rate", "score", "seconds")


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


def check_weights(model: torch.nn.Module, path: Path) -> None:
    """Raise ValueError unless a safetensors file is whole and has exactly the model's tensors."""
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
