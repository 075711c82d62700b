"""Tabula rasa: VGG-16 from scratch against VGG-16 with pretrained weights, and 4 % of the pixels against all.

Every arm has VGG-16, whatever the preset; the laptop preset gives the images, the predictor and the steps, fewer of
them. Readings along the way carry their seconds, so that arms can be compared at equal time.
The arms differ in more than the weights: pretrained ones have no batch normalisation, a learning rate of their own, and
clipped gradients.
Source: the paper's section on training from scratch (PixelNet, arXiv 1702.06506); "hed" weights are convolutions
trained for boundaries on the training photographs of BSDS500, which are no ImageNet weights.
"""

from pixelnet_edu.experiments.design import Arm, Claim, Experiment, every_pixel, vary
from pixelnet_edu.training.recipes import Recipe

_LAPTOP_STEPS = 200
_PRETRAINED_RATE = 1e-3  # weights without batch normalisation learn slowly or not at all


def arms(base: Recipe) -> list[Arm]:
    """List the arms: scratch with 4 % and with all pixels, boundary weights, and ImageNet weights where online."""
    base = vary(base, name="paper", backbone="vgg16", weights="none", context=False)
    if base.size != (224, 224):
        steps = min(base.training.steps, _LAPTOP_STEPS)
        base = vary(base, steps=steps, checkpoint_every=max(1, steps // 2), log_every=max(1, steps // 40))
    pretrained = vary(base, learning_rate=_PRETRAINED_RATE, clip_norm=10.0)
    return [
        Arm("scratch", "from scratch, 4 %", base),
        Arm("scratch-all", "from scratch, every pixel", every_pixel(base)),
        Arm("hed", "boundary weights, 4 %", vary(pretrained, weights="hed")),
        Arm("imagenet", "ImageNet weights, 4 %", vary(pretrained, weights="imagenet"), default=False),
    ]


EXPERIMENT = Experiment(
    name="tabula_rasa",
    question="What do pretrained weights add, and how far does sampling help from scratch?",
    arms=arms,
    claims=(Claim("weights trained for boundaries end better than random ones in as few steps", "hed", "scratch"),),
    readings=(0.25, 0.5, 0.75, 1.0),
)
