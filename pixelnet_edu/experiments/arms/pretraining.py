"""ImageNet weights on photographs: what they add to the same network, and to a small one that trains from scratch.

Each arm has a learning rate of its own, chosen on training images that it was not trained on (`tuning`).
Source: the paper's comparison of ImageNet weights and training from scratch (PixelNet, arXiv 1702.06506), with another
network.
"""

from pixelnet_edu.experiments.design import Arm, Claim, Experiment, vary
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import Recipe

_SCRATCH_RATE = 0.1  # where a tuning begins


def arms(base: Recipe) -> list[Arm]:
    """List the arms: ImageNet weights, random ones in the same network, and the whole recipe of the laptop preset."""
    base = vary(base, weights="imagenet", sampler=preset(base.task, base.data, base.name).sampler)
    scratch = vary(base, weights="none", frozen=False, learning_rate=_SCRATCH_RATE)
    small = vary(
        preset(base.task, base.data, "laptop"), name=base.name, test_images=base.test_images, held_out=base.held_out
    )
    return [
        Arm("imagenet", "ImageNet weights", base),
        Arm("scratch", "the same network from scratch", scratch),
        Arm("small", "the laptop preset: a small network from scratch", small),
    ]


EXPERIMENT = Experiment(
    name="pretraining",
    question="What do ImageNet weights add on photographs?",
    arms=arms,
    claims=(Claim("ImageNet weights end better than random ones in as many steps", "imagenet", "scratch"),),
    readings=(0.5, 1.0),
    preset="photographs",
)
