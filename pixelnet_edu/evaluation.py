"""Score a network on a data set: every pixel predicted, the scores pooled over all images.

Shapes: K outputs, H x W pixels.
"""

from collections.abc import Callable

from torch import Tensor
from torch.utils.data import Dataset
from tqdm.auto import tqdm

from pixelnet_edu.metrics import ConfusionMatrix, NormalErrors, PixelPrecisionRecall
from pixelnet_edu.model import PixelNet
from pixelnet_edu.tasks import EdgeDetection, SemanticSegmentation, SurfaceNormals

Task = SemanticSegmentation | SurfaceNormals | EdgeDetection


def evaluate(model: PixelNet, task: Task, dataset: Dataset, progress: bool = False) -> dict:
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

    Returns
    -------
    dict
        The scores of the task's metric: ``miou``, ``accuracy``, ``iou``; or ``mean``, ``median``, ``rmse``,
        ``within_*``; or ``best_f``, ``threshold``, ``average_precision``.

    Raises
    ------
    ValueError
        If the data set is empty, or its samples lack the task's target.
    """
    if not len(dataset):
        raise ValueError("dataset: found no samples, expected at least one to score")
    update, scores = _meter(task)
    for index in tqdm(range(len(dataset)), desc="evaluate", disable=not progress, leave=False):
        sample = dataset[index]
        update(task.decode(predict_one(model, sample["image"])), target_of(sample, task)[None])
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


def _meter(task: Task) -> tuple[Callable[[Tensor, Tensor], None], Callable[[], dict]]:
    """Return the update and the scores function of a task's metric."""
    if isinstance(task, SemanticSegmentation):
        matrix = ConfusionMatrix(task.num_outputs)
        return matrix.update, matrix.scores
    if isinstance(task, SurfaceNormals):
        errors = NormalErrors()
        return lambda predicted, target: errors.update(predicted, target, task.valid(target)), errors.scores
    curve = PixelPrecisionRecall()
    return curve.update, curve.scores
