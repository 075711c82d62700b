"""The share of edge pixels in the sample: what it does to boundaries, and to the probabilities.

A sample with more edges than the image tells the network that edges are common, and its probabilities come out too
high; the scores of boundaries choose their threshold and notice less. Calibration shows it.
Source: the expected calibration error of Naeini et al., AAAI 2015, for one probability a pixel.

Shapes: H x W pixels.
"""

import torch

from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.experiments.design import Arm, Claim, Experiment, vary
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import Task
from pixelnet_edu.training.evaluation import predict_one
from pixelnet_edu.training.recipes import Recipe

_BINS = 15


def arms(base: Recipe) -> list[Arm]:
    """List the arms: uniform sampling, and 25, 50 and 75 % of edge pixels."""
    balanced = [(share, vary(base, sampler="balanced", positive_share=share / 100)) for share in (25, 50, 75)]
    biased = [Arm(f"edges-{share}", f"{share} % edge pixels", recipe) for share, recipe in balanced]
    return [Arm("uniform", "as many edge pixels as there are", base), *biased]


def calibration(model: PixelNet, task: Task, dataset: SampleSet) -> dict[str, float]:
    """Compare the predicted probability of an edge with the share of edges, over the known pixels of a data set.

    Parameters
    ----------
    model, task, dataset
        As for `evaluate`, with targets ``edges`` (H, W).

    Returns
    -------
    dict
        ``calibration_error``, the mean distance of probability and share in 15 bins of the probability;
        ``predicted_share`` and ``edge_share``, the means. All between 0 and 1.

    Examples
    --------
    >>> from pixelnet_edu import EdgeDetection, LinearHead, PixelNet, RoomScenes, SmallVGG
    >>> net = PixelNet(SmallVGG((4, 4)), LinearHead(8, 1))
    >>> sorted(calibration(net, EdgeDetection(), RoomScenes(32, 2)))
    ['calibration_error', 'edge_share', 'predicted_share']
    """
    sums = torch.zeros(3, _BINS, dtype=torch.float64)  # pixels, probabilities and edges of each bin
    for index in range(len(dataset)):
        sample = dataset[index]
        known = task.valid(sample["edges"])
        probabilities = task.decode(predict_one(model, sample["image"]))[0][known].double()
        bins = (probabilities * _BINS).long().clamp(max=_BINS - 1)
        values = torch.ones_like(probabilities), probabilities, sample["edges"][known].double()
        sums.index_add_(1, bins, torch.stack(values))
    pixels, predicted, edges = sums
    return {
        "calibration_error": float((predicted - edges).abs().sum() / pixels.sum()),
        "predicted_share": float(predicted.sum() / pixels.sum()),
        "edge_share": float(edges.sum() / pixels.sum()),
    }


EXPERIMENT = Experiment(
    name="edges",
    question="Which share of edge pixels should a sample have?",
    arms=arms,
    claims=(
        Claim(
            "a sample with half its pixels on edges gives better boundaries than a uniform one", "edges-50", "uniform"
        ),
    ),
    tasks=("edges",),
    extra_scores=calibration,
)
