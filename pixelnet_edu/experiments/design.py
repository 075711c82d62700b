"""What an experiment is: a question, the arms that answer it, the moments at which they are read, and the claims.

An experiment module lists its arms as changes to one recipe; `plan` makes runs of them, `runner` trains those,
`records` keeps what they leave, `report` makes the table.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace

from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import TASKS, Task
from pixelnet_edu.training.config import TrainingConfig
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import Recipe

PAPER_PIXELS = 224 * 224
_TRAINING = {field.name for field in fields(TrainingConfig)}
_STEPS = {"rooms": 600, "nyud": 600, "bsds500": 600}  # 400 on the other data sets
_TEST_IMAGES = 100
SHORT = {"voc": 150, "camvid": 125, "nyud": 300, "bsds500": 150}  # for arms that are trained up to four times as long
LOSS_TOLERANCE = 0.1  # of the same run on another machine: rounding differs there, and grows


@dataclass(frozen=True)
class Arm:
    """One way to train, to be compared with others.

    Parameters
    ----------
    name : str
        Short, unique in its experiment; part of a file's name.
    about : str
        One line for a table.
    recipe : Recipe
        The whole recipe; the seed is set later.
    default : bool
        Whether it is trained unless arms are named: the paper's own arms.
    against : str
        The arm that it is compared with; by default the one that the experiment's first claim compares with.
    """

    name: str
    about: str
    recipe: Recipe
    default: bool = True
    against: str = ""


@dataclass(frozen=True)
class Claim:
    """What is claimed of two arms, in a form that records can answer.

    Parameters
    ----------
    says : str
        A sentence without its full stop.
    arm, other : str
        The arm that the claim is about, and the one that it is compared with.
    as_good : bool
        Whether the arm is claimed to be as good as the other; else, to be better.
    """

    says: str
    arm: str
    other: str
    as_good: bool = False


@dataclass(frozen=True)
class Experiment:
    """A question and the arms that answer it.

    Parameters
    ----------
    name, question : str
    arms : callable
        ``arms(base)``: the arms as changes to a recipe.
    claims : tuple of Claim
    readings : tuple of float
        Shares of the training after which the test set is scored; the last is 1.
    tasks : tuple of str
        Tasks that it makes sense for.
    extra_scores : callable, optional
        ``extra_scores(model, task, dataset)``: numbers beside the task's own.
    preset : str
        The preset whose recipe its arms change, unless another is named; the arms' names are the same for all.
    photographs : dict
        Steps of the preset "photographs" by data set, where they are not the preset's own.
    """

    name: str
    question: str
    arms: Callable[[Recipe], list[Arm]]
    claims: tuple[Claim, ...]
    readings: tuple[float, ...] = (1.0,)
    tasks: tuple[str, ...] = tuple(TASKS)
    extra_scores: Callable[[PixelNet, Task, SampleSet], dict[str, float]] | None = None
    preset: str = "laptop"
    photographs: Mapping[str, int] = field(default_factory=dict)

    def steps(self, name: str, data: str) -> int | None:
        """Return the steps with a preset, where they are not those of `base_recipe`."""
        return self.photographs.get(data) if name == "photographs" else None


def base_recipe(
    task: str,
    data: str,
    name: str,
    steps: int | None = None,
    weights: str | None = None,
    backbone: str | None = None,
) -> Recipe:
    """Choose the recipe that an experiment's arms change: that of `recipes`, shorter on laptops, uniform sampling.

    The laptop's keeps the paper's share of pixels, 2,000 of 224 x 224, scores at most 100 test images and computes in
    float32, the same on every machine; that of photographs keeps its steps and scores all images. Each seed has
    training rooms of its own.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> base_recipe("segmentation", "rooms", "laptop").training.points_per_image
    367
    """
    recipe = preset(task, data, name, weights, backbone=backbone)
    laptop = name == "laptop"
    steps = steps or (_STEPS.get(data, 400) if laptop else recipe.training.steps)
    recipe = vary(
        recipe,
        sampler="uniform",
        test_images=recipe.test_images or (_TEST_IMAGES if laptop else None),
        fresh_rooms=data == "rooms",
        points_per_image=scaled(recipe, 2000),
        evaluate_every=0,
        precision="no" if laptop else recipe.training.precision,
    )
    return of_length(recipe, steps)


def of_length(recipe: Recipe, steps: int) -> Recipe:
    """Change a recipe's steps, and with them how often it saves and logs.

    Examples
    --------
    >>> of_length(preset("normals", "rooms", "laptop"), 120).training.checkpoint_every
    20
    """
    checkpoint_every = max(1, min(recipe.training.checkpoint_every, steps // 6))
    return vary(recipe, steps=steps, checkpoint_every=checkpoint_every, log_every=max(1, steps // 40))


def vary(recipe: Recipe, **changes) -> Recipe:
    """Change fields of a recipe and of its training configuration, which have no name in common.

    Examples
    --------
    >>> arm = vary(preset("normals", "rooms", "laptop"), sampler="patch", images_per_step=1)
    >>> arm.sampler, arm.training.images_per_step
    ('patch', 1)
    """
    training = {name: changes.pop(name) for name in _TRAINING & changes.keys()}
    return replace(recipe, training=replace(recipe.training, **training), **changes)


def longer(arm: Arm, times: int, against: str) -> Arm:
    """Change an arm so that it is trained so many times as long, only if it is named, beside another as long.

    Examples
    --------
    >>> arm = longer(Arm("few", "few pixels", preset("normals", "rooms", "laptop")), 2, "all")
    >>> arm.name, arm.about, arm.recipe.training.steps, arm.against
    ('few-2', 'few pixels, 6,000 steps', 6000, 'all-2')
    """
    recipe = of_length(arm.recipe, times * arm.recipe.training.steps)
    about = f"{arm.about}, {recipe.training.steps:,} steps"
    return Arm(f"{arm.name}-{times}", about, recipe, default=False, against=f"{against}-{times}")


def every_pixel(recipe: Recipe) -> Recipe:
    """Change a recipe so that it draws every pixel of its images, the void ones too.

    Examples
    --------
    >>> every_pixel(preset("normals", "rooms", "laptop")).training.points_per_image
    9216
    """
    return vary(recipe, sampler="any", points_per_image=recipe.size[0] * recipe.size[1])


def uniform(base: Recipe, name: str, points: int, default: bool = True) -> Arm:
    """Describe an arm that draws, uniformly, the share of the image that ``points`` are of the paper's 224 x 224.

    Examples
    --------
    >>> uniform(preset("normals", "rooms", "laptop"), "few", 500).about
    'uniform, 92 pixels (0.998 %)'
    """
    number = scaled(base, points)
    return Arm(name, f"uniform, {percent(base, number)}", vary(base, points_per_image=number), default)


def scaled(recipe: Recipe, points: int) -> int:
    """Return the share of the recipe's image that ``points`` are of the paper's 224 x 224, in pixels.

    Examples
    --------
    >>> scaled(preset("normals", "rooms", "laptop"), 40_000)
    7347
    """
    height, width = recipe.size
    return max(1, round(points * height * width / PAPER_PIXELS))


def percent(recipe: Recipe, points: int) -> str:
    """Describe a number of pixels of the recipe's image, such as "367 pixels (4 %)"."""
    height, width = recipe.size
    return f"{points:,} pixels ({100 * points / (height * width):.3g} %)"
