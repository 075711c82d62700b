"""The sampling table: is a random 4 % of the pixels as good as all of them?

Source: table 1 of the paper (PixelNet, arXiv 1702.06506); smaller samples and other samplers are ours.
"""

from pixelnet_edu.experiments.design import SHORT, Arm, Claim, Experiment, every_pixel, longer, uniform, vary
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training.recipes import Recipe


def arms(base: Recipe) -> list[Arm]:
    """List the arms: all pixels and 4 %, as in the paper; then fewer pixels, and other samplers.

    "All" draws every pixel of the crop, and the loss leaves the void ones out; so an image weighs as much as its valid
    pixels, whereas 4 % of each weigh all images alike. Hard and class-balanced pixels are not weighted back, so their
    loss is another one; "class-balanced-weighted" estimates the loss of all pixels from them without bias. Every arm
    has a learning rate of its own (`tuning`), and the first two are trained for twice and four times as long, too.
    """
    of_classes = TASKS[base.task].class_balanced  # "" where there are none
    samplers = (
        ("class-balanced", "4 %, as many of each class", of_classes, False),
        ("class-balanced-weighted", "the same, weighted back", of_classes, True),
        ("spatial", "4 %, spread over a grid", "spatial", False),
        ("hard", "4 %, mostly those of high loss", "hard", False),
    )
    all_pixels, few = Arm("all-pixels", "every pixel", every_pixel(base)), uniform(base, "uniform-4", 2000)
    return [
        all_pixels,
        few,
        uniform(base, "uniform-1", 500, default=False),
        uniform(base, "uniform-0.25", 125, default=False),
        *[
            Arm(name, about, vary(base, sampler=sampler, reweight=reweight), default=False)
            for name, about, sampler, reweight in samplers
            if sampler
        ],
        *[longer(arm, times, "all-pixels") for times in (2, 4) for arm in (all_pixels, few)],
    ]


_AS_GOOD = "a random 4 % of the pixels trains as well as all of them"
EXPERIMENT = Experiment(
    name="table1",
    question="Is a random 4 % of the pixels as good as all of them?",
    arms=arms,
    claims=(
        Claim(_AS_GOOD, "uniform-4", "all-pixels", as_good=True),
        Claim(f"{_AS_GOOD}, after four times as many steps", "uniform-4-4", "all-pixels-4", as_good=True),
    ),
    photographs=SHORT,
)
