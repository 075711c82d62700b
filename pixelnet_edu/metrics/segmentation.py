"""Mean intersection over union by one confusion matrix over the whole set.

Source: the PASCAL VOC challenge (Everingham et al., IJCV 2010): TP / (TP + FP + FN) of each class, void ignored.

Shapes: K classes; predictions and targets have any equal shape, such as (B, H, W).
"""

import numpy as np
import torch
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.checks import check_whole


class ConfusionMatrix:
    """Count pixels by (target, predicted) class, image after image; then score.

    Parameters
    ----------
    num_classes : int
        Classes K.
    ignore_index : int
        Target of void pixels.

    Examples
    --------
    >>> matrix = ConfusionMatrix(2)
    >>> matrix.update(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]))
    >>> matrix.scores()["miou"]
    0.5
    """

    def __init__(self, num_classes: int, ignore_index: int = VOID) -> None:
        self.num_classes, self.ignore_index = check_whole("num_classes", num_classes, least=1), ignore_index
        self.counts = torch.zeros(num_classes, num_classes, dtype=torch.int64)
        self._images: list[Tensor] = []

    def update(self, predictions: Tensor, targets: Tensor) -> None:
        """Add predicted and target class indices of equal shape.

        Raises
        ------
        ValueError
            For unequal shapes, real numbers, or an index that is no class.
        """
        if predictions.shape != targets.shape:
            raise ValueError(f"predictions: found shape {tuple(predictions.shape)}, expected {tuple(targets.shape)}")
        kept = targets != self.ignore_index
        predictions, targets = predictions[kept], targets[kept]
        for name, values in (("predictions", predictions), ("targets", targets)):
            if values.is_floating_point() or values.is_complex():
                raise ValueError(f"{name}: found {values.dtype}, expected class indices; take the argmax of scores")
            wrong = values[(values < 0) | (values >= self.num_classes)]
            if len(wrong):
                raise ValueError(f"{name}: found class {int(wrong[0])}, expected 0 to {self.num_classes - 1}")
        pairs = (targets.long() * self.num_classes + predictions.long()).cpu().bincount(minlength=self.num_classes**2)
        added = pairs.view(self.num_classes, -1)
        self.counts += added
        self._images.append(torch.cat([added.diag(), added.sum(1), added.sum(0)]))

    def image_counts(self) -> np.ndarray:
        """Return for each update the pixels that are right, true and predicted of each class, (M, 3 K)."""
        return torch.stack(self._images).numpy()

    def scores(self) -> dict:
        """Return ``miou``, ``accuracy`` (shares between 0 and 1) and ``iou``, one a class.

        A class that stands in neither the targets nor the predictions has no IoU (NaN) and is left out of the mean;
        so has one that is ``ignore_index``.
        """
        right = self.counts.diag().double()
        union = self.counts.sum(0) + self.counts.sum(1) - self.counts.diag()
        iou = right / union
        if 0 <= self.ignore_index < self.num_classes:
            iou[self.ignore_index] = torch.nan
        return {"miou": float(iou.nanmean()), "accuracy": float(right.sum() / self.counts.sum()), "iou": iou.tolist()}


def pooled_miou(counts: np.ndarray) -> np.ndarray:
    """Return the mean IoU of sums of `ConfusionMatrix.image_counts`, (..., 3 K) to (...), over classes that are true.

    Unlike `ConfusionMatrix.scores`, it leaves a class out that is predicted but nowhere true: of images that are drawn
    again some classes are missing, and must not count as 0.

    Examples
    --------
    >>> matrix = ConfusionMatrix(2)
    >>> matrix.update(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0]))
    >>> float(pooled_miou(matrix.image_counts().sum(0)))
    0.5
    """
    right, true, predicted = np.split(counts.astype(float), 3, axis=-1)
    union = true + predicted - right
    iou = np.divide(right, union, out=np.full_like(right, np.nan), where=true > 0)
    return np.nanmean(iou, axis=-1)


def segmentation_scores(predictions: Tensor, targets: Tensor, num_classes: int, ignore_index: int = VOID) -> dict:
    """Score predicted classes: ``miou``, ``accuracy`` and ``iou`` (one a class), as shares between 0 and 1.

    Parameters
    ----------
    predictions, targets : Tensor, int64, any equal shape
        Class indices; targets of ``ignore_index`` don't count.
    num_classes : int
        Classes K.
    ignore_index : int
        Target of void pixels.

    Examples
    --------
    >>> segmentation_scores(torch.tensor([0, 1, 1, 1]), torch.tensor([0, 1, 0, 255]), num_classes=2)["iou"]
    [0.5, 0.5]
    """
    matrix = ConfusionMatrix(num_classes, ignore_index)
    matrix.update(predictions, targets)
    return matrix.scores()
