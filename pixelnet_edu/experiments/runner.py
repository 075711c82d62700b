"""Train the arms of an experiment: one record for each arm and seed, whatever stops in between.

A run in progress has a folder beside its record, with checkpoints and the readings so far; started again, it continues
and gives the record that it would have given. A finished run is never repeated. A lock keeps two processes from
working on one run; it goes with the process that held it.
"""

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import torch

from pixelnet_edu.checks import unexpected
from pixelnet_edu.data.reading import explain_full_disk, read_json
from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.experiments.arms import experiment
from pixelnet_edu.experiments.cost.costs import step_cost
from pixelnet_edu.experiments.design import LOSS_TOLERANCE
from pixelnet_edu.experiments.plan import Run, check_recipe, is_finished, plain
from pixelnet_edu.experiments.records import Record, made_with, write_record
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import TASKS, Task, target_of
from pixelnet_edu.training.checkpoints import checkpoints
from pixelnet_edu.training.evaluation import measure
from pixelnet_edu.training.recipes import Recipe, build_augment, build_data, build_model, build_sampler, build_task
from pixelnet_edu.training.runs import alone, write_json
from pixelnet_edu.training.trainer import DivergedError, fit


def perform(run: Run, threads: int, on_step: Callable[[], object] = lambda: None) -> None:
    """Train one run, from its newest checkpoint if it has one, and write its record.

    Parameters
    ----------
    run : Run
    threads : int
        Threads of torch; a run that continues keeps those that it began with.
    on_step : callable, optional
        Called after every step.

    Raises
    ------
    ValueError
        If another process is at it, or what is there belongs to another recipe.
    OSError
        If the disk is full.
    """
    lock, cure = run.folder / f".{run.name}.lock", "wait, or change --seeds"
    with alone(lock, run.record, cure), explain_full_disk(run.folder):
        if is_finished(run):
            return
        made = _begin(run, threads)
        with on_threads(made["threads"]):
            record = _train(run, made, on_step)
        write_record(run.record, record)
        shutil.rmtree(run.work, ignore_errors=True)


@contextmanager
def on_threads(number: int) -> Iterator[None]:
    """Compute with so many threads of torch, then with as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def fit_recipe(recipe: Recipe, root: Path | None, **options) -> tuple[PixelNet, list[dict]]:
    """Train the network of a recipe; return it with the rows of the log. The options are those of `fit`."""
    model, training = build_model(recipe), build_data(recipe, root, "train")
    how = build_sampler(recipe), recipe.training, build_augment(recipe)
    return model, fit(model, build_task(recipe), training, *how, progress=False, **options)


def _train(run: Run, made: dict, on_step: Callable[[], object]) -> Record:
    """Train, read the scores on the way, and gather the record; where a rate is sought, diverging is a result, too."""
    (notes, note), task, log = _noting(run, on_step), TASKS[run.recipe.task], []
    resume = bool(checkpoints(run.work))
    made = made | {"step_macs": step_macs(run.recipe)}
    try:
        _, log = fit_recipe(run.recipe, run.root, folder=run.work, resume=resume, on_step=note)
    except DivergedError:
        if not run.recipe.held_out:
            raise
        notes |= {"readings": [{"step": step, "scores": {task.score: None}} for step in run.readings], "seconds": []}
    if {reading["step"] for reading in notes["readings"]} != set(run.readings):
        found, cure = f"scores after {len(notes['readings'])} moments", "remove the folder, then it begins again"
        raise unexpected(run.work, found, f"after {len(run.readings)}", cure)
    loss = [[row["step"], row["loss"]] for row in log]
    timing = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "seconds": notes["seconds"]}
    tolerance = {"loss": LOSS_TOLERANCE, task.score: task.tolerance}
    about = run.experiment, run.arm, run.seed, plain(run.recipe)
    return Record(*about, notes["readings"], loss, made, timing, tolerance)


def step_macs(recipe: Recipe) -> int:
    """Count the multiply-adds of a step, which, unlike its seconds, are the same on every machine."""
    net, training = build_model(recipe, pretrained=False), recipe.training
    cost = step_cost(net.backbone, net.head, recipe.size, training.images_per_step, training.points_per_image)
    return cost["step_macs"]


def _noting(run: Run, on_step: Callable[[], object]) -> tuple[dict, Callable]:
    """Return a run's readings so far, and what adds to them after a step: on disk before its checkpoint is."""
    path, task, test = run.work / "readings.json", build_task(run.recipe), build_data(run.recipe, run.root, "test")
    target_of(test[0], task)  # a task that the data cannot serve ends here
    notes = _kept(path, ("readings", "seconds")) if path.exists() else {"readings": [], "seconds": []}

    def note(step: int, seconds: float, model: PixelNet) -> None:
        if step in run.readings:
            earlier = sum(reading["step"] < step for reading in notes["readings"])
            last = step == run.readings[-1]
            notes["readings"][earlier:] = [{"step": step} | _scores(run, model, task, test, with_images=last)]
            notes["seconds"][earlier:] = [round(seconds, 2)]
            write_json(path, notes)
        on_step()

    return notes, note


def _scores(run: Run, model: PixelNet, task: Task, test: SampleSet, with_images: bool) -> dict:
    """Score the test set: the task's numbers, the IoU of each class, and on request a line of counts for each image."""
    meter = measure(model, task, test, workers=torch.get_num_threads())
    scores, counts = meter.scores(), meter.counts() if with_images and meter.counts else ()
    extra = experiment(run.experiment).extra_scores
    scores |= extra(model, task, test) if extra else {}
    kept = {name: value for name, value in scores.items() if isinstance(value, float) or name == "iou"}
    kept = json.loads(json.dumps(kept), parse_constant=lambda _: None)  # NaN, a class that never occurs
    return {"scores": kept, "images": [" ".join(map(str, image)) for image in counts]}


def _begin(run: Run, threads: int) -> dict:
    """Write the configuration of a new run, or check that of an old one; return what it was begun with."""
    path = run.work / "config.json"
    if not path.exists():
        run.work.mkdir(parents=True, exist_ok=True)
        write_json(path, {"recipe": plain(run.recipe), "made": made_with(threads)})
    config = _kept(path, ("recipe", "made"))
    check_recipe(run, config["recipe"], path)
    return config["made"]


def _kept(path: Path, fields: Collection[str]) -> dict:
    """Read a file of a run in progress that has these fields."""
    cure = f"remove the folder {path.parent.name}, then the same command begins this run again"
    content = read_json(path, fields, "file of a run in progress", cure)
    return {field: content[field] for field in fields}
