"""The diversity table: many pixels of one image, or few pixels of many images?

Source: table 4 of the paper (PixelNet, arXiv 1702.06506), which reads the score half way and at the end. It changes
the images and the pixels of a step together; the arms beyond it hold the pixels fixed, scattered or side by side.
Names are the paper's numbers at 224 x 224; at other sizes an arm has the same share of the image.
"""

from pixelnet_edu.experiments.design import Arm, Claim, Experiment, percent, scaled, vary
from pixelnet_edu.training.recipes import Recipe

_FIXED = ((1, 10_000), (2, 5_000), (5, 2_000), (10, 1_000))


def arms(base: Recipe) -> list[Arm]:
    """List the arms: the paper's two, then 10,000 pixels from 1, 2, 5 or 10 images, scattered or in one patch each."""
    scattered = [_arm(base, images, points) for images, points in _FIXED if (images, points) != (5, 2_000)]
    patches = [_arm(base, images, points, "patch") for images, points in _FIXED]
    # Few images have 80 % valid pixels, so that arm draws from all of them.
    paper = [_arm(base, 1, 40_000, "any", default=True), _arm(base, 5, 2_000, default=True)]
    return paper + scattered + patches


def _arm(base: Recipe, images: int, points: int, sampler: str = "uniform", default: bool = False) -> Arm:
    """Describe ``images`` a step with the share of ``points`` of 224 x 224 of each."""
    number, patch = scaled(base, points), sampler == "patch"
    return Arm(
        f"{images}x{points}{'-patch' if patch else ''}",
        f"{images} x {percent(base, number)}{', side by side' if patch else ''}",
        vary(base, images_per_step=images, points_per_image=number, sampler=sampler),
        default,
    )


EXPERIMENT = Experiment(
    name="table4",
    question="Many pixels of one image, or few pixels of many images?",
    arms=arms,
    claim=Claim("five images with few pixels train better than one image with many", "5x2000", "1x40000"),
    readings=(0.5, 1.0),
)
