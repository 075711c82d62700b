"""The sampling table: is a random 4 % of the pixels as good as all of them?

Source: table 1 of the paper (PixelNet, arXiv 1702.06506); smaller samples and other samplers are ours.
"""

from pixelnet_edu.experiments.design import AS_GOOD, Arm, Claim, Experiment, every_pixel, uniform, vary
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training.recipes import Recipe


def arms(base: Recipe) -> list[Arm]:
    """List the arms: all pixels and 4 %, as in the paper; then fewer pixels, and other samplers.

    "All" draws every pixel of the crop, and the loss leaves the void ones out; so an image weighs as much as its valid
    pixels, whereas 4 % of each weigh all images alike. Hard pixels are not weighted back: their loss is another one.
    """
    samplers = (
        ("class-balanced", "4 %, as many of each class", TASKS[base.task].class_balanced),  # "" where there are none
        ("spatial", "4 %, spread over a grid", "spatial"),
        ("hard", "4 %, mostly those of high loss", "hard"),
    )
    return [
        Arm("all-pixels", "every pixel", every_pixel(base)),
        uniform(base, "uniform-4", 2000),
        uniform(base, "uniform-1", 500, default=False),
        uniform(base, "uniform-0.25", 125, default=False),
        *[Arm(name, about, vary(base, sampler=sampler), default=False) for name, about, sampler in samplers if sampler],
    ]


EXPERIMENT = Experiment(
    name="table1",
    question="Is a random 4 % of the pixels as good as all of them?",
    arms=arms,
    claim=Claim("a random 4 % of the pixels trains as well as all of them", "uniform-4", "all-pixels", AS_GOOD),
)
