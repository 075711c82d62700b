"""PASCAL VOC 2012 for segmentation, alone or with the labels of SBD: 20 kinds of objects, and background.

Source: Everingham et al., IJCV 2010; SBD is Hariharan et al., ICCV 2011. The customary larger training set takes all
pictures of SBD and of VOC's train list that are not in VOC's val list: 10,582 in the official files.

Layout: ``root/VOCdevkit/VOC2012`` as in the official archive, and for ``train_aug`` also
``root/benchmark_RELEASE/dataset`` as in SBD's.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from pixelnet_edu.data import reading

VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


class PascalVOC(Dataset):
    """Photographs with the object class of every pixel.

    Parameters
    ----------
    root : path
        Folder that holds ``VOCdevkit``, and ``benchmark_RELEASE`` for ``train_aug``.
    split : "train", "val", "trainval" or "train_aug"
        Which part; "train_aug" adds the pictures of SBD to train and leaves out val.
    download : bool
        Fetch what is missing from the official servers.
    strict : bool
        Whether a missing file is an error at once, or only when its sample is read.

    Returns
    -------
    dict
        ``image`` (3, H, W) RGB in [0, 1]; ``labels`` (H, W) int64, 0 to 20 and 255 for void; ``name``.

    Raises
    ------
    ValueError
        For an unknown or empty split; when a sample is read: for a broken file, labels of another size than their
        photograph, or a class out of range.
    FileNotFoundError
        If the folder, a list, a photograph or a label file is missing.
    """

    classes = VOC_CLASSES
    num_classes = len(VOC_CLASSES)
    palette = reading.color_map(len(VOC_CLASSES))
    splits = ("train", "val", "trainval", "train_aug")

    def __init__(self, root: str | Path, split: str = "train", download: bool = False, strict: bool = True) -> None:
        reading.check_name("split", split, self.splits)
        self.root, self.split = Path(root), split
        if download:
            reading.download_to(self.root, *(("voc", "sbd") if split == "train_aug" else ("voc",)))
        self.folder = _folder(self.root / "VOCdevkit" / "VOC2012", "PASCAL VOC 2012; data_scripts/pascal_voc.py")
        self.names, self.label_files = self._augmented() if split == "train_aug" else self._listed(split)
        self.photos = [self.folder / "JPEGImages" / f"{name}.jpg" for name in self.names]
        if strict:
            reading.require(self.photos, "the photograph of each name in the list")
            reading.require(self.label_files, "the labels of each name in the list")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> dict:
        """Read one sample."""
        image, path = reading.read_photo(self.photos[index]), self.label_files[index]
        size = tuple(image.shape[-2:])
        read = read_sbd_labels if path.suffix == ".mat" else reading.read_labels
        return {"image": image, "labels": read(path, size, self.num_classes), "name": self.names[index]}

    def _listed(self, split: str) -> tuple[list[str], list[Path]]:
        """Return the names of one of VOC's own lists, and their label files."""
        names = reading.read_names(self.folder / "ImageSets" / "Segmentation" / f"{split}.txt")
        return names, [self.folder / "SegmentationClass" / f"{name}.png" for name in names]

    def _augmented(self) -> tuple[list[str], list[Path]]:
        """Return the names of VOC's train list and of SBD, without VOC's val list; VOC's own labels go first."""
        sbd = _folder(self.root / "benchmark_RELEASE" / "dataset", "SBD; data_scripts/sbd.py")
        label_files = {
            name: sbd / "cls" / f"{name}.mat"
            for part in ("train", "val")
            for name in reading.read_names(sbd / f"{part}.txt")
        }
        label_files |= dict(zip(*self._listed("train"), strict=True))
        names = sorted(label_files.keys() - set(self._listed("val")[0]))
        return names, [label_files[name] for name in names]


def read_sbd_labels(path: Path, size: tuple[int, int], num_classes: int) -> Tensor:
    """Read the classes in a .mat file of SBD, (H, W) int64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no file of SBD, its labels have another size than the photograph, or a class is out of range.
    """
    labels = reading.read_mat(path, "GTcls")["Segmentation"][0, 0]
    return reading.check_labels(path, torch.from_numpy(labels.astype(np.int64)), size, num_classes)


def _folder(folder: Path, what: str) -> Path:
    """Return a folder; a clear error where it is missing."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected {what} or download=True makes it")
    return folder
