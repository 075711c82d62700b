"""The diversity table: many pixels of one image, or few pixels of many images, for a given computational budget?

Source: table 4 of the paper (PixelNet, arXiv 1702.06506), which compares two arms after equal steps, and reads the
score half way and at the end. Images and pixels of a step, how many images are seen in all, and the learning rate that
suits all change together there. So here every arm has a rate of its own (`tuning`), and three budgets are held fixed
in turn: *steps*; *images* seen; *products*, the multiply-adds of this network, or of the paper's. Twice and four times
as long tell whether an answer is one of early training. Names are the paper's numbers at 224 x 224; at other sizes an
arm has the same share of the image.
"""

from functools import cache

from pixelnet_edu.experiments.cost.costs import paper_cost, step_cost
from pixelnet_edu.experiments.design import SHORT, Arm, Claim, Experiment, of_length, percent, scaled, vary
from pixelnet_edu.training.recipes import Recipe, build_model

_FEW, _MANY = (5, 2_000), (1, 40_000)  # images and pixels of each, of the paper's two arms; the first sets the budgets
_SCATTERED = (_MANY, (1, 2_000), (2, 2_000), _FEW, (10, 2_000), (1, 10_000), (2, 5_000), (10, 1_000))
_PATCHES = ((1, 10_000), _FEW)
_EQUAL_IMAGES = (_MANY, (1, 2_000), (2, 2_000), (10, 2_000))
_EQUAL_PRODUCTS = (_MANY, (1, 10_000), (10, 1_000))
_LONGER = ((_MANY, "steps"), (_FEW, "steps"), ((1, 2_000), "images"))


def arms(base: Recipe) -> list[Arm]:
    """List the arms: those of equal steps, scattered and side by side; of equal images and products; and for longer."""
    return [
        *[_arm(base, batch, "steps", default=batch in (_FEW, _MANY)) for batch in _SCATTERED],
        *[_arm(base, batch, "steps", patch=True) for batch in _PATCHES],
        *[_arm(base, batch, "images") for batch in _EQUAL_IMAGES],
        *[_arm(base, batch, "products") for batch in _EQUAL_PRODUCTS],
        _arm(base, _MANY, "paper-products"),
        *[_arm(base, batch, budget, times) for times in (2, 4) for batch, budget in _LONGER],
    ]


def _arm(
    base: Recipe, batch: tuple[int, int], budget: str, times: int = 1, patch: bool = False, default: bool = False
) -> Arm:
    """Describe so many images a step and the share of so many pixels of 224 x 224 of each, under a budget."""
    images, number = batch[0], scaled(base, batch[1])
    steps = max(1, round(times * base.training.steps * _price(base, _FEW, budget) / _price(base, batch, budget)))
    # Few images have 80 % valid pixels, so that arm draws from all of them.
    sampler = "any" if batch == _MANY else "patch" if patch else "uniform"
    recipe = vary(base, images_per_step=images, points_per_image=number, sampler=sampler)
    about = [f"{images} x {percent(base, number)}", *["side by side"] * patch, f"{steps:,} steps"]
    return Arm(
        _name(batch, "patch" * patch, "" if budget == "steps" else budget, times=times),
        ", ".join(about),
        recipe if steps == base.training.steps else of_length(recipe, steps),
        default,
        against=_name(batch) if patch else _name(_FEW, times=times),
    )


def _name(batch: tuple[int, int], *parts: str, times: int = 1) -> str:
    """Join what tells an arm from the others."""
    return "-".join(["x".join(map(str, batch)), *filter(None, parts), *[str(times)] * (times > 1)])


def _price(base: Recipe, batch: tuple[int, int], budget: str) -> float:
    """Return what a step of this batch takes from the budget."""
    images, points = batch
    if budget in ("steps", "images"):
        return 1 if budget == "steps" else images
    of_paper = budget == "paper-products"
    of_image, of_point = _paper_products() if of_paper else _products(base)
    return images * (of_image + of_point * (points if of_paper else scaled(base, points)))


@cache
def _products(base: Recipe) -> tuple[int, int]:
    """Count the multiply-adds of a step that an image takes, and that a point adds."""
    net = build_model(base, pretrained=False)
    none, one = (step_cost(net.backbone, net.head, base.size, 1, points)["step_macs"] for points in (0, 1))
    return none, one - none


@cache
def _paper_products() -> tuple[int, int]:
    """Count the same for the paper's network."""
    none, one = (paper_cost(1, points)["step_macs"] for points in (0, 1))
    return none, one - none


_BETTER = "five images with few pixels train better than one image with many"
EXPERIMENT = Experiment(
    name="table4",
    question="Many pixels of one image, or few pixels of many images?",
    arms=arms,
    claims=(
        Claim(f"{_BETTER}, after as many steps", "5x2000", "1x40000"),
        Claim(f"{_BETTER}, after four times as many steps", "5x2000-4", "1x40000-4"),
        Claim(f"{_BETTER}, after as many images", "5x2000", "1x40000-images"),
        Claim(f"{_BETTER}, after as many multiply-adds", "5x2000", "1x40000-products"),
        Claim(f"{_BETTER}, after as many multiply-adds of the paper's network", "5x2000", "1x40000-paper-products"),
        Claim("five images a step train better than one, after as many images and pixels", "5x2000", "1x2000-images"),
        Claim("scattered pixels train better than pixels side by side", "5x2000", "5x2000-patch"),
    ),
    readings=(0.5, 1.0),
    photographs=SHORT,
)
