"""The noise of a step's gradient: how much it differs from step to step, at several moments of a training.

A step follows the gradient of a few pixels of a few images, an estimate of the gradient over all. Its *noise scale* nu
is the variance of that estimate, summed over all weights, over the squared length of what it estimates. A step of an
ideal length then gets 1 / (1 + nu) as far as one without noise, and its length should be 1 / (1 + nu) of that one's: so
a batch that is noisier by a factor wants a learning rate that is smaller by nearly that factor, and that many more
steps. From one arm's best rate and its scores after several lengths, the others' are foretold.
Source: McCandlish et al., arXiv 1812.06162, for the noise scale, with images where it has examples; here pixels of one
image are not independent, so each arm's variance is measured, not computed from its size.

All is measured on training images, with seeds that nothing is scored with, before any arm but that one is trained.

    pixelnet study noise --data rooms --out noise.json

Shapes: G draws, P weights.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from tqdm.auto import tqdm

from pixelnet_edu.data.catalog import CATALOG
from pixelnet_edu.experiments.arms import experiment
from pixelnet_edu.experiments.design import Arm, base_recipe, of_length, vary
from pixelnet_edu.experiments.plan import setting_of
from pixelnet_edu.experiments.records import SHIPPED, tuning_records
from pixelnet_edu.experiments.runner import fit_recipe
from pixelnet_edu.experiments.tuning import FIRST_SEED, tuned
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training.batches import Batches, Samples, loader
from pixelnet_edu.training.evaluation import evaluate
from pixelnet_edu.training.recipes import build_augment, build_data, build_sampler, build_task
from pixelnet_edu.training.runs import RECORDS, provenance
from pixelnet_edu.training.step import draw_points, mean_loss_backward

FOLDER = RECORDS / "noise"
DATA = tuple(CATALOG)
REFERENCE = "5x2000"  # the arm from which the others are foretold
DRAWS = 64
MOMENTS = (0.05, 0.25, 0.5, 0.75)  # of the reference's steps
LENGTHS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4)  # of the same


def noise_of(model: PixelNet, arm: Arm, root: Path | None, draws: int = DRAWS) -> dict[str, float]:
    """Take the gradients of ``draws`` steps of an arm, without a step, and measure how they differ.

    Returns
    -------
    dict
        ``variance``, summed over the weights, and ``signal``, the squared length of the mean gradient: that of the
        sample less what the noise adds to it.
    """
    recipe, training = arm.recipe, arm.recipe.training
    task, sampler = build_task(recipe), build_sampler(recipe)
    net, data = deepcopy(model), build_data(recipe, root, "train")
    samples = Samples(data, build_augment(recipe), task, getattr(sampler, "least_valid", training.points_per_image))
    # A batch of each seed, so that all are independent: those of one seed use up the images before any comes again.
    firsts = [Batches(len(data), training.images_per_step, 0, 1, training.seed + k) for k in range(draws)]
    batches = [batch for first in firsts for batch in first]
    accelerator, generator = Accelerator(), torch.Generator().manual_seed(training.seed)
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    total, squares = torch.zeros(sum(weight.numel() for weight in weights), dtype=torch.float64), 0.0
    for images, targets in loader(samples, batches, workers=0):
        images, targets = (batch.to(accelerator.device) for batch in (images, targets))
        net.zero_grad()
        points = draw_points(net, task, sampler, images, targets, training.points_per_image, generator)
        mean_loss_backward(accelerator, net.train(), task, images, targets, points, training.reweight)
        gradient = torch.cat([weight.grad.flatten() for weight in weights]).double().cpu()
        total += gradient
        squares += float(gradient @ gradient)
    mean = float(total @ total) / draws**2
    variance = (squares / draws - mean) * draws / (draws - 1)
    return {"variance": variance, "signal": mean - variance / draws}


def make_record(data: str, root: Path | None, task: str) -> dict:
    """Measure the noise of every arm of the diversity table, and the reference arm's scores after several lengths.

    Raises
    ------
    FileNotFoundError, ValueError
        If the data is missing, or cannot serve the task.
    """
    chosen, preset = experiment("table4"), "laptop" if data == "rooms" else "photographs"
    base = vary(base_recipe(task, data, preset, chosen.steps(preset, data)), held_out=True, seed=FIRST_SEED)
    arms = {arm.name: arm for arm in tuned(chosen.arms(base), tuning_records(SHIPPED, chosen.name, setting_of(base)))}
    reference = arms[REFERENCE].recipe
    steps, score = reference.training.steps, TASKS[task].score
    about = {"experiment": "noise", "setting": setting_of(replace(base, held_out=False)), "reference": REFERENCE}
    about |= {"rate": reference.training.learning_rate, "draws": DRAWS, "moments": list(MOMENTS)}
    curve = {}
    for length in tqdm(LENGTHS, desc="lengths"):
        recipe = of_length(reference, round(length * steps))
        model, _ = fit_recipe(recipe, root)
        curve[recipe.training.steps] = evaluate(model, build_task(recipe), build_data(recipe, root, "test"))[score]
    steps_of = {name: arm.recipe.training.steps for name, arm in arms.items()}
    return about | {"curve": curve, "steps": steps_of, "noise": _noise(arms, root)} | provenance()


def _noise(arms: Mapping[str, Arm], root: Path | None) -> dict[str, list[dict[str, float]]]:
    """Train the reference arm, and measure every arm's noise at each moment; arms with the same batch share it."""
    recipe, found, batches = arms[REFERENCE].recipe, {name: [] for name in arms}, {}
    for name, arm in arms.items():
        training = arm.recipe.training
        batches.setdefault((training.images_per_step, training.points_per_image, arm.recipe.sampler), []).append(name)
    moments = {max(1, round(share * recipe.training.steps)) for share in MOMENTS}

    def note(step: int, seconds: float, model: PixelNet) -> None:
        for names in batches.values() if step in moments else ():
            noise = noise_of(model, arms[names[0]], root)
            for name in names:
                found[name].append(noise)

    fit_recipe(recipe, root, on_step=note)
    return found


