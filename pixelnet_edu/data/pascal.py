"""PASCAL VOC 2012 for segmentation, alone or with the labels of SBD: 20 kinds of objects, and background.

Source: Everingham et al., IJCV 2010; SBD is Hariharan et al., ICCV 2011. The customary larger training set takes all
pictures of SBD and of VOC's train list that are not in VOC's val list: 10,582 in the official files.

Layout: ``root/VOCdevkit/VOC2012`` as in the official archive, and for ``train_aug`` also
``root/benchmark_RELEASE/dataset`` as in SBD's.
"""

from pathlib import Path

from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.checks import unexpected
from pixelnet_edu.data.download.fetching import fetch
from pixelnet_edu.data.matlab import read_mat
from pixelnet_edu.data.photographs import PhotoDataset
from pixelnet_edu.data.reading import check_labels, color_map, existing, read_labels, read_names, whole_labels

VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


class PascalVOC(PhotoDataset):
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
    palette = color_map(len(VOC_CLASSES))
    source, splits = "voc", ("train", "val", "trainval", "train_aug")

    def _download(self) -> None:
        """Fetch what is missing, of SBD too where its labels are asked for."""
        super()._download()
        if self.split == "train_aug":
            fetch("sbd", self.root)

    def _find_files(self) -> tuple[list[Path], list[Path]]:
        """List the photographs of the split, and their label files of VOC or SBD."""
        folder = existing(self.root / "VOCdevkit" / "VOC2012", "PASCAL VOC 2012; data_scripts/pascal_voc.py makes it")
        labels = self._augmented(folder) if self.split == "train_aug" else _listed(folder, self.split)
        return [folder / "JPEGImages" / f"{path.stem}.jpg" for path in labels], labels

    def _read_targets(self, path: Path, size: tuple[int, int]) -> dict:
        """Read a label image of VOC, or the .mat file of SBD."""
        if path.suffix == ".mat":
            return {"labels": read_sbd_labels(path, size, self.num_classes)}
        return {"labels": read_labels(path, size, self.num_classes, palette=color_map(VOID + 1))}

    def _augmented(self, folder: Path) -> list[Path]:
        """Return the label files of VOC's train list and of SBD, without VOC's val list; VOC's own labels go first."""
        sbd = existing(self.root / "benchmark_RELEASE" / "dataset", "SBD; data_scripts/sbd.py makes it")
        names = [*read_names(sbd / "train.txt"), *read_names(sbd / "val.txt")]
        labels = [*(sbd / "cls" / f"{name}.mat" for name in names), *_listed(folder, "train")]
        held_out = {path.stem for path in _listed(folder, "val")}
        return [path for name, path in sorted({path.stem: path for path in labels}.items()) if name not in held_out]


def _listed(folder: Path, split: str) -> list[Path]:
    """Return the label files of one of VOC's own lists."""
    names = read_names(folder / "ImageSets" / "Segmentation" / f"{split}.txt")
    return [folder / "SegmentationClass" / f"{name}.png" for name in names]


def read_sbd_labels(path: Path, size: tuple[int, int], num_classes: int) -> Tensor:
    """Read the classes in a .mat file of SBD, (H, W) int64.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no file of SBD, its labels have another size than the photograph, or a class is out of range.
    """
    found = read_mat(path, "GTcls")
    if "Segmentation" not in (found.dtype.names or ()) or found.size != 1:
        raise unexpected(path, "no 'Segmentation' in its GTcls", "one map of classes")
    return check_labels(path, whole_labels(path, found["Segmentation"].flat[0]), size, num_classes)
