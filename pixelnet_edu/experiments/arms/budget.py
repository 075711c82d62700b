"""Accuracy for time: what several sampling rates reach after the same seconds.

The learning rate stays constant, so that a score read on the way is not that of an unfinished schedule. Each reading
carries the seconds of training before it.
"""

from pixelnet_edu.experiments.design import Arm, Claim, Experiment, percent, scaled, vary
from pixelnet_edu.training.recipes import Recipe

_RATES = (("uniform-16", 8_000), ("uniform-4", 2_000), ("uniform-1", 500))


def arms(base: Recipe) -> list[Arm]:
    """List the arms: every pixel, and 16, 4 and 1 % of them."""
    if base.training.schedule == "onecycle":  # its mean rate is about a third of its largest
        base = vary(base, schedule="step", learning_rate=base.training.learning_rate / 3)
    every = base.size[0] * base.size[1]
    sampled = [(name, scaled(base, points)) for name, points in _RATES]
    return [
        Arm("all-pixels", "every pixel", vary(base, sampler="any", points_per_image=every)),
        *[
            Arm(name, f"uniform, {percent(base, points)}", vary(base, points_per_image=points))
            for name, points in sampled
        ],
    ]


EXPERIMENT = Experiment(
    name="budget",
    question="Which share of the pixels gives the best score for the time?",
    arms=arms,
    claim=Claim(
        "1 % of the pixels trains as well as 16 % in the same number of steps",
        "uniform-1",
        "uniform-16",
        allowance={"miou": 2.0, "median": 1.0, "ods": 2.0},
    ),
    readings=(0.25, 0.5, 0.75, 1.0),
)
