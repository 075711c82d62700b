"""Train the arms of an experiment: one record for each arm and seed, whatever stops in between.

A run in progress has a folder beside its record, with checkpoints and the readings so far; started again, it continues
and gives the record that it would have given. A finished run is never repeated. A lock keeps two processes from
working on one run; it goes with the process that held it. Processes that share the steps of a run
(:mod:`pixelnet_edu.distributed`) are one in this: the main one holds the lock, scores, writes and removes.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from filelock import FileLock, Timeout

from pixelnet_edu.distributed import on_main
from pixelnet_edu.evaluation import Task, evaluate, target_of
from pixelnet_edu.experiments import experiment
from pixelnet_edu.experiments.design import TOLERANCES, Arm, Experiment, vary
from pixelnet_edu.experiments.records import Record, made_with, read_record, write_record
from pixelnet_edu.model import PixelNet
from pixelnet_edu.presets import Preset, build_augment, build_data, build_model, build_sampler, build_task
from pixelnet_edu.runs import write_json
from pixelnet_edu.training import fit

LITTLE = 64 << 20  # bytes; with less than this left, a failed write is put down to a full disk


@dataclass(frozen=True)
class Run:
    """One arm with one seed.

    Parameters
    ----------
    experiment, arm : str
        Names.
    recipe : Preset
        With the seed.
    folder : Path
        Where its record goes.
    root : Path, optional
        Folder of the data set.
    """

    experiment: str
    arm: str
    recipe: Preset
    folder: Path
    root: Path | None = None

    @property
    def seed(self) -> int:
        """The seed of the recipe."""
        return self.recipe.training.seed

    @property
    def name(self) -> str:
        """The name of its files, such as "hard-seed3"."""
        return f"{self.arm}-seed{self.seed}"

    @property
    def record(self) -> Path:
        """The record's file."""
        return self.folder / f"{self.name}.json"

    @property
    def readings(self) -> list[int]:
        """The steps after which the test set is scored."""
        return [max(1, round(share * self.recipe.training.steps)) for share in experiment(self.experiment).readings]


def records_folder(records: Path, name: str, base: Preset) -> Path:
    """Return the folder of an experiment's records: ``RECORDS/EXPERIMENT/TASK-DATA-PRESET``."""
    return records / name / f"{base.task}-{base.data}-{base.name}"


def choose_arms(chosen: Experiment, base: Preset, names: Sequence[str] = ()) -> list[Arm]:
    """Return the arms of these names; the default ones for no name, every one for "every".

    Raises
    ------
    ValueError
        For an unknown name, a repeated one, or a task that the experiment is not about.
    """
    if base.task not in chosen.tasks:
        raise ValueError(f"task: found {base.task!r}, expected {', '.join(chosen.tasks)} for {chosen.name}")
    arms = {arm.name: arm for arm in chosen.arms(base)}
    if list(names) == ["every"]:
        return list(arms.values())
    for name in names:
        if name not in arms:
            raise ValueError(f"arms: found {name!r}, expected some of {', '.join(arms)}, or every")
    if len(set(names)) < len(names):
        raise ValueError(f"arms: found {','.join(names)}, expected each arm once")
    return [arms[name] for name in names] or [arm for arm in arms.values() if arm.default]


def plan_runs(
    chosen: Experiment, base: Preset, arms: Sequence[Arm], seeds: Sequence[int], records: Path, root: Path | None = None
) -> list[Run]:
    """List the runs, seed by seed, so that an early stop leaves whole comparisons.

    Raises
    ------
    ValueError
        For repeated or negative seeds.
    """
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ValueError(f"seeds: found {','.join(map(str, seeds))}, expected whole numbers from 0, each once")
    folder = records_folder(records, chosen.name, base)
    return [Run(chosen.name, arm.name, vary(arm.recipe, seed=seed), folder, root) for seed in seeds for arm in arms]


def is_finished(run: Run) -> bool:
    """Tell whether a run has its record.

    Raises
    ------
    ValueError
        If the record cannot be read, or was made with another recipe.
    """
    if not run.record.exists():
        return False
    _check_recipe(run, read_record(run.record).recipe, run.record)
    return True


def perform(run: Run, threads: int, on_step: Callable[[], object] = lambda: None) -> None:
    """Train one run, from its newest checkpoint if it has one, and write its record.

    Parameters
    ----------
    run : Run
    threads : int
        Threads of torch; a run that continues keeps those that it began with.
    on_step : callable, optional
        Called after every step, on the main process.

    Raises
    ------
    ValueError
        If another process is at it, or what is there belongs to another recipe.
    OSError
        If the disk is full.
    """
    work = run.folder / run.name
    with _alone(run), _explain_full_disk(run.folder):
        if on_main(lambda: is_finished(run)):
            return
        threads = on_main(lambda: _threads_of(run, work / "config.json", threads))
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            record = _train(run, work, on_step)
        finally:
            torch.set_num_threads(before)
        on_main(lambda: _leave(run, record, work))


