"""Scores of the three problems, each as its benchmark defines it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from torch import Tensor

from pixelnet_edu.metrics.boundaries import BoundaryCurve, boundary_scores
from pixelnet_edu.metrics.normals import NormalErrors, normal_scores
from pixelnet_edu.metrics.segmentation import ConfusionMatrix, segmentation_scores
from pixelnet_edu.metrics.thinning import non_maximum_suppression


class Score(NamedTuple):
    """How a score is printed: its label, its unit, and how many of those a metric's 1 is."""

    label: str
    unit: str
    factor: int


def printed(unit: str, factor: int, **labels: str) -> dict[str, Score]:
    """Label scores that share a unit.

    Examples
    --------
    >>> printed("per cent", 100, miou="mIoU")
    {'miou': Score(label='mIoU', unit='per cent', factor=100)}
    """
    return {name: Score(label, unit, factor) for name, label in labels.items()}


class Meter(NamedTuple):
    """Takes the decoded prediction (1, ...) and the sample of one image after the other; tells the scores of all.

    ``counts``, where a task has it, returns whole numbers of each image (M, n), whose sum over images gives the task's
    leading score by `Task.pooled`: what it takes to ask how the score would be on other images.
    """

    update: Callable[[Tensor, dict], None]
    scores: Callable[[], dict]
    counts: Callable[[], np.ndarray] | None = None
