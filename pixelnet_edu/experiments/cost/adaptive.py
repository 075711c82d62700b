"""Adaptive prediction against the exact one: how much faster, how much worse, and how many pixels it computed.

Scores are those of `evaluate`. Computed pixels are counted where they cannot hide: at the head's last layer.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn

from pixelnet_edu.data.catalog import spread
from pixelnet_edu.data.rooms.scenes import RoomScenes
from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.experiments.cost.plans import Plan, Rich
from pixelnet_edu.experiments.cost.report import once, row
from pixelnet_edu.experiments.cost.timing import interleaved
from pixelnet_edu.experiments.design import vary
from pixelnet_edu.model.heads import MLPHead
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import Task
from pixelnet_edu.training import recipes
from pixelnet_edu.training.config import fast_precision
from pixelnet_edu.training.evaluation import evaluate, predict_one
from pixelnet_edu.training.runs import load_run, recorded
from pixelnet_edu.training.trainer import fit

RICH_SCENES, RICH_RATE = 200, 0.05  # rooms to train a richer network on, and its learning rate

GOALS = {"miou": 0.2, "mean": 0.2, "ods": None}  # what each score may lose, as it is printed


class CamVidRun(NamedTuple):
    """A network that was trained on CamVid, and the photographs of both splits."""

    recipe: recipes.Recipe
    net: PixelNet
    problem: Task
    train: SampleSet
    test: SampleSet


def rooms(task: str, plan: Plan) -> list[dict]:
    """Compare on rooms, with the recorded network of a task."""
    recipe, _, net, problem = load_run(recorded(f"rooms-{task}"))
    return compare(f"rooms, {task}", net, problem, list(RoomScenes(recipe.size, plan.scenes, seed=1)), plan)


def rich_rooms(task: str, plan: Plan) -> list[dict]:
    """Compare on larger rooms, with a predictor of the paper's size on the recorded backbone of a task."""
    recipe, _, net, problem = load_run(recorded(f"rooms-{task}"))
    size, number = plan.rich.size, plan.rich.scenes
    net = enrich(net, problem, vary(recipe, size=size), list(RoomScenes(size, RICH_SCENES, seed=0)), plan.rich)
    samples = list(RoomScenes(size, number, seed=1))
    return compare(f"large rooms, rich predictor, {task}", net, problem, samples, plan)


def enrich(net: PixelNet, problem: Task, recipe: recipes.Recipe, dataset: SampleSet, rich: Rich) -> PixelNet:
    """Put a new, richer predictor on a copy of a trained backbone, and train both a little.

    The recipe may be of another machine: its precision is not.
    """
    torch.manual_seed(0)
    head = MLPHead(net.backbone.hypercolumn_channels, problem.num_outputs, rich.hidden)
    enriched = PixelNet(copy.deepcopy(net.backbone), head)
    recipe = vary(recipe, steps=rich.steps, points_per_image=rich.points, evaluate_every=0)
    recipe = vary(recipe, learning_rate=RICH_RATE, precision=fast_precision())
    how = recipes.build_sampler(recipe), recipe.training, recipes.build_augment(recipe)
    fit(enriched, problem, dataset, *how, progress=False)
    return enriched


def camvid_run(run: Path, root: Path | None) -> CamVidRun:
    """Open a segmentation run on CamVid and its photographs.

    Raises
    ------
    ValueError
        If the run is of another task or data set.
    FileNotFoundError
        If the folder is no run folder, or the photographs are missing.
    """
    recipe, trained_on, net, problem = load_run(run)
    if (recipe.task, recipe.data) != ("segmentation", "camvid"):
        raise ValueError(f"{run}: found a run of {recipe.task} on {recipe.data}, expected segmentation on camvid")
    train, test = (recipes.build_data(recipe, root or trained_on, split) for split in ("train", "test"))
    return CamVidRun(recipe, net, problem, train, test)


def camvid(run: CamVidRun, plan: Plan) -> list[dict]:
    """Compare on photographs spread over CamVid's test set."""
    return compare("camvid", run.net, run.problem, list(spread(run.test, plan.scenes)), plan)


def rich_camvid(run: CamVidRun, plan: Plan) -> list[dict]:
    """Compare on fewer of them, with a predictor of the paper's size on the run's backbone."""
    net = enrich(run.net, run.problem, run.recipe, run.train, plan.rich)
    return compare("camvid, rich predictor", net, run.problem, list(spread(run.test, plan.rich.scenes)), plan)


def compare(name: str, net: PixelNet, problem: Task, samples: Sequence[dict], plan: Plan) -> list[dict]:
    """Return the rows of speed, score and computed pixels of one network."""
    fast = copy.copy(net)  # the same weights
    fast.predict = partial(net.predict, mode="adaptive", task=problem)
    sides = {
        "ours": partial(_predict_all, fast, samples),
        "peer": partial(_predict_all, net, samples),
        "backbone": partial(_backbone_all, net, samples),
    }
    times = interleaved(sides, plan.seconds / 2)
    score = next(name for name in GOALS if name in problem.scores)
    _, unit, factor = problem.scores[score]
    scores = [once(factor * evaluate(model, problem, samples)[score]) for model in (fast, net)]
    kind, unit = ("lost", "points") if problem.higher_is_better else ("added", unit)
    pixels = sum(sample["image"][0].numel() for sample in samples)
    computed = once(100 * count_computed(net.head, sides["ours"]) / pixels)
    about = {"size": list(samples[0]["image"].shape[-2:]), "images": len(samples)}
    speed = row(f"adaptive, {name}", "times", "s", times["ours"], times["peer"], 5, **about, backbone=times["backbone"])
    return [
        speed,
        row(f"adaptive, {name}, {score}", kind, unit, *scores, GOALS[score], **about),
        row(f"adaptive, {name}, pixels computed", "share", "per cent", computed, once(100.0), **about),
    ]


def _predict_all(model: nn.Module, samples: Sequence[dict]) -> None:
    """Predict the images one by one."""
    for sample in samples:
        predict_one(model, sample["image"])


@torch.no_grad()
def _backbone_all(net: PixelNet, samples: Sequence[dict]) -> None:
    """Run only the backbone, the part that no choice of pixels makes cheaper."""
    for sample in samples:
        net.backbone(sample["image"][None].to(net.backbone.mean.device))


def count_computed(head: nn.Module, run: Callable[[], object]) -> int:
    """Count the pixels that a head computes while something runs.

    Examples
    --------
    >>> from pixelnet_edu import MLPHead
    >>> head = MLPHead(8, 2, hidden=(4,))
    >>> count_computed(head, lambda: head(torch.rand(3, 5, 8)))
    15
    """
    *_, last = (module for module in head.modules() if isinstance(module, nn.Linear))
    counts = []
    with last.register_forward_hook(lambda _, inputs, outputs: counts.append(outputs[..., 0].numel())):
        run()
    return sum(counts)
