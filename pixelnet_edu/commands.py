"""The commands of `pixelnet`: train a network, score it, colour photographs with it."""

import os
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer
from tqdm.auto import tqdm

from pixelnet_edu import __version__
from pixelnet_edu.data.catalog import CATALOG
from pixelnet_edu.data.checking import check_dataset
from pixelnet_edu.data.reading import list_photos, read_pixels, write_picture
from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.experiments import cli as experiments
from pixelnet_edu.experiments.baselines import hed, human_scores
from pixelnet_edu.experiments.cost.report import table
from pixelnet_edu.experiments.cost.run import check_writable, run_bench
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import TASKS, EdgeDetection, Task, target_of
from pixelnet_edu.training import presets, recipes, runs
from pixelnet_edu.training.config import processes
from pixelnet_edu.training.evaluation import evaluate as score
from pixelnet_edu.training.photo import predict_photo
from pixelnet_edu.training.recipes import Recipe
from pixelnet_edu.training.runs import provenance
from pixelnet_edu.training.trainer import fit

app = typer.Typer(
    epilog="Errors are one line; put --debug anywhere to see where they come from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
data_app = typer.Typer(help="Look after folders of photographs.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.command()(experiments.reproduce)
app.command()(experiments.report)
app.command()(experiments.study)
PHOTOGRAPHS = tuple(name for name, entry in CATALOG.items() if entry.source)
UsageError = typer.BadParameter.__base__  # click's, or the copy of it inside newer typers
Abort = typer.Abort


def _tell_version(asked: bool) -> None:
    """Print the version and end."""
    if asked:
        print(f"pixelnet {__version__}")
        raise typer.Exit


@app.callback()
def options(version: Annotated[bool, typer.Option("--version", is_eager=True, callback=_tell_version)] = False) -> None:
    """PixelNet: one network for the class, the surface normal or the boundary of every pixel."""


@app.command()
def train(
    task: Annotated[Literal[tuple(TASKS)], typer.Option(help="What to predict at a pixel.")],
    data: experiments.Data,
    root: experiments.Root = None,
    preset: experiments.Preset = "laptop",
    backbone: experiments.Backbone = None,
    weights: experiments.Weights = None,
    out: Annotated[Path | None, typer.Option(help="Run folder. [default: runs/TASK-DATA-PRESET]")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of SGD. [default: the preset's]")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Source of every random choice. [default: 0]")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the newest checkpoint.")] = False,
) -> None:
    """Train a network and score it on the test set.

    The run folder gets the configuration, the log (CSV), a checkpoint, the scores and a picture of predictions.

        pixelnet train --task segmentation --data rooms

        pixelnet train --task segmentation --data camvid --root CamVid --preset photographs

        torchrun --nproc-per-node 2 -m pixelnet_edu.cli train --task segmentation --data rooms
    """
    out = out or Path("runs") / f"{task}-{data}-{preset}"
    if out == Path():
        raise ValueError("out: found the folder that you are in, expected one of its own; name one")
    if resume:
        given = {"task": task, "data": data, "name": preset, "backbone": backbone, "weights": weights}
        recipe, root = _continued(out, given, {"steps": steps, "seed": seed}, root)
    else:
        recipe = presets.preset(task, data, preset, weights, steps, seed or 0, backbone)
    _train(out, recipe, root, resume)


def _continued(out: Path, given: dict, training: dict, root: Path | None) -> tuple[Recipe, Path | None]:
    """Read what a run to be continued was begun with; ValueError for an option that says otherwise.

    The folder of the data set may have moved: the run's configuration then tells the new one.
    """
    recipe, stored = runs.read_config(out)
    for of, options in ((recipe, given), (recipe.training, training)):
        for name, value in options.items():
            if value is not None and value != (has := getattr(of, name)):
                found = f"{'preset' if name == 'name' else name}: found {value!r} for a run of {has!r} in {out}"
                raise ValueError(f"{found}, expected what it was begun with; say that, or begin another run")
    if root and root.resolve() != stored and processes().is_main_process:
        runs.write_config(out, recipe, root)
    return recipe, root or stored


def _train(out: Path, recipe: Recipe, root: Path | None, resume: bool) -> None:
    """Train, score, and leave it all in the run folder."""
    runs.keep_freed_memory()
    with processes().main_process_first():  # rooms are rendered once
        training, test = (recipes.build_data(recipe, root, split) for split in ("train", "test"))
    validation = recipes.build_validation(recipe, root)
    model, target = recipes.build_model(recipe), recipes.build_task(recipe)
    for dataset in (training, test):
        target_of(dataset[0], target)  # a task that the data cannot serve ends here, before anything is written
    sampler, augment = recipes.build_sampler(recipe), recipes.build_augment(recipe)
    first, cure = processes().is_main_process, "wait for it, or choose another --out"  # the first one writes
    with runs.alone(out.with_name(f".{out.name}.lock"), out, cure) if first else nullcontext():
        if first and not resume:
            runs.create_folder(out, recipe, root)
        fit(model, target, training, sampler, recipe.training, augment, validation, folder=out, resume=resume)
        if first:
            _report(out, model, target, test, suffix="")


@app.command()
def evaluate(
    run: Annotated[Path | None, typer.Argument(help="Run folder, or none for a reference.", show_default=False)] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of the data set. [default: the run's]")] = None,
    split: Annotated[Literal["train", "test"], typer.Option(help="Part of the data set.")] = "test",
    task: Annotated[Literal["edges"] | None, typer.Option(help="Task of the reference.")] = None,
    data: Annotated[
        Literal[tuple(CATALOG)] | None, typer.Option(help="Data set of the reference. [default: bsds500]")
    ] = None,
    reference: Annotated[
        Literal["hed", "people"] | None, typer.Option(help="HED, or people against people. [default: hed]")
    ] = None,
) -> None:
    """Score a trained network again, or a reference, and draw its predictions.

    pixelnet evaluate runs/segmentation-rooms-laptop

    pixelnet evaluate --task edges --data bsds500 --root BSDS500
    """
    if (run is None) == (task is None) or (run and (data or reference)):
        raise ValueError("evaluate: expected either a RUN folder, or --task edges for a reference with its --data")
    suffix = "" if split == "test" else f"-{split}"
    if run is None:
        return _evaluate_reference(reference or "hed", data or "bsds500", root, split, suffix)
    recipe, trained_on, model, target = runs.load_run(run)
    _report(run, model, target, recipes.build_data(recipe, root or trained_on, split), suffix)


@app.command()
def predict(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[RUN] PHOTO", help="Run folder or none; a photograph, or a folder of them.", show_default=False
        ),
    ],
    task: Annotated[Literal[tuple(TASKS)] | None, typer.Option(help="Without a run. [default: all of them]")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Picture to write, or folder of pictures. [default: PHOTO-TASK.png]")
    ] = None,
) -> None:
    """Colour a photograph with the prediction of every pixel, at the photograph's size.

    By the network of a run folder, or else by those that the package ships. Of a folder, each photograph; the pictures
    go to a folder beside it.

        pixelnet predict cat.jpg

        pixelnet predict runs/edges-bsds500-photographs cat.jpg

        pixelnet predict --task segmentation holidays
    """
    *run, photo = paths
    if len(run) > 1 or (run and task):
        raise ValueError("predict: expected RUN and PHOTO; or PHOTO, with or without --task")
    if out and not (run or task):
        raise ValueError("out: found without RUN and --task, expected one of them: a picture is of one task")
    shipped = [runs.recorded(f"photograph-{name}") for name in ([task] if task else TASKS)]
    photos = list_photos(photo, "photographs") if photo.is_dir() else [photo]
    failed = 0
    for folder in run or shipped:
        recipe, _, model, target = runs.load_run(folder)
        pictures = _pictures(photo, photos, recipe.task, out)
        for path, picture in tqdm(pictures.items(), recipe.task, disable=len(pictures) == 1, unit="photograph"):
            try:
                write_picture(picture, predict_photo(model, target, read_pixels(path), recipe.size))
            except ValueError as error:
                if len(pictures) == 1:
                    raise
                failed += 1
                tqdm.write(f"pixelnet: {error}", file=sys.stderr)
        print(f"wrote {picture if len(pictures) == 1 else f'{len(pictures) - failed} pictures to {picture.parent}'}")
    if failed:
        raise ValueError(f"{photo}: found {failed} photographs that could not be predicted, named above")


def _pictures(photo: Path, photos: list[Path], task: str, out: Path | None) -> dict[Path, Path]:
    """Return where the picture of each photograph goes; ValueError if that is the photograph."""
    if photo.is_dir():
        folder = out or photo.with_name(f"{photo.resolve().name}-{task}")
        pictures = {path: folder / f"{path.stem}.png" for path in photos}
    else:
        pictures = {photo: out or photo.with_name(f"{photo.stem}-{task}.png")}
    for path, picture in pictures.items():
        if picture.resolve() == path.resolve():
            raise ValueError(f"out: found {picture}, the photograph itself, expected another file; it was left alone")
    return pictures


@app.command()
def bench(
    quick: Annotated[bool, typer.Option("--quick", help="Small sizes, seconds: shows that everything runs.")] = False,
    out: Annotated[Path, typer.Option(help="Record to write.")] = Path("bench.json"),
    camvid: Annotated[Path | None, typer.Option(help="Run folder of segmentation on CamVid, to compare too.")] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of CamVid. [default: the run's]")] = None,
) -> None:
    """Measure speed and memory on this machine against the obvious way: half an hour to two hours on two quiet cores.

    Until it is done, what is measured so far is in bench.part.json, beside the record.

    pixelnet bench --out bench.json
    """
    if root and not camvid:
        raise ValueError("root: found without --camvid, the run folder whose photographs it holds; say both")
    check_writable(out)
    runs.keep_freed_memory()
    unfinished = out.with_name(f"{out.stem}.part.json")
    record = run_bench(partial(runs.write_json, unfinished), quick, camvid, root)
    print(table(record["rows"]))
    runs.write_json(out, record)
    unfinished.unlink()
    print(f"wrote {out}")


@data_app.command()
def check(
    name: Annotated[Literal[PHOTOGRAPHS], typer.Argument(help="Which data set.", show_default=False)],
    root: Annotated[Path, typer.Option(help="Its folder.")],
) -> None:
    """Read every sample of a folder once; list and count what is wrong.

    pixelnet data check bsds500 --root BSDS500
    """
    reports = check_dataset(name, root, progress=True)
    problems = [problem for report in reports for problem in report.problems]
    print(*problems, *reports, sep="\n")
    if number := len(problems):
        raise ValueError(f"{root}: found {number} problems in {name}, listed above; data_scripts make a whole folder")


def _evaluate_reference(reference: str, data: str, root: Path | None, split: str, suffix: str) -> None:
    """Score HED or people on boundaries and write what was found."""
    folder = Path("runs") / f"edges-{data}-{reference}"
    dataset = recipes.build_data(presets.preset("edges", data, "paper"), root, split)
    target_of(dataset[0], EdgeDetection())
    model = hed() if reference == "hed" else None
    folder.mkdir(parents=True, exist_ok=True)
    about = {"reference": reference, "task": "edges", "data": data, "split": split, "images": len(dataset)}
    runs.write_json(folder / f"config{suffix}.json", about | provenance())
    if model:
        return _report(folder, model, EdgeDetection(), dataset, suffix)
    scores = human_scores(dataset, progress=True, workers=os.cpu_count() or 1)
    runs.write_json(folder / f"scores{suffix}.json", scores)
    _print(scores)
    print(f"wrote {folder}/scores{suffix}.json")


def _report(folder: Path, model: PixelNet, task: Task, dataset: SampleSet, suffix: str) -> None:
    """Score, print the numbers, write them and the picture."""
    scores = score(model, task, dataset, progress=True, workers=os.cpu_count() or 1)
    runs.write_results(folder, model, task, dataset, scores, suffix)
    print(f"scored on {len(dataset)} images")
    _print(scores)
    for name, value in zip(getattr(task, "classes", ()), scores.get("iou", ()), strict=False):
        print(f"{'iou ' + name:>18} {value:.4f}")
    print(f"wrote {folder}/scores{suffix}.json and {folder}/predictions{suffix}.png")


def _print(scores: dict) -> None:
    """Print the scores that are one number."""
    for name, value in scores.items():
        if isinstance(value, float):
            print(f"{name:>18} {value:.4f}")
