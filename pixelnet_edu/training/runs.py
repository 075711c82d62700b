"""What a run leaves behind, how it is used again, and with what it was made.

A run folder holds ``config.json`` (the recipe, the versions, the date), ``log.csv``, the newest ``checkpoint-*``,
``scores.json`` and ``predictions.png``.

Shapes: H x W pixels.
"""

import ctypes
import json
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor

from pixelnet_edu import __version__
from pixelnet_edu.checks import check_name
from pixelnet_edu.data.catalog import spread
from pixelnet_edu.data.reading import read_json, tile, write_picture, write_whole
from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import Task, target_of
from pixelnet_edu.training.checkpoints import MODEL, checkpoints, load_weights, newest_whole
from pixelnet_edu.training.evaluation import predict_one
from pixelnet_edu.training.recipes import Recipe, build_model, build_task, recipe_from

RECORDS = Path(__file__).parents[1] / "records"
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # numbers of mallopt's parameters
_NEVER = 2**31 - 1


def recorded(name: str) -> Path:
    """Return the folder of a run that the package ships, such as ``"rooms-normals"``.

    Raises
    ------
    ValueError
        For a run that it does not ship.

    Examples
    --------
    >>> recorded("rooms-normals").name
    'rooms-normals'
    """
    folders = {path.parent.name: path.parent for path in RECORDS.glob("*/config.json")}
    check_name("name", name, sorted(folders))
    return folders[name]


@contextmanager
def alone(lock: Path, where: object, cure: str) -> Iterator[None]:
    """Hold a lock, which goes with this process; ValueError where another process holds it."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(lock, timeout=0):
            yield
    except Timeout as error:
        raise ValueError(f"{where}: found another process at this run, expected none; {cure}") from error


def create_folder(folder: Path, recipe: Recipe, root: Path | None) -> None:
    """Make a run folder and write its configuration.

    Raises
    ------
    ValueError
        If the folder holds a run already.
    """
    if checkpoints(folder):
        raise ValueError(f"{folder}: found a run in it, expected a new folder; choose another --out, or --resume")
    folder.mkdir(parents=True, exist_ok=True)
    write_config(folder, recipe, root)


def write_config(folder: Path, recipe: Recipe, root: Path | None) -> None:
    """Write the recipe of a run, the folder of its data set, and with what it was begun."""
    config = {"recipe": asdict(recipe), "root": str(root.resolve()) if root else None}
    write_json(folder / "config.json", config | provenance())


def read_config(folder: Path) -> tuple[Recipe, Path | None]:
    """Read the recipe and the data folder of a run.

    Raises
    ------
    FileNotFoundError
        If the folder is no run folder.
    ValueError
        If its configuration cannot be read.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing, expected a run folder made by `pixelnet train`")
    config = read_json(path, ("recipe", "root"), "configuration", "train again")
    try:
        return recipe_from(config["recipe"]), Path(config["root"]) if config["root"] else None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: not a configuration of this version ({error}); train again") from error


def load_run(folder: Path) -> tuple[Recipe, Path | None, PixelNet, Task]:
    """Rebuild the trained network of a run, in evaluation mode.

    Raises
    ------
    FileNotFoundError
        If the folder is no run folder, or has no checkpoint; or the weights of its frozen backbone are missing.
    ValueError
        If the checkpoint does not fit the configuration.
    """
    recipe, root = read_config(folder)
    model = build_model(recipe, pretrained=recipe.frozen)  # other weights are in the checkpoint
    newest_whole(folder, lambda checkpoint: load_weights(model, checkpoint / MODEL))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return recipe, root, model.to(device).eval(), build_task(recipe)


def trained(name: str) -> tuple[PixelNet, Task]:
    """Return a trained network that the package ships, in evaluation mode, and its task.

    Parameters
    ----------
    name : str
        ``"rooms-segmentation"``, ``"rooms-normals"`` or ``"rooms-edges"``; or ``"photograph-segmentation"`` and so on,
        which predict photographs from EfficientNet-Lite0 and need the extra "backbones".

    Raises
    ------
    ValueError
        For another name.
    FileNotFoundError
        If the weights of EfficientNet-Lite0 are missing.

    Examples
    --------
    >>> net, task = trained("rooms-normals")
    >>> net.head.num_outputs, task.target
    (3, 'normals')
    """
    _, _, net, task = load_run(recorded(name))
    return net, task


def picture_of(model: PixelNet, task: Task, dataset: SampleSet, number: int = 6) -> Tensor:
    """Draw rows of photograph, target and prediction for samples spread over a data set, (3, H', W')."""
    rows = []
    for sample in spread(dataset, number):
        prediction = task.decode(predict_one(model, sample["image"]))
        target = target_of(sample, task)[None]
        rows.append(tile([sample["image"], task.colors(target)[0], task.colors(prediction)[0]], dim=2))
    return tile(rows, dim=1)


def write_results(folder: Path, model: PixelNet, task: Task, dataset: SampleSet, scores: dict, suffix: str) -> None:
    """Write the scores, the picture of predictions, and the curve of edges; the suffix tells parts of a set apart."""
    write_json(folder / f"scores{suffix}.json", scores)
    write_picture(folder / f"predictions{suffix}.png", picture_of(model, task, dataset))
    if "ods" in scores:
        write_curve(folder / f"precision-recall{suffix}.png", {folder.name: scores})


def write_curve(path: Path, curves: dict[str, dict]) -> None:
    """Draw precision against recall of boundary scores and write the picture, whole or not at all."""
    from pixelnet_edu.teaching.charts import precision_recall
    from pixelnet_edu.teaching.plotting import use_style

    use_style()
    # The axes could be of a part of a figure, which cannot be saved; these are of a whole one.
    write_whole(path, precision_recall(curves).figure.savefig)  # pyright: ignore[reportAttributeAccessIssue]


def write_json(path: Path, content: dict) -> None:
    """Write JSON, whole or not at all; a score that does not exist (NaN) is null, an infinite one an error."""
    plain = json.loads(json.dumps(content), parse_constant={"NaN": None}.__getitem__)
    write_whole(path, lambda temporary: temporary.write_text(json.dumps(plain, indent=2) + "\n"))


def provenance() -> dict:
    """Return the versions, the commit where git knows it, and the date."""
    return {"versions": versions(), "commit": commit(), "date": datetime.now(UTC).isoformat(timespec="seconds")}


def versions() -> dict:
    """Return the versions of the package, torch and Python."""
    return {"pixelnet_edu": __version__, "torch": torch.__version__, "python": platform.python_version()}


def commit() -> str | None:
    """Name the commit of the package's own repository, "-dirty" where its code was changed since; None without one."""
    package = Path(__file__).parents[1]
    if not (package.parent / ".git").exists():
        return None
    commands = (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--", "*.py"])
    try:
        head, changes = (
            subprocess.run(["git", "-C", str(package), *c], capture_output=True, text=True, check=True).stdout.strip()
            for c in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}-dirty" if changes else head


def processor_name() -> str:
    """Return the processor's name as the system tells it, or the kind of machine."""
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def keep_freed_memory() -> bool:
    """Make this process keep the memory that it frees; tell whether the system's library can do that.

    A training step frees and asks for the same large blocks again and again. glibc gives each back to the system, which
    must then clear every page anew; where pages are dear, as on virtual machines, that costs as much as the arithmetic.
    A command that trains or measures calls this once; importing the package never does.
    Source: mallopt(3) of the GNU C library.

    Examples
    --------
    >>> keep_freed_memory() in (True, False)
    True
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _NEVER))
