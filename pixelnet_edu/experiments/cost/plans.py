"""What a bench measures: the paper's sizes, or small ones that only show that everything runs."""

from typing import NamedTuple

from pixelnet_edu.experiments.cost.workloads import Workload


class Curve(NamedTuple):
    """How one operation grows.

    Parameters
    ----------
    operation : "step" or "predict"
        What is done.
    axis : "points", "side" or "images"
        What grows: points of an image, the side of square images, or images at a time.
    values : tuple of int
        Its values, rising.
    start : Workload
        Everything that does not grow.
    """

    operation: str
    axis: str
    values: tuple[int, ...]
    start: Workload


class Rich(NamedTuple):
    """A richer predictor for a trained backbone, and larger images.

    Parameters
    ----------
    size : (int, int)
        Height and width of the images that both are trained on and tried on.
    hidden : tuple of int
        Widths of the predictor's hidden layers.
    steps, points : int
        Steps of their training, and points of an image in each.
    scenes : int
        Images that they predict.
    """

    size: tuple[int, int]
    hidden: tuple[int, ...]
    steps: int
    points: int
    scenes: int


class Plan(NamedTuple):
    """The sizes of a whole bench.

    Parameters
    ----------
    step, photographs : Workload
        The training step, of the paper and of the preset for photographs; one image of the paper's is compared with all
        its pixels, and predicted whole.
    matrix : int
        Side of the large matrix product whose rate sets the limit.
    labels : (int, int)
        Height and width of the five label maps to sample from.
    scenes : int
        Images that adaptive prediction is scored on, of the size that the network was trained on.
    rich : Rich
        The predictor of the paper's size that the same backbones get, too, for larger rooms.
    seconds : float
        About how long the sides of one ratio take turns; five rounds are taken anyway.
    curve_seconds : float
        A curve ends before a value that would take it beyond this.
    curves : tuple of Curve
        What is shown growing.
    """

    step: Workload
    photographs: Workload
    matrix: int
    labels: tuple[int, int]
    scenes: int
    rich: Rich
    seconds: float
    curve_seconds: float
    curves: tuple[Curve, ...]


def _square(network: str, side: int, images: int, points: int) -> Workload:
    """Describe square images."""
    return Workload(network, (side, side), images, points)


FULL = Plan(
    step=_square("paper", 224, 5, 2000),
    photographs=Workload("photographs", (180, 240), 5, 1728),
    matrix=4096,
    labels=(480, 480),
    scenes=40,
    rich=Rich((224, 224), (4096, 4096), steps=600, points=100, scenes=4),
    seconds=20,
    curve_seconds=300,
    curves=(
        Curve("step", "points", (500, 1000, 2000, 5000, 10_000, 20_000, 50_000), _square("paper", 224, 1, 2000)),
        Curve("step", "side", (128, 224, 384, 512, 768), _square("paper", 224, 1, 2000)),
        Curve("step", "images", (1, 2, 4, 8), _square("paper", 224, 1, 2000)),
        Curve("predict", "side", (128, 224, 384, 512, 768), _square("laptop", 224, 1, 2000)),
        Curve("predict", "images", (1, 2, 4, 8), _square("laptop", 224, 1, 2000)),
    ),
)

QUICK = Plan(
    step=_square("tiny", 64, 2, 164),
    photographs=_square("photographs", 32, 2, 41),
    matrix=256,
    labels=(64, 64),
    scenes=2,
    rich=Rich((64, 64), (32, 32), steps=2, points=50, scenes=1),
    seconds=0.1,
    curve_seconds=5,
    curves=(
        Curve("step", "points", (50, 500), _square("tiny", 32, 1, 50)),
        Curve("predict", "side", (32, 64), _square("tiny", 32, 1, 50)),
    ),
)
