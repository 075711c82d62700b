"""Score a network on a data set: every pixel predicted, the scores pooled over all images.

Shapes: K outputs, H x W pixels.
"""

from torch import Tensor
from tqdm.auto import tqdm

from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.metrics import Meter
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import Task, target_of


def evaluate(model: PixelNet, task: Task, dataset: SampleSet, progress: bool = False, workers: int = 1) -> dict:
    """Predict every image of a data set and score the predictions.

    Parameters
    ----------
    model : PixelNet
        Left in the mode (training or evaluation) that it was in.
    task : task
        Decodes the outputs and knows the target.
    dataset : SampleSet
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
    return measure(model, task, dataset, progress, workers).scores()


def measure(model: PixelNet, task: Task, dataset: SampleSet, progress: bool = False, workers: int = 1) -> Meter:
    """Do what `evaluate` does, and return the meter: it knows each image's part, where the task counts."""
    if not len(dataset):
        raise ValueError("dataset: found no samples, expected at least one to score")
    meter = task.meter(workers)
    for index in tqdm(range(len(dataset)), desc="evaluate", disable=not progress, leave=False):
        sample = dataset[index]
        target_of(sample, task)
        meter.update(task.decode(predict_one(model, sample["image"])), sample)
    return meter


def predict_one(model: PixelNet, image: Tensor) -> Tensor:
    """Predict one image (3, H, W) where the model is; return the outputs (1, K, H, W) on the CPU."""
    return model.predict(image[None].to(next(model.parameters()).device)).cpu()
