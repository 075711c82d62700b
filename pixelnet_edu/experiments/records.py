"""What a run of an experiment leaves behind: one JSON file, whole or not at all, never replaced.

It lies at ``RECORDS/EXPERIMENT/TASK-DATA-PRESET/ARM-seedK.json`` and holds the recipe, the scores at each reading, the
loss curve, what it was made with, and a checksum of all that. Two runs of one arm and seed on the same machine differ
in ``timing`` only.
"""

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch

from pixelnet_edu.checks import check_name
from pixelnet_edu.data.reading import read_json
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training.recipes import recipe_from
from pixelnet_edu.training.runs import RECORDS, commit, processor_name, versions

SCHEMA = 1
SHIPPED = RECORDS / "experiments"
VARIABLE = "PIXELNET_RECORDS"  # names a folder of records to read instead


@dataclass(frozen=True)
class Record:
    """One finished run, in plain values.

    Parameters
    ----------
    experiment, arm : str
    seed : int
    recipe : dict
        The whole `Recipe`.
    readings : list of dict
        ``step`` and ``scores``: numbers, or ``iou`` with one a class; a score that does not exist is None. And
        ``images``, at the end a line of counts for each test image, by which the task's leading score is pooled.
    loss : list of (int, float)
        Step, and mean loss since the step before it in this list.
    made : dict
        With what the run was begun: ``device``, ``threads``, ``versions`` and ``commit``; and ``step_macs``, the
        multiply-adds of a step.
    timing : dict
        ``date``, and ``seconds`` of training before each reading.
    tolerance : dict
        How far the same run on another machine may end from this one: ``loss``, as a share of each loss in the first
        tenth of the training, and the task's leading score at the end.
    schema : int
        Version of this format.

    Examples
    --------
    >>> one = Record("table1", "hard", 0, {}, [{"step": 9, "scores": {"miou": 0.5}}], [], {}, {"seconds": [3.0]})
    >>> one.score("miou"), one.same_result(replace(one, timing={"seconds": [4.0]}))
    (0.5, True)
    """

    experiment: str
    arm: str
    seed: int
    recipe: dict
    readings: list
    loss: list
    made: dict
    timing: dict
    tolerance: dict = field(default_factory=dict)
    schema: int = SCHEMA

    def score(self, name: str, reading: int = -1) -> float | None:
        """Return a score at a reading, the last by default.

        Raises
        ------
        ValueError
            If there is no such score.
        """
        scores = self.readings[reading]["scores"]
        check_name("score", name, scores)
        return scores[name]

    def image_counts(self, reading: int = -1) -> np.ndarray:
        """Return the counts of each test image at a reading, (M, n); M is 0 where the record has none."""
        return np.array([line.split() for line in self.readings[reading].get("images", ())], dtype=np.int64)

    def same_result(self, other: "Record") -> bool:
        """Tell whether two records agree in everything but the timing."""
        return replace(self, timing={}) == replace(other, timing={})


def leading_score(record: Record, reading: int = -1) -> float | None:
    """Return the task's leading score of a record; of classes, the mean IoU over those that occur in the scored labels.

    Few images lack some classes. A single pixel that is given to such a class makes its IoU 0 in place of none, and
    would move the mean further than most arms differ. Records that don't count images have the plain mean.
    """
    task, counts = TASKS[record.recipe["task"]], record.image_counts()
    if task.score != "miou" or not len(counts):
        return record.score(task.score, reading)
    occurs = np.split(counts.sum(0), 3)[1] > 0
    return float(np.mean(np.array(record.score("iou", reading), dtype=float)[occurs]))


def write_record(path: Path, record: Record) -> None:
    """Write a record where there is none yet.

    Raises
    ------
    ValueError
        If there is one already; it stays as it is.
    OSError
        If it cannot be written, such as on a full disk; nothing is left behind.
    """
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = asdict(record)
        temporary.write_text(json.dumps(content | {"checksum": _checksum(content)}, indent=1, allow_nan=False) + "\n")
        os.link(temporary, path)  # unlike a rename, it never replaces a file
    except FileExistsError as error:
        raise ValueError(f"{path}: found a record already, expected none; it was left as it is") from error
    except OSError as error:
        raise OSError(f"{path}: cannot be written ({error.strerror}); make room, then run the command again") from error
    finally:
        temporary.unlink(missing_ok=True)


