"""Small trees of the same layout as the official archives, for loaders and scripts to be tried on.

Every function writes below ``root`` what unpacking the official archives there gives; all of it follows from a seed.
"""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from pixelnet_edu.data.reading import color_map

VOC_LISTS = {"train": ["2007_000032", "2007_000039", "2008_000007"], "val": ["2007_000033", "2008_000009"]}
SBD_LISTS = {"train": ["2007_000032", "2008_000009", "2010_000001"], "val": ["2007_000033", "2010_000002"]}
TRAIN_AUG = ["2007_000032", "2007_000039", "2008_000007", "2010_000001", "2010_000002"]
CONTEXT_LISTS = {"train": ["2008_000002", "2008_000003"], "val": ["2008_000004"]}
BSDS_LISTS = {"train": ["2092", "8049", "8143"], "val": ["3096"], "test": ["2018", "3063"]}
CAMVID_LISTS = {"train": ["0001TP_1", "0001TP_2", "0001TP_3"], "val": ["0016E5_1"], "test": ["Seq05_1", "Seq05_2"]}


def every(lists: dict[str, list[str]]) -> list[str]:
    """Return the names of all splits."""
    return [name for names in lists.values() for name in names]


def number_of(name: str) -> int:
    """Turn a name into a seed."""
    return sum(ord(letter) * 31**k for k, letter in enumerate(name)) % 2**31


def size_of(name: str) -> tuple[int, int]:
    """Return the height and width of a picture: some stand, some lie."""
    return (30, 40) if number_of(name) % 2 else (40, 30)


def photo(path: Path, size: tuple[int, int] | None = None) -> None:
    """Write a photograph of smooth colours that follow from its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    h, w = size or size_of(path.stem)
    coarse = np.random.default_rng(number_of(path.stem)).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((w, h), Image.Resampling.BILINEAR).save(path)


def labels_of(name: str, num_classes: int, size: tuple[int, int] | None = None) -> np.ndarray:
    """Return blocks of classes with a border of void (255), (H, W) uint8."""
    h, w = size or size_of(name)
    blocks = np.random.default_rng(number_of(name) + 1).integers(0, num_classes, (2, 2), dtype=np.uint8)
    labels = np.kron(blocks, np.ones((h // 2, w // 2), np.uint8))
    labels[0] = 255
    return labels


def palette_image(path: Path, labels: np.ndarray) -> None:
    """Write labels as a palette image, as VOC does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels, mode="P")
    image.putpalette(color_map(256).flatten().tolist())
    image.save(path)


def write_lists(folder: Path, lists: dict[str, list[str]]) -> None:
    """Write the lists of the splits."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, names in lists.items():
        (folder / f"{split}.txt").write_text("\n".join(names) + "\n")


def voc(root: Path) -> None:
    """PASCAL VOC 2012: VOCdevkit/VOC2012, with the photographs that SBD labels."""
    folder = root / "VOCdevkit" / "VOC2012"
    write_lists(folder / "ImageSets" / "Segmentation", VOC_LISTS | {"trainval": every(VOC_LISTS)})
    for name in {*every(VOC_LISTS), *every(SBD_LISTS)}:
        photo(folder / "JPEGImages" / f"{name}.jpg")
    for name in every(VOC_LISTS):
        palette_image(folder / "SegmentationClass" / f"{name}.png", labels_of(name, 21))


def sbd(root: Path) -> None:
    """SBD: benchmark_RELEASE/dataset with its photographs, lists and .mat files."""
    folder = root / "benchmark_RELEASE" / "dataset"
    write_lists(folder, SBD_LISTS)
    (folder / "cls").mkdir()
    for name in every(SBD_LISTS):
        photo(folder / "img" / f"{name}.jpg")
        labels = labels_of(name, 21)
        content = {"Segmentation": np.where(labels == 255, 0, labels), "CategoriesPresent": np.unique(labels)[:, None]}
        savemat(folder / "cls" / f"{name}.mat", {"GTcls": content}, do_compression=True)


def context(root: Path) -> None:
    """PASCAL-Context: VOCdevkit/VOC2010 and the label images of 59 and 33 classes, 0 for background."""
    folder = root / "VOCdevkit" / "VOC2010"
    write_lists(folder / "ImageSets" / "Main", CONTEXT_LISTS)
    for name in every(CONTEXT_LISTS):
        photo(folder / "JPEGImages" / f"{name}.jpg")
        for number in (59, 33):
            labels = labels_of(name, number + 1)
            palette_image(root / f"{number}_context_labels" / f"{name}.png", np.where(labels == 255, 0, labels))


def bsds500(root: Path) -> None:
    """BSDS500: BSR/BSDS500/data with photographs and the boundaries of two or three annotators."""
    folder = root / "BSR" / "BSDS500" / "data"
    for split, names in BSDS_LISTS.items():
        (folder / "groundTruth" / split).mkdir(parents=True)
        for name in names:
            photo(folder / "images" / split / f"{name}.jpg")
            boundaries(folder / "groundTruth" / split / f"{name}.mat", size_of(name), 2 + number_of(name) % 2)


def boundaries(path: Path, size: tuple[int, int], annotators: int) -> None:
    """Write a ground truth of BSDS500: each annotator drew a vertical line, one pixel further right."""
    cells = np.empty((1, annotators), dtype=object)
    for k in range(annotators):
        marked = np.zeros(size, np.uint8)
        marked[:, 10 + k // 2] = 1
        cells[0, k] = {"Segmentation": np.cumsum(marked, axis=1).astype(np.uint16) + 1, "Boundaries": marked}
    savemat(path, {"groundTruth": cells}, do_compression=True)


def camvid(root: Path) -> None:
    """CamVid as in the SegNet tutorial: CamVid/SPLIT and CamVid/SPLITannot, 11 for void."""
    for split, names in CAMVID_LISTS.items():
        for name in names:
            photo(root / "CamVid" / split / f"{name}.png", (36, 48))
            labels = labels_of(name, 11, (36, 48))
            (root / "CamVid" / f"{split}annot").mkdir(exist_ok=True)
            Image.fromarray(np.where(labels == 255, 11, labels)).save(root / "CamVid" / f"{split}annot" / f"{name}.png")
