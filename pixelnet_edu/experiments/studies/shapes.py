"""How much of the pictures a class fills, and how thin it is: what its IoU may owe to its shape.

Source: ours. *Thinness* is told by the IoU that a perfect drawing has which is one pixel too wide all around: near 1
for a road, far below for a pole. Void pixels don't count, as in the benchmark of PASCAL VOC.

    pixelnet study shapes --data camvid --root camvid --out camvid-shapes.json

Shapes: B images, K classes, H x W pixels.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.checks import check_name
from pixelnet_edu.data.catalog import CATALOG, catalog_entry
from pixelnet_edu.training.runs import RECORDS, provenance

FOLDER = RECORDS / "shapes"
DATA = tuple(name for name, entry in CATALOG.items() if entry.classes and entry.source)


def class_shapes(labels: Iterable[Tensor], num_classes: int) -> dict[str, list[float]]:
    """Measure the share of each class and its IoU when it is drawn one pixel too wide.

    Parameters
    ----------
    labels : iterable of Tensor (H, W), int64
        Label maps, sizes may differ; 255 is void.
    num_classes : int
        Classes K.

    Returns
    -------
    dict
        ``share`` of the pixels that are not void, and ``wide_iou``, one a class; the latter is NaN for a class that
        has no pixel. All images are pooled.

    Raises
    ------
    ValueError
        If there is no pixel with a class.

    Examples
    --------
    >>> labels = torch.zeros(9, 9, dtype=torch.int64)
    >>> labels[:, 4] = 1  # a pole, one pixel wide
    >>> [round(iou, 3) for iou in class_shapes([labels], 2)["wide_iou"]]
    [0.889, 0.333]
    """
    true, wide = torch.zeros(num_classes, dtype=torch.int64), torch.zeros(num_classes, dtype=torch.int64)
    for one in labels:
        masks = one == torch.arange(num_classes)[:, None, None]  # (K, H, W)
        grown = F.max_pool2d(masks[:, None].float(), 3, 1, 1)[:, 0] > 0
        true += masks.sum((1, 2))
        wide += (grown & (one != VOID)).sum((1, 2))
    if not true.any():
        raise ValueError("labels: found no pixel with a class, expected at least one")
    return {"share": (true / true.sum()).tolist(), "wide_iou": (true / wide).tolist()}


def recorded_shapes(data: str) -> dict:
    """Return the record that the package ships: shapes of the train and the test labels of a data set.

    Raises
    ------
    ValueError
        For a data set that has none.

    Examples
    --------
    >>> sorted(recorded_shapes("camvid")["test"])
    ['images', 'share', 'wide_iou']
    """
    known = sorted(path.stem for path in FOLDER.glob("*.json"))
    check_name("data", data, known)
    return json.loads((FOLDER / f"{data}.json").read_text())


def make_record(data: str, root: str | Path) -> dict:
    """Measure the labels of a data set's folder, and say with which versions.

    Raises
    ------
    FileNotFoundError, ValueError
        If something is missing or cannot be read, or the data set has no classes.
    """
    check_name("data", data, DATA)
    entry = catalog_entry(data)
    about = {"experiment": "shapes", "data": data, "classes": list(entry.classes)}
    for name, split in (("train", entry.train), ("test", entry.test)):
        dataset = entry.open(Path(root), split)
        found = class_shapes((dataset[k]["labels"] for k in range(len(dataset))), len(entry.classes))
        rounded = {key: [round(value, 5) for value in values] for key, values in found.items()}
        about[name] = {"images": len(dataset)} | rounded
    return about | provenance()


def summary(record: dict) -> str:
    """Say in one line what was measured."""
    return f"{record['train']['images']} train and {record['test']['images']} test label maps"