def read_record(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is of another schema, cut off, or was edited.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such record; make it with `pixelnet reproduce`")
    content = read_json(path, ("schema", "checksum"), "record", "move it and run again")
    schema, checksum = content["schema"], content.pop("checksum")
    if schema != SCHEMA:
        raise ValueError(f"{path}: found schema {schema}, expected {SCHEMA}; move it and run again")
    if checksum != _checksum(content):
        raise ValueError(
            f"{path}: found an edited record, its checksum does not fit; restore it, or move it and run again"
        )
    _check_types(path, content)
    return Record(**content)


def read_records(folder: Path) -> list[Record]:
    """Read all records of a folder such as ``runs/experiments/table1/segmentation-rooms-laptop``, by arm and seed.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If one cannot be read, or lies under another's name, as a copy does.
    """
    paths = [path for path in folder.glob("*-seed*.json") if not path.name.startswith(".")]
    if not paths:
        raise FileNotFoundError(f"{folder}: found no record, expected ARM-seedK.json; `pixelnet reproduce` makes them")
    records = {path: read_record(path) for path in paths}
    for path, record in records.items():
        if path.name != (name := f"{record.arm}-seed{record.seed}.json"):
            raise ValueError(f"{path}: found the record of {name}, expected it under that name; a copy is no new seed")
    return sorted(records.values(), key=lambda record: (record.arm, record.seed))


def tuning_records(records: Path, name: str, setting: str) -> list[Record]:
    """Read the records of a tuning, of this folder or else of the package; an empty list where there are none."""
    for folder in (records / name / setting, SHIPPED / name / setting):
        if any(folder.glob("*-seed*.json")):
            return read_records(folder)
    return []


def made_with(threads: int) -> dict:
    """Return what a run is begun with: device, threads, versions, and the commit where git knows it."""
    return {
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else processor_name(),
        "threads": threads,
        "versions": versions(),
        "commit": commit(),
    }


def _checksum(content: dict) -> str:
    """Return the SHA-256 of the content, whatever its order and spacing in a file."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _check_types(path: Path, content: dict) -> None:
    """Raise ValueError unless the fields are there, of their types, with at least one reading of scores."""
    expected = {field.name: field.type for field in fields(Record)}
    if names := ", ".join(sorted(content.keys() ^ expected.keys())):
        raise ValueError(f"{path}: found other fields than a record's ({names}); move it and run again")
    for name, kind in expected.items():
        if type(content[name]) is not kind:
            raise ValueError(f"{path}: {name}: found {type(content[name]).__name__}, expected {kind.__name__}")
    try:
        task = TASKS[recipe_from(content["recipe"]).task]
        values = [reading["scores"][task.score] for reading in content["readings"] if reading["step"] > 0]
        seconds = content["timing"]["seconds"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: found no whole record ({error!r:.80}); move it and run again") from error
    most = 1 if task.scores[task.score].factor == 100 else 180  # shares, or degrees
    wrong = [v for v in values if v is not None and not (isinstance(v, float) and 0 <= v <= most)]
    if not values or wrong or not isinstance(seconds, list):
        raise ValueError(f"{path}: readings: found {wrong or values} of {task.score}, expected 0 to {most} in each")
    if not re.fullmatch(r"[\w.@+-]+", content["arm"]):
        raise ValueError(f"{path}: arm: found {content['arm']!r}, expected letters, digits, dots and dashes")


def recorded_runs(name: str, task: str, data: str, preset: str = "laptop") -> list[Record]:
    """Read the records of an experiment: the package's, or your own where ``PIXELNET_RECORDS`` names their folder.

    Parameters
    ----------
    name, task, data, preset : str
        As for `pixelnet reproduce`, which makes such records in ``runs/experiments``.

    Raises
    ------
    FileNotFoundError
        If there is none.

    Examples
    --------
    >>> sorted({record.arm for record in recorded_runs("table4", "segmentation", "rooms") if record.seed == 0})[:2]
    ['10x1000', '10x1000-patch']
    """
    return read_records(_folder() / name / f"{task}-{data}-{preset}")


def recorded_settings(name: str, preset: str = "laptop") -> list[tuple[str, str]]:
    """List the tasks and data sets of an experiment that have records.

    Examples
    --------
    >>> ("segmentation", "rooms") in recorded_settings("table1")
    True
    """
    folders = [path.name for path in (_folder() / name).glob(f"*-{preset}") if any(path.glob("*.json"))]
    return sorted(tuple(folder.removesuffix(f"-{preset}").split("-", 1)) for folder in folders)


def _folder() -> Path:
    """Return where records are read from."""
    return Path(os.environ.get(VARIABLE) or SHIPPED)
