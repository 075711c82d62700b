"""CamVid: road scenes from a driving car, 11 classes, in the layout of the SegNet tutorial.

Source: Brostow et al., Pattern Recognition Letters 2009; the 367/101/233 split and the 11 classes as used by SegNet.

Layout: ``root/train/NAME.png`` (or .jpg) with ``root/trainannot/NAME.png``, and likewise ``val`` and ``test``; label
images hold 0 to 10, and 11 for void.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pixelnet_edu.data.photos import SUFFIXES, open_image, read_photo

VOID = 255


class CamVid(Dataset):
    """Road scenes with a class at every pixel.

    Parameters
    ----------
    root : path
        Folder that holds ``train``, ``trainannot``, ``test`` and ``testannot``.
    split : "train", "val" or "test"
        Which part.

    Returns
    -------
    dict
        ``image`` (3, H, W) RGB in [0, 1]; ``labels`` (H, W) int64, 0 to 10 and 255 for void; ``name``.

    Raises
    ------
    ValueError
        For an unknown split; when a sample is read: for a broken file, labels of another size than their photograph, or
        a class out of range.
    FileNotFoundError
        If the folder, its photographs or a label image is missing.
    """

    classes = (
        "sky",
        "building",
        "pole",
        "road",
        "pavement",
        "tree",
        "sign",
        "fence",
        "car",
        "pedestrian",
        "bicyclist",
    )
    num_classes = len(classes)
    palette = torch.tensor(
        [
            (158, 202, 235),
            (150, 115, 100),
            (240, 228, 66),
            (96, 88, 120),
            (204, 160, 196),
            (46, 125, 80),
            (230, 159, 0),
            (140, 150, 60),
            (0, 96, 178),
            (213, 60, 40),
            (250, 150, 190),
        ],
        dtype=torch.uint8,
    )

    def __init__(self, root: str | Path, split: str = "train") -> None:
        if split not in ("train", "val", "test"):
            raise ValueError(f"split: found {split!r}, expected 'train', 'val' or 'test'")
        self.root, self.split = Path(root), split
        folder = self.root / split
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder}: no such folder; expected CamVid with {split}/ and {split}annot/ in it")
        self.photos = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES)
        if not self.photos:
            raise FileNotFoundError(f"{folder}: found no photographs, expected {', '.join(SUFFIXES)}")
        self.label_files = [self.root / f"{split}annot" / f"{photo.stem}.png" for photo in self.photos]
        missing = [path for path in self.label_files if not path.is_file()]
        if missing:
            raise FileNotFoundError(f"{missing[0]}: missing, one of {len(missing)}; expected one for each photograph")

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> dict:
        """Read one sample."""
        image = read_photo(self.photos[index])
        labels = read_labels(self.label_files[index], image.shape[-2:], self.num_classes, void=self.num_classes)
        return {"image": image, "labels": labels, "name": self.photos[index].stem}


def read_labels(path: Path, size: tuple[int, int], num_classes: int, void: int) -> Tensor:
    """Read a label image as (H, W) int64 with 255 for void; one clear error for a wrong size or class.

    Parameters
    ----------
    path : Path
        An image of one channel, or a palette image.
    size : (int, int)
        Height and width of the photograph.
    num_classes : int
        Classes 0 to ``num_classes - 1``.
    void : int
        The value that stands for void in the file.
    """
    labels = torch.from_numpy(np.array(open_image(path)).astype(np.int64))
    if tuple(labels.shape) != tuple(size):
        raise ValueError(
            f"{path}: found labels of shape {tuple(labels.shape)}, expected {tuple(size)} (height, width), one class a "
            "pixel of the photograph; resize by nearest neighbour"
        )
    labels[labels == void] = VOID
    wrong = labels[(labels != VOID) & (labels >= num_classes)]
    if len(wrong):
        raise ValueError(
            f"{path}: found class {int(wrong[0])} at {len(wrong)} pixels, expected 0 to {num_classes - 1}, "
            f"or {void} for void"
        )
    return labels
