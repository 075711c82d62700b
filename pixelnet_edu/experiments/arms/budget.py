"""Accuracy for time: what several sampling rates reach after the same seconds.

The learning rate stays constant, so that a score read on the way is not that of an unfinished schedule. Each reading
carries the seconds of training before it.
"""

from pixelnet_edu.experiments.design import Arm, Claim, Experiment, every_pixel, uniform, vary
from pixelnet_edu.training.recipes import Recipe


def arms(base: Recipe) -> list[Arm]:
    """List the arms: every pixel, and 16, 4 and 1 % of them."""
    if base.training.schedule == "onecycle":  # its mean rate is about a third of its largest
        base = vary(base, schedule="step", learning_rate=base.training.learning_rate / 3)
    sampled = [uniform(base, f"uniform-{share}", 500 * share) for share in (16, 4, 1)]  # 1 % of 224 x 224 is about 500
    return [Arm("all-pixels", "every pixel", every_pixel(base)), *sampled]


EXPERIMENT = Experiment(
    name="budget",
    question="Which share of the pixels gives the best score for the time?",
    arms=arms,
    claims=(
        Claim("1 % of the pixels trains as well as 16 % in as many steps", "uniform-1", "uniform-16", as_good=True),
    ),
    readings=(0.25, 0.5, 0.75, 1.0),
)
