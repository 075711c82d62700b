"""The data sets by name: how each is opened, which part trains and which part is scored.

A name says what its scores mean: "voc-aug" trains on SBD's pictures too, "context-59+background" counts 60 classes.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import Subset

from pixelnet_edu.checks import check_name
from pixelnet_edu.data.bsds import BSDS500
from pixelnet_edu.data.camvid import CamVid
from pixelnet_edu.data.nyud import NYUDepthV2
from pixelnet_edu.data.pascal import PascalVOC
from pixelnet_edu.data.pascal_context import LABEL_SETS, PascalContext
from pixelnet_edu.data.reading import color_map
from pixelnet_edu.data.rooms.scenes import RoomScenes
from pixelnet_edu.data.samples import SampleSet


@dataclass(frozen=True)
class Entry:
    """One data set.

    Parameters
    ----------
    dataset : type
        Its loader.
    source : str
        Its name among the sources, where its addresses and official counts are; "" for rooms, which are rendered.
    train, test : str
        The split to train on and the one to score.
    options : dict
        Arguments of the loader beside ``root`` and ``split``.
    classes : tuple of str
        Names of its classes; empty where it has none.
    palette : Tensor (K, 3) uint8, optional
        Their colours.
    """

    dataset: type
    source: str = ""
    train: str = "train"
    test: str = "test"
    options: dict = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    palette: Tensor | None = None

    def open(self, root: Path, split: str, **options) -> SampleSet:
        """Open a split of a data set of photographs."""
        return self.dataset(root, split, **self.options, **options)


def _voc(train: str) -> Entry:
    """Describe PASCAL VOC trained on one of its splits; the labels of its test set are not public, so val is scored."""
    return Entry(PascalVOC, "voc", train, "val", classes=PascalVOC.classes, palette=PascalVOC.palette)


def _context(label_set: str) -> Entry:
    """Describe PASCAL-Context with one of its label sets."""
    classes = LABEL_SETS[label_set]
    return Entry(PascalContext, "context", "train", "val", {"label_set": label_set}, classes, color_map(len(classes)))


CATALOG = {
    "rooms": Entry(RoomScenes, classes=RoomScenes.classes, palette=RoomScenes.palette),
    "camvid": Entry(CamVid, "camvid", classes=CamVid.classes, palette=CamVid.palette),
    "voc": _voc("train"),
    "voc-aug": _voc("train_aug"),
    **{f"context-{label_set}": _context(label_set) for label_set in LABEL_SETS},
    "nyud": Entry(NYUDepthV2, "nyud", classes=NYUDepthV2.classes, palette=NYUDepthV2.palette),
    "bsds500": Entry(BSDS500, "bsds500"),
}


def catalog_entry(name: str) -> Entry:
    """Return the entry of a data set.

    Raises
    ------
    ValueError
        For an unknown name.

    Examples
    --------
    >>> catalog_entry("context-59+background").classes[0]
    'background'
    """
    check_name("data", name, CATALOG)
    return CATALOG[name]


def spread(dataset: SampleSet, number: int) -> SampleSet:
    """Choose at most so many samples, spread evenly over a data set.

    Examples
    --------
    >>> list(spread(range(100), 3))
    [0, 49, 99]
    """
    return Subset(dataset, torch.linspace(0, len(dataset) - 1, min(number, len(dataset))).long().tolist())
