"""The commands `pixelnet reproduce`, `pixelnet report` and `pixelnet study`."""

from pathlib import Path
from typing import Annotated, Literal

import torch
import typer

from pixelnet_edu.checks import check_whole
from pixelnet_edu.data.catalog import CATALOG
from pixelnet_edu.experiments.arms import EXPERIMENTS, experiment
from pixelnet_edu.experiments.design import base_recipe, vary
from pixelnet_edu.experiments.plan import choose_arms, plan_runs, setting_of
from pixelnet_edu.experiments.records import SHIPPED, Record, read_records, tuning_records
from pixelnet_edu.experiments.report import compare_text, draw, place_text, report_of
from pixelnet_edu.experiments.schedule import execute, forecast
from pixelnet_edu.experiments.studies import leak, noise, shapes
from pixelnet_edu.experiments.tuning import FIRST_SEED, at_rates, rates_text, tuned
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training import recipes
from pixelnet_edu.training.config import processes
from pixelnet_edu.training.runs import keep_freed_memory, write_json

RECORDS = Path("runs/experiments")
MOST_SEEDS = 1000  # more are a slip of the hand
STUDIES = {"leak": leak, "noise": noise, "shapes": shapes}
Name = Annotated[Literal[tuple(EXPERIMENTS)] | None, typer.Argument(help="Which experiment.", show_default=False)]
Task = Literal[tuple(TASKS)]
Data = Annotated[Literal[tuple(CATALOG)], typer.Option(help="Rooms are rendered; the rest is photographs.")]
Root = Annotated[Path | None, typer.Option(help="Folder of the data set; for rooms, of their cache.")]

Preset = Annotated[
    Literal[recipes.PRESETS],
    typer.Option(help="From scratch on two cores; EfficientNet-Lite0 there; or the paper's VGG-16."),
]
Backbone = Annotated[
    str | None,
    typer.Option(help="small-vgg, vgg16 or a network of timm. [default: the preset's]", show_default=False),
]
Weights = Annotated[
    Literal[recipes.WEIGHTS] | None,
    typer.Option(help="Of the backbone. [default: the preset's]", show_default=False),
]


