"""Scores of the three problems, each as its benchmark defines it."""

from pixelnet_edu.metrics.edges import PixelPrecisionRecall
from pixelnet_edu.metrics.normals import NormalErrors, normal_scores
from pixelnet_edu.metrics.segmentation import ConfusionMatrix, segmentation_scores

__all__ = ["ConfusionMatrix", "NormalErrors", "PixelPrecisionRecall", "normal_scores", "segmentation_scores"]