def scales_of(record: dict) -> dict[str, float]:
    """Return each arm's noise scale, 1 / (its mean over the moments of 1 / (1 + nu)) - 1.

    The true gradient is the same for all arms, so its squared length is taken from the one with the least variance.

    Examples
    --------
    >>> noise = {"five": [{"variance": 4.0, "signal": 1.0}], "one": [{"variance": 24.0, "signal": 9.0}]}
    >>> scales_of({"noise": noise})
    {'five': 4.0, 'one': 24.0}
    """
    noise = record["noise"]
    signals = [min(at, key=lambda one: one["variance"])["signal"] for at in zip(*noise.values(), strict=True)]
    parts = {
        arm: [1 / (1 + one["variance"] / signal) for one, signal in zip(at, signals, strict=True)]
        for arm, at in noise.items()
    }
    return {arm: float(1 / np.mean(part) - 1) for arm, part in parts.items()}


def foretell(record: dict) -> dict[str, tuple[float, float]]:
    """Foretell every arm's best learning rate, and its score: that of the reference after as many steps as its own are
    worth, where n steps of an arm of noise scale nu are worth n (1 + nu of the reference) / (1 + nu).

    Examples
    --------
    >>> noise = {"five": [{"variance": 4.0, "signal": 1.0}], "one": [{"variance": 24.0, "signal": 1.0}]}
    >>> record = {"noise": noise, "steps": {"five": 600, "one": 600}, "reference": "five", "rate": 0.3}
    >>> found = foretell(record | {"curve": {"60": 0.2, "120": 0.3, "600": 0.57}})
    >>> [(round(rate, 2), score) for rate, score in found.values()]
    [(0.3, 0.57), (0.06, 0.3)]
    """
    scales = scales_of(record)
    curve = {int(steps): score for steps, score in record["curve"].items()}
    worth = {arm: (1 + scales[record["reference"]]) / (1 + scale) for arm, scale in scales.items()}
    at, known = np.log(list(curve)), list(curve.values())
    return {
        arm: (record["rate"] * part, float(np.interp(np.log(record["steps"][arm] * part), at, known)))
        for arm, part in worth.items()
    }


def recorded_noise(setting: str) -> dict:
    """Return the record that the package ships of a setting, such as "segmentation-rooms-laptop"."""
    return json.loads((FOLDER / f"{setting}.json").read_text())


def summary(record: dict) -> str:
    """Say what is foretold of every arm, a line for each."""
    lines = [f"{arm:<24} rate {rate:.2g}, score {score:.3f}" for arm, (rate, score) in foretell(record).items()]
    return "\n".join(["foretold, before any of these arms is trained:", *lines])