def reproduce(
    name: Name = None,
    task: Annotated[Task | None, typer.Option(help="What to predict. [default: the first that fits]")] = None,
    data: Data = "rooms",
    root: Root = None,
    preset: Annotated[
        Literal[recipes.PRESETS] | None,
        typer.Option(help="As for train. [default: laptop; of pretraining, photographs]"),
    ] = None,
    backbone: Backbone = None,
    weights: Weights = None,
    seeds: Annotated[str, typer.Option(help="5 for 0 to 4; or a list such as 0,3,4 (a single one: 3,).")] = "5",
    arms: Annotated[str, typer.Option(help="A list of arms, or every. [default: the paper's own]")] = "",
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of SGD. [default: the experiment's]")] = None,
    records: Annotated[Path, typer.Option(help="Folder of the records.")] = RECORDS,
    jobs: Annotated[int, typer.Option(min=1, help="Processes that train at the same time.")] = 1,
    time_limit: Annotated[float | None, typer.Option(min=0, help="Minutes after which no run is begun.")] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Stop if there is no GPU, instead of training for days.")] = False,
    tune: Annotated[
        bool, typer.Option("--tune", help="Seek each arm's learning rate, on held-out training images.")
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the experiments, or the arms of one.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Measure a few steps; say how long it all takes.")] = False,
) -> None:
    """Train the arms of an experiment with several seeds; one record for each.

    Stop it at any moment; the same command continues, and repeats nothing.

        pixelnet reproduce --list

        pixelnet reproduce table1 --task segmentation --data rooms --seeds 5
    """
    if name is None:
        if not list_:
            raise ValueError(f"name: missing, expected one of {', '.join(EXPERIMENTS)}; --list describes them")
        return print("\n".join(f"{found.name:<12} {found.question}" for found in EXPERIMENTS.values()))
    if (number := processes().num_processes) > 1:
        together = f"found {number} processes started together, expected 1, since the batch would grow with them"
        raise ValueError(f"reproduce: {together}; run seeds side by side, or --jobs")
    if gpu and not torch.cuda.is_available():
        raise ValueError("gpu: found none, expected one for --gpu; leave --gpu out to train on the processor")
    chosen = experiment(name)
    preset = preset or chosen.preset
    steps = steps or chosen.steps(preset, data)
    base = base_recipe(task or chosen.tasks[0], data, preset, steps, weights, backbone)
    recipes.build_task(base)  # a task that the data cannot serve ends here
    if list_:
        found = choose_arms(chosen, base, ["every"])
        return print("\n".join(f"{arm.name:<22} {arm.about}{'' if arm.default else ' (by --arms)'}" for arm in found))
    named = arms.split(",") if arms else []
    trained, numbers = choose_arms(chosen, base, named), parse_seeds(seeds)
    held_out = vary(base, held_out=True)
    known = tuning_records(records, name, setting_of(held_out))
    if tune:
        base, numbers = held_out, [FIRST_SEED + number for number in numbers]
    runs = plan_runs(chosen, base, at_rates(trained, known) if tune else tuned(trained, known), numbers, records, root)
    if dry_run:
        return print(forecast(runs, jobs))
    keep_freed_memory()
    left = execute(runs, jobs, time_limit)
    print(f"{len(runs) - len(left)} of {len(runs)} records in {runs[0].folder}; `pixelnet report {name}` shows them")
    if left:
        print("the time is up; the same command continues")
    elif tune and len(at_rates(trained, read_records(runs[0].folder))) > len(runs) / len(numbers):
        print("the best rate of some arm is at the end of its grid; the same command tries the next one")


def report(
    name: Name,
    records: Annotated[
        Path | None, typer.Option(help=f"Folder of the records. [default: {RECORDS}, else the package's own]")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Another machine's records, to compare with.")] = None,
    backbone: Annotated[str | None, typer.Option(help="Only what was trained with it.", show_default=False)] = None,
    weights: Annotated[
        Literal[recipes.WEIGHTS] | None, typer.Option(help="Only what began with them.", show_default=False)
    ] = None,
) -> None:
    """Print the tables of an experiment, with 95 % intervals and the paper's rows, and draw them.

    pixelnet report table1
    """
    records, pictures = records or (RECORDS if _settings(RECORDS, name) else SHIPPED), records or RECORDS
    chosen = {folder: _chosen(read_records(folder), backbone, weights) for folder in _settings(records, name)}
    if not any(chosen.values()):
        raise FileNotFoundError(f"{records / name}: found no such records; make them with `pixelnet reproduce {name}`")
    for folder, found in chosen.items():
        if not found:
            continue
        shipped = " (records of the package)" if records == SHIPPED else ""
        print(f"{name}, {folder.name}{shipped}\n")
        if folder.name.endswith("tuning"):
            print(f"{rates_text(found)}\n")
            continue
        print(f"{report_of(found)}\n")
        if records != SHIPPED and (SHIPPED / name / folder.name).is_dir():
            print(f"{place_text(found, read_records(SHIPPED / name / folder.name))}\n")
        if against:
            print(f"{compare_text(found, read_records(against / name / folder.name))}\n")
        picture = pictures / name / f"{folder.name}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        draw(found, picture)
        print(f"wrote {picture}\n")


def study(
    name: Annotated[Literal[tuple(STUDIES)], typer.Argument(help="Which study.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Record to write.")],
    root: Annotated[Path | None, typer.Option(help="Folder of the data set; rooms have none.")] = None,
    data: Annotated[
        Literal[tuple(CATALOG)], typer.Option(help="Data set; leak has CamVid only, shapes those with classes.")
    ] = "camvid",
    task: Annotated[Task, typer.Option(help="What noise is trained for.")] = "segmentation",
) -> None:
    """Measure what explains a score: copies of frames (leak), thin classes (shapes), noisy gradients (noise).

    pixelnet study leak --root CamVid --out camvid-leak.json

    pixelnet study shapes --data camvid --root CamVid --out camvid-shapes.json

    pixelnet study noise --data rooms --out noise.json
    """
    if root is None and data != "rooms":
        raise ValueError(f"root: missing, expected the folder of {data}; give --root")
    keep_freed_memory()
    record = STUDIES[name].make_record(data, root, *([task] if name == "noise" else []))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_json(out, record)
    print(f"{STUDIES[name].summary(record)}\nwrote {out}")


def _settings(records: Path, name: str) -> list[Path]:
    """List the folders of an experiment that hold records."""
    return sorted(path for path in (records / name).glob("*") if any(path.glob("*-seed*.json")))


def _chosen(records: list[Record], backbone: str | None, weights: str | None) -> list[Record]:
    """Return the records of this backbone and these weights, where they are given."""
    of_recipes = [(record, recipes.recipe_from(record.recipe)) for record in records]
    return [r for r, recipe in of_recipes if backbone in (None, recipe.backbone) and weights in (None, recipe.weights)]


def parse_seeds(text: str) -> list[int]:
    """Read seeds: a number of them, or a list with commas.

    Raises
    ------
    ValueError
        For anything else.

    Examples
    --------
    >>> parse_seeds("3"), parse_seeds("0,3,4"), parse_seeds("3,")
    ([0, 1, 2], [0, 3, 4], [3])
    """
    parts = text.rstrip(",").split(",")
    if not all(part.strip().isdecimal() and len(part) < 10 for part in parts):
        raise ValueError(f"seeds: found {text[:40]!r}, expected a number of them such as 5, or a list such as 0,3,4")
    seeds = [int(part) for part in parts]
    if "," in text:
        return seeds
    return list(range(check_whole("seeds", seeds[0], least=1, most=MOST_SEEDS)))
