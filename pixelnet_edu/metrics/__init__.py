"""Scores of the three problems, each as its benchmark defines it."""

from pixelnet_edu.metrics.boundaries import BoundaryCurve, boundary_scores
from pixelnet_edu.metrics.normals import NormalErrors, normal_scores
from pixelnet_edu.metrics.segmentation import ConfusionMatrix, segmentation_scores
from pixelnet_edu.metrics.thinning import non_maximum_suppression

__all__ = [
    "BoundaryCurve",
    "ConfusionMatrix",
    "NormalErrors",
    "boundary_scores",
    "non_maximum_suppression",
    "normal_scores",
    "segmentation_scores",
]
