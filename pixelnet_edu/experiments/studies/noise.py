"""The noise of a step's gradient: how much it differs from step to step, at several moments of a training.

A step follows the gradient of a few pixels of a few images, an estimate of the gradient over all. Its *noise scale* nu
is the variance of that estimate, summed over all weights, over the squared length of what it estimates. A step of an
ideal length then gets 1 / (1 + nu) as far as one without noise, and its length should be 1 / (1 + nu) of that one's: so
a batch that is noisier by a factor wants a learning rate that is smaller by nearly that factor, and that many more
steps. From one arm's best rate and its scores after several lengths, the others' are foretold.
Source: McCandlish et al., arXiv 1812.06162, for the noise scale, with images where it has examples; here pixels of one
image are not independent, so each arm's variance is measured, not computed from its size.

    pixelnet study noise --out rooms-noise.json

Shapes: G draws, P weights.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from accelerate import Accelerator

from pixelnet_edu.experiments.design import Arm, vary
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.training.batches import Batches, Samples, loader
from pixelnet_edu.training.recipes import build_augment, build_data, build_sampler, build_task
from pixelnet_edu.training.step import draw_points, mean_loss_backward


class Noise(NamedTuple):
    """The gradients of an arm's steps at one moment: summed variance, and squared length of their mean."""

    variance: float
    signal: float

    @property
    def scale(self) -> float:
        """The noise scale, variance over signal."""
        return self.variance / self.signal


def noise_of(model: PixelNet, arm: Arm, root: Path | None, draws: int, seed: int) -> Noise:
    """Take the gradients of ``draws`` steps of an arm, without a step, and measure how they differ.

    The squared length of the mean is that of the sample less what the noise adds to it.
    """
    recipe = vary(arm.recipe, seed=seed)
    task, sampler, training = build_task(recipe), build_sampler(recipe), recipe.training
    net, data = deepcopy(model).train(), build_data(recipe, root, "train")
    samples = Samples(data, build_augment(recipe), task, getattr(sampler, "least_valid", training.points_per_image))
    batches = Batches(len(data), training.images_per_step, 0, draws, seed)
    accelerator, generator = Accelerator(cpu=not torch.cuda.is_available()), torch.Generator().manual_seed(seed)
    total, squares = torch.zeros(sum(p.numel() for p in net.parameters()), dtype=torch.float64), 0.0
    for images, targets in loader(samples, batches, workers=0):
        net.zero_grad()
        points = draw_points(net, task, sampler, images, targets, training.points_per_image, generator)
        mean_loss_backward(accelerator, net.train(), task, images, targets, points, training.reweight)
        gradient = torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]).double()
        total[: len(gradient)] += gradient
        squares += float(gradient @ gradient)
    mean = float(total @ total) / draws**2
    variance = (squares / draws - mean) * draws / (draws - 1)
    return Noise(variance, mean - variance / draws)


class Foretold(NamedTuple):
    """What an arm's noise says of it: its best learning rate, and the score after its steps."""

    rate: float
    score: float


def foretell(
    noise: Mapping[str, Sequence[Noise]],
    steps: Mapping[str, int],
    reference: str,
    rate: float,
    curve: Mapping[int, float],
) -> dict[str, Foretold]:
    """Foretell every arm's best rate and score from the reference arm's.

    Parameters
    ----------
    noise : dict
        Of each arm, at the same moments of one training.
    steps : dict
        How many steps each arm takes.
    reference : str
        The arm whose rate and scores are known.
    rate : float
        Its best learning rate.
    curve : dict
        Its score after whole trainings of several lengths, by steps.

    Returns
    -------
    dict
        The rate, and the score of the reference after as many steps as the arm's are worth.

    Examples
    --------
    >>> noise = {"five": [Noise(4.0, 1.0)], "one": [Noise(24.0, 1.0)]}  # 1 + nu: 5 and 25
    >>> found = foretell(noise, {"five": 600, "one": 600}, "five", 0.3, {60: 20.0, 120: 30.0, 600: 57.0})
    >>> [(round(f.rate, 2), f.score) for f in found.values()]
    [(0.3, 57.0), (0.06, 30.0)]
    """
    progress = {arm: float(np.mean([1 / (1 + n.scale) for n in moments])) for arm, moments in noise.items()}
    lengths = sorted(curve)
    found = {}
    for arm, own in progress.items():
        worth = own / progress[reference]
        score = np.interp(np.log(steps[arm] * worth), np.log(lengths), [curve[n] for n in lengths])
        found[arm] = Foretold(rate * worth, float(score))
    return found
