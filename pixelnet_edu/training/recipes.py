"""What a run is made of: a network, a sampler and a training configuration for a task and a data set, in plain values.

`presets` has the recipes that have names.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch.utils.data import Subset

from pixelnet_edu.checks import check_name, check_real, check_whole
from pixelnet_edu.data.catalog import CATALOG, catalog_entry, spread
from pixelnet_edu.data.rooms.scenes import RoomScenes
from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.data.transforms import Augment
from pixelnet_edu.model.backbones import VGG16, NormalizedLevels, SmallVGG
from pixelnet_edu.model.heads import MLPHead
from pixelnet_edu.model.interfaces import Levelled
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.pretrained import TimmBackbone
from pixelnet_edu.sampling.drawing import PixelSample
from pixelnet_edu.sampling.other_samplers import AnyPixelSampler, HardPixelSampler, PatchSampler, SpatialSampler
from pixelnet_edu.sampling.samplers import ALLOCATIONS, BalancedSampler, StratifiedSampler, UniformSampler
from pixelnet_edu.tasks import TASKS, SemanticSegmentation, Task
from pixelnet_edu.training.config import TrainingConfig, seeded

PRESETS = ("laptop", "photographs", "paper")
BACKBONES = {"laptop": "small-vgg", "photographs": "tf_efficientnet_lite0", "paper": "vgg16"}
WEIGHTS = ("none", "imagenet", "hed")
_PLACES = {"uniform": UniformSampler, "any": AnyPixelSampler, "spatial": SpatialSampler, "patch": PatchSampler}
_SAMPLERS = _PLACES | {"hard": HardPixelSampler}
_APART = 1000  # seeds of rooms from one seed of training to the next: none is that of the test rooms
SAMPLERS = (*_SAMPLERS, "balanced", *ALLOCATIONS)


@dataclass(frozen=True)
class Recipe:
    """Everything that a run is made of, in plain values that a JSON file can hold.

    Parameters
    ----------
    task, data, name : str
        One of ``TASKS``, ``CATALOG`` and ``PRESETS``.
    weights : str
        Pretrained weights of the backbone, or "none".
    backbone : str
        "small-vgg", "vgg16" or a name of timm; by default the preset's.
    fine, zoom, frozen : int, int, bool
        Of a network of timm, as :class:`~pixelnet_edu.pretrained.LibraryBackbone` has them.
    sampler : str
        One of ``SAMPLERS``: those of places and losses, "balanced" (edges), or an allocation of the stratified one.
    positive_share : float
        Share of edge pixels in the sample of "balanced".
    size : (int, int)
        Height and width of the training images.
    widths : tuple of int
        Channels of the laptop backbone's stages.
    context : bool
        Whether a level of stride 32 that sees most of the image follows: fc7 of VGG-16, one more stage of the laptop's.
    level_norm : bool
        Whether each level is batch-normalised before it is read.
    hidden : tuple of int
        Widths of the predictor's hidden layers; none for a linear one.
    dropout : float
        Dropout of the predictor.
    scale : (float, float)
        Range of the random enlargement of training images.
    test_images : int, optional
        How many images of the test set are scored, spread over it; None for all.
    held_out : bool
        Whether the last fifth of the training images is not trained on, but scored instead of the test set: to choose a
        learning rate by. In a film its frames resemble the others less than every fifth frame would.
    fresh_rooms : bool
        Whether the training rooms follow from the seed; else they are those of seed 0 for all.
    training : TrainingConfig
        How to train.
    """

    task: str
    data: str
    name: str
    weights: str = "none"
    backbone: str = ""
    fine: int = 0
    zoom: int = 1
    frozen: bool = False
    sampler: str = "uniform"
    positive_share: float = 0.5
    size: tuple[int, int] = (224, 224)
    widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    context: bool = False
    level_norm: bool = False
    hidden: tuple[int, ...] = (4096, 4096)
    dropout: float = 0.5
    scale: tuple[float, float] = (1.0, 1.0)
    test_images: int | None = None
    held_out: bool = False
    fresh_rooms: bool = False
    training: TrainingConfig = field(default_factory=TrainingConfig)

    def __post_init__(self) -> None:
        """Check the names, also those of a configuration that is read from a file."""
        if not self.backbone:
            object.__setattr__(self, "backbone", BACKBONES.get(self.name, ""))
        check_names(self.task, self.data, self.name, self.weights, self.backbone)
        check_name("sampler", self.sampler, SAMPLERS)
        for name, least, most in (("size", 8, 1 << 14), ("widths", 1, 1 << 13), ("hidden", 1, 1 << 16)):
            for value in getattr(self, name):
                check_whole(name, value, least, most)
        if len(self.size) != 2 or not self.widths:
            raise ValueError(f"size, widths: found {self.size}, {self.widths}, expected height and width, and a stage")
        for name in ("fine", "zoom"):
            check_whole(name, getattr(self, name), least=0, most=1 << 13)
        if self.test_images is not None:
            check_whole("test_images", self.test_images, least=1)
        check_real("dropout", self.dropout, 0, 1)
        for value in self.scale:
            check_real("scale", value, 1e-3)


def recipe_from(plain: dict) -> Recipe:
    """Rebuild a recipe from what a JSON file holds of it; what an earlier version did not know has its default.

    TypeError, ValueError, KeyError or AttributeError for anything else.
    """
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    return Recipe(**{**values, "training": TrainingConfig(**plain["training"])})


def check_names(task: str, data: str, name: str, weights: str, backbone: str) -> None:
    """Raise ValueError for a name that does not exist, or weights that the backbone does not have."""
    names = {"task": (task, TASKS), "data": (data, CATALOG), "preset": (name, PRESETS), "weights": (weights, WEIGHTS)}
    for argument, (value, known) in names.items():
        check_name(argument, value, known)
    known = {"small-vgg": ("none",), "vgg16": WEIGHTS}.get(backbone, ("none", "imagenet"))
    if weights not in known:
        raise ValueError(f"weights: found {weights!r} with {backbone}, expected {' or '.join(known)}; choose another")


def build_model(recipe: Recipe, pretrained: bool = True) -> PixelNet:
    """Build the network of a recipe: pretrained weights where it has some, else weights that follow from its seed."""
    with seeded(recipe.training.seed):
        backbone = _build_backbone(recipe, pretrained)
        if recipe.level_norm:
            backbone = NormalizedLevels(backbone)
        head = MLPHead(backbone.hypercolumn_channels, build_task(recipe).num_outputs, recipe.hidden, recipe.dropout)
    return PixelNet(backbone, head)


def _build_backbone(recipe: Recipe, pretrained: bool) -> Levelled:
    """Build the backbone of a recipe."""
    weights = recipe.weights if pretrained and recipe.weights != "none" else None
    if recipe.backbone == "small-vgg":
        return SmallVGG((*recipe.widths, recipe.widths[-1]) if recipe.context else recipe.widths)
    if recipe.backbone == "vgg16":
        return VGG16(weights, batch_norm=recipe.weights == "none", fc=recipe.context)
    return TimmBackbone(recipe.backbone, weights, recipe.fine, recipe.zoom, recipe.frozen)


def build_task(recipe: Recipe) -> Task:
    """Build the task of a recipe."""
    if TASKS[recipe.task] is not SemanticSegmentation:
        return TASKS[recipe.task]()
    entry = catalog_entry(recipe.data)
    if not entry.classes or entry.palette is None:
        raise ValueError(f"task: found 'segmentation' with {recipe.data}, which has no classes; choose another task")
    return SemanticSegmentation(entry.classes, entry.palette)


def build_sampler(recipe: Recipe) -> Callable[..., PixelSample]:
    """Build the sampler of a recipe."""
    if recipe.sampler in _SAMPLERS:
        return _SAMPLERS[recipe.sampler]()
    if recipe.sampler == "balanced":
        return BalancedSampler(recipe.positive_share)
    return StratifiedSampler(recipe.sampler)


def build_augment(recipe: Recipe) -> Augment:
    """Build the random changes of the training images."""
    # A room's edge pixel is the one left of or above the boundary; in a mirror image it would be the one on the right.
    flip = 0.0 if (recipe.task, recipe.data) == ("edges", "rooms") else 0.5
    return Augment(crop=recipe.size, scale=recipe.scale, flip=flip)


def build_data(recipe: Recipe, root: Path | None, split: str) -> SampleSet:
    """Open the "train" or "test" part of a recipe's data set.

    Raises
    ------
    ValueError
        If a data set of photographs has no root.
    """
    dataset = _open(recipe, root, "train" if recipe.held_out else split)
    if recipe.held_out:
        first = len(dataset) - len(dataset) // 5
        dataset = _part(dataset, range(first) if split == "train" else range(first, len(dataset)))
    return dataset if split == "train" or recipe.test_images is None else spread(dataset, recipe.test_images)


def _open(recipe: Recipe, root: Path | None, split: str) -> SampleSet:
    """Open the whole of a split."""
    if recipe.data == "rooms":
        first = _APART * recipe.training.seed if recipe.fresh_rooms else 0
        seed, number = (first, 2000) if split == "train" else (1, 200)
        return RoomScenes(recipe.size, number, seed, cache_dir=root or cache_folder() / "rooms")
    if root is None:
        raise ValueError(f"root: missing, expected the folder of {recipe.data}; say --root DIR")
    entry = catalog_entry(recipe.data)
    return entry.open(root, entry.train if split == "train" else entry.test)


def build_validation(recipe: Recipe, root: Path | None) -> SampleSet | None:
    """Open a few samples to watch the score on while training: rooms, or the "val" part where a data set has one."""
    if recipe.data == "rooms":
        return RoomScenes(recipe.size, 20, seed=2)
    entry = catalog_entry(recipe.data)
    if root is None or "val" not in entry.dataset.splits or entry.test == "val":
        return None
    try:
        validation = entry.open(root, "val")
    except FileNotFoundError:
        return None
    return _part(validation, range(min(20, len(validation))))


def _part(dataset: SampleSet, indices: range) -> SampleSet:
    """Choose samples; torch's annotations ask for a Dataset, but a SampleSet is enough."""
    return Subset(dataset, indices)  # pyright: ignore[reportArgumentType, reportReturnType]


def cache_folder() -> Path:
    """Return the folder for files that can be made again."""
    try:
        return Path("~/.cache/pixelnet_edu").expanduser()
    except RuntimeError as error:
        raise ValueError(f"root: missing, and found no home folder for rooms ({error}); say --root DIR") from error
