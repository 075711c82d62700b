"""PASCAL-Context: the class of every pixel, things and stuff, in photographs of VOC 2010.

Source: Mottaghi et al., CVPR 2014. Two subsets of its 459 labels are in use, 59 and 33 classes; whatever belongs to
none of them is background. Scores with and without background differ by several points of mIoU, so the name of the
label set always says which: "59", "59+background", "33", "33+background".

Layout: ``root/VOCdevkit/VOC2010`` as in the official archive (lists ``ImageSets/Main/train.txt`` and ``val.txt``), with
``root/59_context_labels`` and ``root/33_context_labels``, where 0 is background and the classes count from 1.
"""

from pathlib import Path

from pixelnet_edu import VOID
from pixelnet_edu.checks import check_name
from pixelnet_edu.data.pascal import VOC_CLASSES
from pixelnet_edu.data.photographs import PhotoDataset
from pixelnet_edu.data.reading import color_map, read_labels, read_names

_OBJECTS = tuple("table" if name == "diningtable" else name for name in VOC_CLASSES[1:])
_SURROUNDINGS_59 = (
    "bag bed bench book building cabinet ceiling cloth computer cup door fence floor flower food grass ground keyboard "
    "light mountain mouse curtain platform sign plate road rock shelves sidewalk sky snow bedclothes track tree truck "
    "wall water window wood"
)
_SURROUNDINGS_33 = "sky grass ground road building tree water mountain wall floor track keyboard ceiling"
_CLASSES = {"59": (*_OBJECTS, *_SURROUNDINGS_59.split()), "33": (*VOC_CLASSES[1:], *_SURROUNDINGS_33.split())}
LABEL_SETS = {
    name + suffix: background + classes
    for name, classes in _CLASSES.items()
    for suffix, background in (("", ()), ("+background", ("background",)))
}


class PascalContext(PhotoDataset):
    """Photographs with the class of every pixel, objects and surroundings.

    Parameters
    ----------
    root : path
        Folder that holds ``VOCdevkit/VOC2010`` and ``59_context_labels`` or ``33_context_labels``.
    split : "train" or "val"
        Which part.
    label_set : "59", "59+background", "33" or "33+background"
        Which classes; without background, its pixels are void.
    download : bool
        Fetch what is missing from the official servers.
    strict : bool
        Whether a missing file is an error at once, or only when its sample is read.

    Returns
    -------
    dict
        ``image`` (3, H, W) RGB in [0, 1]; ``labels`` (H, W) int64 and 255 for void; ``name``.

    Raises
    ------
    ValueError
        For an unknown split or label set; when a sample is read: for a broken file, labels of another size than their
        photograph, or a class out of range.
    FileNotFoundError
        If the folder, a list, a photograph or a label image is missing.
    """

    source, splits = "context", ("train", "val")

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        label_set: str = "59",
        download: bool = False,
        strict: bool = True,
    ) -> None:
        check_name("label_set", label_set, LABEL_SETS)
        self.classes, self.num_classes = LABEL_SETS[label_set], len(LABEL_SETS[label_set])
        self.palette, self.label_set = color_map(self.num_classes), label_set
        super().__init__(root, split, download, strict)

    def _find_files(self) -> tuple[list[Path], list[Path]]:
        """List the photographs that VOC 2010 names, and their label images."""
        photographs = self.root / "VOCdevkit" / "VOC2010"
        labels = self.root / f"{self.label_set.split('+')[0]}_context_labels"
        names = read_names(photographs / "ImageSets" / "Main" / f"{self.split}.txt")
        photos = [photographs / "JPEGImages" / f"{name}.jpg" for name in names]
        return photos, [labels / f"{name}.png" for name in names]

    def _read_targets(self, path: Path, size: tuple[int, int]) -> dict:
        """Read a label image; without background, the classes count from 0 and it is void."""
        if "+" in self.label_set:
            return {"labels": read_labels(path, size, self.num_classes)}
        labels = read_labels(path, size, self.num_classes + 1)
        return {"labels": (labels - 1).masked_fill((labels == 0) | (labels == VOID), VOID)}