def _leave(run: Run, record: Record, work: Path) -> None:
    """Write the record and remove what led to it."""
    write_record(run.record, record)
    shutil.rmtree(work)


def _train(run: Run, work: Path, on_step: Callable[[], object]) -> Record:
    """Train, read the scores on the way, and gather the record; only the main process's has the scores."""
    recipe = run.recipe
    training, test = (build_data(recipe, run.root, split) for split in ("train", "test"))
    task = build_task(recipe)
    for dataset in (training, test):
        target_of(dataset[0], task)
    notes = _Notes(run, work / "readings.json", task, test, on_step)
    log = fit(
        build_model(recipe),
        task,
        training,
        build_sampler(recipe),
        recipe.training,
        build_augment(recipe),
        folder=work,
        resume=any(work.glob("checkpoint-*")),
        progress=False,
        on_step=notes,
    )
    readings, seconds = notes.content["readings"], notes.content["seconds"]
    return Record(
        run.experiment,
        run.arm,
        run.seed,
        _plain(recipe),
        readings,
        [[row["step"], row["loss"]] for row in log],
        made_with(),
        {"date": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": seconds},
        TOLERANCES[recipe.task],
    )


class _Notes:
    """The readings of a run, on disk before the checkpoint of their step is."""

    def __init__(self, run: Run, path: Path, task: Task, test, on_step: Callable[[], object]) -> None:
        self.run, self.path, self.task, self.test, self.on_step = run, path, task, test, on_step
        self.content = json.loads(path.read_text()) if path.exists() else {"readings": [], "seconds": []}

    def __call__(self, step: int, seconds: float, model: PixelNet) -> None:
        """Score the test set if it is time."""
        if step in self.run.readings:
            earlier = [reading for reading in self.content["readings"] if reading["step"] < step]
            self.content = {
                "readings": [*earlier, {"step": step, "scores": self._scores(model)}],
                "seconds": [*self.content["seconds"][: len(earlier)], round(seconds, 2)],
            }
            write_json(self.path, self.content)
        self.on_step()

    def _scores(self, model: PixelNet) -> dict:
        """Score the test set; of the task's scores keep the numbers, and the IoU of each class."""
        scores = evaluate(model, self.task, self.test, workers=torch.get_num_threads())
        extra = experiment(self.run.experiment).extra_scores
        scores |= extra(model, self.task, self.test) if extra else {}
        kept = {name: value for name, value in scores.items() if isinstance(value, float) or name == "iou"}
        return json.loads(json.dumps(kept), parse_constant=lambda _: None)  # NaN, a class that never occurs


@contextmanager
def _alone(run: Run) -> Iterator[None]:
    """Hold the lock of a run."""
    run.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(run.folder / f".{run.name}.lock")
    on_main(lambda: _acquire(lock, run))
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, run: Run) -> None:
    """Take the lock of a run, or raise ValueError."""
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ValueError(
            f"{run.record}: found another process at this run, expected none; wait, or choose other seeds or arms"
        ) from error


@contextmanager
def _explain_full_disk(folder: Path) -> Iterator[None]:
    """Turn whatever a library says when there is no room into one line."""
    try:
        yield
    except Exception as error:
        if shutil.disk_usage(folder).free > LITTLE:
            raise
        raise OSError(
            f"{folder}: the disk is full ({error}); make room, then run the same command again, which continues"
        ) from error


def _threads_of(run: Run, path: Path, threads: int) -> int:
    """Write the configuration of a new run; check that of an old one and return its threads."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"recipe": _plain(run.recipe), "threads": threads})
        return threads
    config = json.loads(path.read_text())
    _check_recipe(run, config["recipe"], path)
    return config["threads"]


def _check_recipe(run: Run, found: dict, path: Path) -> None:
    """Raise ValueError for a record or a folder of another recipe."""
    expected = _plain(run.recipe)
    found, expected = ({**recipe, **recipe["training"], "training": 0} for recipe in (found, expected))
    for name in expected:
        if found.get(name) != expected[name]:
            raise ValueError(
                f"{path}: found {name} {found.get(name)!r}, expected {expected[name]!r}; it is of another recipe, so "
                "choose another --records folder, or move it"
            )


def _plain(recipe: Preset) -> dict:
    """Return a recipe as a JSON file gives it back."""
    return json.loads(json.dumps(asdict(recipe)))
