"""Named recipes.

"laptop" is a narrow network that trains from scratch in minutes on two cores; "photographs" is EfficientNet-Lite0 as
trained on ImageNet, in minutes too; "paper" is VGG-16 as trained on ImageNet, with fc6, fc7 and the 4096-4096
predictor, five images of 224 x 224 a step and 2,000 pixels of each, as in the paper's released recipe (PixelNet, arXiv
1702.06506).
"""

from dataclasses import replace

import torch

from pixelnet_edu.training.config import TrainingConfig, fast_precision
from pixelnet_edu.training.recipes import BACKBONES, Recipe, check_names


def preset(
    task: str,
    data: str,
    name: str,
    weights: str | None = None,
    steps: int | None = None,
    seed: int = 0,
    backbone: str | None = None,
) -> Recipe:
    """Choose the recipe for a task and a data set.

    ``weights``, ``backbone`` and ``steps`` are the preset's own unless they are given; the narrow network, which has no
    pretrained weights, begins with "none". Only a network of timm that begins with weights stays frozen.

    Raises
    ------
    ValueError
        For an unknown name, or pretrained weights that the backbone does not have.

    Examples
    --------
    >>> preset("segmentation", "camvid", "laptop").size
    (180, 240)
    >>> preset("segmentation", "voc-aug", "paper").weights, preset("segmentation", "voc-aug", "paper", "none").weights
    ('imagenet', 'none')
    """
    backbone = backbone or BACKBONES.get(name, "")
    weights = weights or ("none" if name == "laptop" or backbone == "small-vgg" else "imagenet")
    check_names(task, data, name, weights, backbone)
    recipe = {"laptop": _laptop, "photographs": _photographs, "paper": _paper}[name](task, data)
    recipe = replace(recipe, weights=weights, backbone=backbone, context=name == "paper" and weights == "imagenet")
    recipe = replace(recipe, frozen=recipe.frozen and weights != "none" and backbone != "vgg16")
    changes = {"seed": seed} | ({"steps": steps} if steps else {})
    return replace(recipe, training=replace(recipe.training, **changes))


def _paper(task: str, data: str) -> Recipe:
    """The paper's recipe."""
    return Recipe(task, data, "paper")


_AS_IT_IS = {"frozen": True, "level_norm": True, "sampler": "uniform"}
_ENLARGED = {"zoom": 2, "level_norm": True}
_PHOTOGRAPHS = {  # steps, learning rate, and what else was chosen for a data set
    "camvid": (1000, 0.05, {"size": (120, 160)} | _ENLARGED),  # poles are a pixel wide
    "nyud": (2500, 0.2, {"size": (120, 160), "scale": (1.0, 1.2), "fine": 16, "hidden": (512,)}),
    "voc": (300, 0.03, {"size": (128, 160), "zoom": 2} | _AS_IT_IS),  # the small copy, whose objects are small
    "bsds500": (800, 0.05, {"size": (112, 112), "scale": (0.75, 1.25), "test_images": 20} | _ENLARGED),
}
_PHOTOGRAPHS_OTHERS = (1500, 0.03, {"size": (224, 224)} | _AS_IT_IS)  # not searched for


def _photographs(task: str, data: str) -> Recipe:
    """A recipe for photographs on two cores: that of the laptop with another backbone, steps and learning rate."""
    steps, rate, choice = _PHOTOGRAPHS.get(data, _PHOTOGRAPHS_OTHERS)
    recipe = _two_cores(task, data, "photographs", steps, rate, choice)
    # A convolution of one channel at a time gains nothing from a processor's units for bfloat16.
    return recipe if torch.cuda.is_available() else replace(recipe, training=replace(recipe.training, precision="no"))


_LAPTOP_TRAINING = {"schedule": "onecycle", "checkpoint_every": 500, "evaluate_every": 500}
_LAPTOP = {  # steps, learning rate, and what else a recipe for two cores chooses for a data set
    "rooms": (3000, 0.3, {"size": (96, 96), "scale": (1.0, 1.0)}),
    "camvid": (2500, 0.2, {"size": (180, 240)}),
    "nyud": (1500, 0.2, {"size": (120, 160), "scale": (1.0, 1.2)}),  # nearly whole frames: where the floor is, is known
    "bsds500": (1500, 0.2, {"size": (160, 160), "test_images": 20}),  # 200 take minutes to match
}
_LAPTOP_OTHERS = (3000, 0.2, {"size": (128, 128)})


def _laptop(task: str, data: str) -> Recipe:
    """A recipe for two cores, from scratch."""
    steps, rate, choice = _LAPTOP.get(data, _LAPTOP_OTHERS)
    return _two_cores(task, data, "laptop", steps, rate, choice)


def _two_cores(task: str, data: str, name: str, steps: int, rate: float, choice: dict) -> Recipe:
    """What the recipes for two cores have in common."""
    points = round(0.04 * choice["size"][0] * choice["size"][1])
    config = TrainingConfig(steps, 5, points, rate, precision=fast_precision(), **_LAPTOP_TRAINING)
    of_edges = "balanced" if data == "bsds500" else "uniform"
    sampler = {"segmentation": "square-root", "edges": of_edges}.get(task, "uniform")
    choice = {"sampler": sampler, "hidden": (256,), "dropout": 0.0, "scale": (1.0, 1.5)} | choice
    return Recipe(task, data, name, training=config, **choice)
