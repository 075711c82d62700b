"""Score a network on a data set: every pixel predicted, the scores pooled over all images.

Shapes: K outputs, H x W pixels.
"""

from collections.abc import Callable

from torch import Tensor
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from pixelnet_edu.metrics import BoundaryCurve, ConfusionMatrix, NormalErrors, non_maximum_suppression
from pixelnet_edu.model import PixelNet
from pixelnet_edu.tasks import EdgeDetection, SemanticSegmentation, SurfaceNormals

Task = SemanticSegmentation | SurfaceNormals | EdgeDetection


def evaluate(model: PixelNet, task: Task, dataset: Dataset, progress: bool = False, workers: int = 1) -> dict:
    """Predict every image of a data set and score the predictions.

    Parameters
    ----------
    model : PixelNet
        Left in the mode (training or evaluation) that it was in.
    task : task
        Decodes the outputs and knows the target.
    dataset : Dataset
        Samples with ``image`` and the task's target.
    progress : bool
        Whether to draw a progress bar.
    workers : int
        Processes that match boundaries while the network predicts; the scores are the same.

    Returns
    -------
    dict
        The scores of the task's metric: ``miou``, ``accuracy``, ``iou``; or ``mean``, ``median``, ``rmse``,
        ``within_*``; or ``ods``, ``ois``, ``ap`` and the curve behind them, of the probabilities after non-maximum
        suppression against every annotator, or against the target where a data set has only that.

    Raises
    ------
    ValueError
        If the data set is empty, or its samples lack the task's target.
    """
    if not len(dataset):
        raise ValueError("dataset: found no samples, expected at least one to score")
    update, scores = _meter(task, workers)
    for index in tqdm(range(len(dataset)), desc="evaluate", disable=not progress, leave=False):
        sample = dataset[index]
        target_of(sample, task)
        update(task.decode(predict_one(model, sample["image"]))[0], sample)
    return scores()


def predict_one(model: PixelNet, image: Tensor) -> Tensor:
    """Predict one image (3, H, W) where the model is; return the outputs (1, K, H, W) on the CPU."""
    return model.predict(image[None].to(next(model.parameters()).device)).cpu()


def target_of(sample: dict, task: Task) -> Tensor:
    """Return a sample's target; a clear error where it has none."""
    if task.target not in sample:
        raise ValueError(
            f"task: {type(task).__name__} needs {task.target!r}, which the samples do not have; "
            f"found {sorted(sample)}; choose another task or data set"
        )
    return sample[task.target]


def annotations_of(sample: dict) -> Tensor:
    """Return the boundaries of each annotator, (A, H, W) bool; the target alone where a sample has no annotators."""
    return sample["annotations"] if "annotations" in sample else (sample["edges"] == 1)[None]


def _meter(task: Task, workers: int) -> tuple[Callable[[Tensor, dict], None], Callable[[], dict]]:
    """Return the update (a decoded prediction, the sample) and the scores function of a task's metric."""
    if isinstance(task, SemanticSegmentation):
        matrix = ConfusionMatrix(task.num_outputs)
        return lambda labels, sample: matrix.update(labels, sample["labels"]), matrix.scores
    if isinstance(task, SurfaceNormals):
        errors = NormalErrors()
        return lambda normals, sample: _add_errors(errors, task, normals, sample["normals"]), errors.scores
    curve = BoundaryCurve(workers=workers)
    return lambda edges, sample: curve.update(non_maximum_suppression(edges), annotations_of(sample)), curve.scores


def _add_errors(errors: NormalErrors, task: SurfaceNormals, predicted: Tensor, target: Tensor) -> None:
    """Add one image (3, H, W) to the errors of normals."""
    errors.update(predicted[None], target[None], task.valid(target[None]))
