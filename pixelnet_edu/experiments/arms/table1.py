"""The sampling table: is a random 4 % of the pixels as good as all of them?

Source: table 1 of the paper (PixelNet, arXiv 1702.06506); smaller samples and other samplers are ours.
"""

from pixelnet_edu.experiments.design import Arm, Claim, Experiment, percent, scaled, vary
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training.recipes import Recipe


def arms(base: Recipe) -> list[Arm]:
    """List the arms: all pixels and 4 %, as in the paper; then fewer pixels, and other samplers.

    "All" draws every pixel of the crop, and the loss leaves the void ones out; so an image weighs as much as its valid
    pixels, whereas 4 % of each weigh all images alike. Hard pixels are not weighted back: their loss is another one.
    """
    every = base.size[0] * base.size[1]
    few = scaled(base, 2000)
    return [
        Arm("all-pixels", "every pixel", vary(base, sampler="any", points_per_image=every)),
        Arm("uniform-4", f"uniform, {percent(base, few)}", base),
        *[_fewer(base, name, scaled(base, points)) for name, points in (("uniform-1", 500), ("uniform-0.25", 125))],
        *_balanced(base),
        Arm("spatial", "4 %, spread over a grid", vary(base, sampler="spatial"), default=False),
        Arm("hard", "4 %, mostly those of high loss", vary(base, sampler="hard"), default=False),
    ]


def _fewer(base: Recipe, name: str, points: int) -> Arm:
    """Describe an arm with fewer pixels."""
    return Arm(name, f"uniform, {percent(base, points)}", vary(base, points_per_image=points), default=False)


def _balanced(base: Recipe) -> list[Arm]:
    """Describe the arm that draws the same number of every class, where there are classes."""
    sampler = TASKS[base.task].class_balanced
    if not sampler:
        return []
    return [Arm("class-balanced", "4 %, as many of each class", vary(base, sampler=sampler), default=False)]


EXPERIMENT = Experiment(
    name="table1",
    question="Is a random 4 % of the pixels as good as all of them?",
    arms=arms,
    claim=Claim(
        "a random 4 % of the pixels trains as well as all of them",
        "uniform-4",
        "all-pixels",
        allowance={"miou": 2.0, "median": 1.0, "ods": 2.0},
    ),
)
