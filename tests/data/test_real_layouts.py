"""PascalVOC, PascalContext, BSDS500 and CamVid on small trees of the official layouts, and on the real photographs."""

import numpy as np
import pytest
import torch
import trees
from PIL import Image
from scipy.io import savemat

from pixelnet_edu import BSDS500, CamVid, PascalContext, PascalVOC
from pixelnet_edu.data.pascal import VOC_CLASSES
from pixelnet_edu.data.pascal_context import LABEL_SETS


@pytest.fixture
def root(tmp_path):
    """Write the tree of all official archives."""
    for write in (trees.voc, trees.sbd, trees.context, trees.bsds500, trees.camvid):
        write(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("split", "names"),
    [("train", trees.VOC_LISTS["train"]), ("val", trees.VOC_LISTS["val"]), ("train_aug", trees.TRAIN_AUG)],
)
def test_voc_splits_and_every_label(root, split, names):
    dataset = PascalVOC(root, split)
    assert dataset.names == names
    for sample in dataset:
        expected = torch.from_numpy(trees.labels_of(sample["name"], 21)).long()
        if sample["name"] not in trees.VOC_LISTS["train"] + trees.VOC_LISTS["val"]:
            expected = expected.masked_fill(expected == 255, 0)  # SBD has no void
        assert sample["labels"].equal(expected)
        assert sample["image"].shape == (3, *trees.size_of(sample["name"]))


def test_train_aug_leaves_out_val_and_prefers_the_labels_of_voc(root):
    dataset = PascalVOC(root, "train_aug")
    assert not set(dataset.names) & set(trees.VOC_LISTS["val"])
    assert dataset.label_files[0].suffix == ".png"  # 2007_000032 is in SBD too
    assert len(PascalVOC(root, "trainval")) == 5


@pytest.mark.parametrize(
    ("label_set", "num_classes"), [("59", 59), ("59+background", 60), ("33", 33), ("33+background", 34)]
)
def test_context_with_and_without_background(root, label_set, num_classes):
    dataset = PascalContext(root, "train", label_set)
    assert (len(dataset), dataset.num_classes, len(set(dataset.classes))) == (2, num_classes, num_classes)
    assert dataset.palette.shape == (num_classes, 3)
    name = trees.CONTEXT_LISTS["train"][0]
    stored = trees.labels_of(name, int(label_set[:2]) + 1).astype(int)
    stored[stored == 255] = 0
    if "background" in label_set:
        assert dataset.classes[0] == "background"
        expected = stored
    else:
        expected = np.where(stored == 0, 255, stored - 1)
        assert dataset.classes[0] == "aeroplane"
    assert dataset[0]["labels"].tolist() == expected.tolist()


def test_context_names_its_classes_as_voc_and_as_its_other_label_set_do():
    names, fewer = LABEL_SETS["59"], LABEL_SETS["33"]
    assert fewer[:20] == VOC_CLASSES[1:]
    assert [pair for pair in zip(names, fewer[:20], strict=False) if len(set(pair)) == 2] == [("table", "diningtable")]
    assert set(fewer[20:]) < set(names[20:])
    assert [names[k] for k in (20, 30, 40, 50, 58)] == ["bag", "door", "mouse", "snow", "wood"]


def test_bsds_keeps_every_annotator(root):
    data = root / "BSR" / "BSDS500" / "data"
    assert [len(BSDS500(data, split)) for split in BSDS500.splits] == [3, 1, 2]
    dataset = BSDS500(data, "train")
    for sample in dataset:
        annotators = 2 + trees.number_of(sample["name"]) % 2
        assert sample["annotations"].shape == (annotators, *trees.size_of(sample["name"]))
        assert sample["annotations"].sum((1, 2)).tolist() == [trees.size_of(sample["name"])[0]] * annotators


def test_consensus_of_three_annotators(root):
    data = root / "BSR" / "BSDS500" / "data"
    three = next(k for k, s in enumerate(BSDS500(data)) if len(s["annotations"]) == 3)
    rows = {c: BSDS500(data, consensus=c)[three]["edges"][0, 9:13].tolist() for c in ("any", "majority", "agreed")}
    assert rows == {"any": [0, 1, 1, 0], "majority": [0, 1, 0, 0], "agreed": [0, 1, 255, 0]}


def test_camvid_counts(root):
    assert [len(CamVid(root / "CamVid", split)) for split in CamVid.splits] == [3, 1, 2]


def test_camvid_has_eleven_classes_of_different_colours():
    assert len(set(CamVid.classes)) == CamVid.num_classes == len({*map(tuple, CamVid.palette.tolist())}) == 11
    assert CamVid.palette.shape == (11, 3)
    colors = dict(zip(CamVid.classes, CamVid.palette.tolist(), strict=True))
    assert [colors["sky"], colors["road"], colors["car"]] == [[158, 202, 235], [96, 88, 120], [0, 96, 178]]


def test_colour_map_is_that_of_voc():
    known = {0: (0, 0, 0), 1: (128, 0, 0), 8: (64, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    assert {k: tuple(PascalVOC.palette[k].tolist()) for k in known} == known


def test_missing_folders_lists_and_files_are_named(root, tmp_path_factory):
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(FileNotFoundError, match=r"VOC2012: no such folder; expected PASCAL VOC 2012.*pascal_voc\.py"):
        PascalVOC(empty)
    with pytest.raises(FileNotFoundError, match=r"train\.txt: missing, expected the list of a split"):
        PascalContext(empty)
    with pytest.raises(FileNotFoundError, match=r"images/train: no such folder; expected BSDS500.*bsds500\.py"):
        BSDS500(empty)
    folder = root / "VOCdevkit" / "VOC2012"
    (folder / "SegmentationClass" / "2007_000039.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2007_000039\.png: missing, one of 1; expected the labels"):
        PascalVOC(root)
    assert PascalVOC(root, strict=False)[0]["name"] == "2007_000032"
    (folder / "ImageSets" / "Segmentation" / "val.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"val\.txt: found no names, expected at least one"):
        PascalVOC(root, "val")


@pytest.mark.parametrize(
    ("loader", "arguments", "message"),
    [
        (PascalVOC, {"split": "test"}, "split: found 'test', expected one of train, val, trainval, train_aug"),
        (PascalContext, {"label_set": "60"}, r"label_set: found '60', expected one of 59, 59\+background"),
        (BSDS500, {"consensus": "all"}, "consensus: found 'all', expected one of agreed, majority, any"),
    ],
)
def test_unknown_names(root, loader, arguments, message):
    with pytest.raises(ValueError, match=message):
        loader(root, **arguments)


def test_labels_that_are_no_labels(root):
    """Re-encoded, coloured, of another size, outside the class list."""
    folder = root / "VOCdevkit" / "VOC2012" / "SegmentationClass"
    name, size = trees.VOC_LISTS["train"][0], trees.size_of(trees.VOC_LISTS["train"][0])
    path = folder / f"{name}.png"
    for image, options, message in (
        (Image.new("RGB", size[::-1]), {}, "found PNG with channels RGB, expected one class index a pixel"),
        (Image.new("L", size[::-1]), {"format": "JPEG"}, "found JPEG with channels L"),
        (Image.new("P", (7, 5)), {}, rf"found labels of shape \(5, 7\), expected \({size[0]}, {size[1]}\)"),
        (Image.new("L", size[::-1], 21), {}, "found class 21 at 1200 pixels, expected 0 to 20, or 255 for void"),
    ):
        image.save(path, **options)
        with pytest.raises(ValueError, match=rf"{name}\.png: {message}"):
            PascalVOC(root)[0]


def test_matlab_files_that_are_no_ground_truth(root):
    data = root / "BSR" / "BSDS500" / "data"
    path = data / "groundTruth" / "train" / "2092.mat"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"2092\.mat: cannot be read as a MATLAB file .* 'groundTruth'"):
        BSDS500(data)[0]
    savemat(path, {"groundTruth": np.zeros((3, 3))})
    with pytest.raises(ValueError, match=r"2092\.mat: found no 'Boundaries' in its groundTruth"):
        BSDS500(data)[0]
    trees.boundaries(path, (19, 19), 2)
    with pytest.raises(ValueError, match=r"2092\.mat: found boundaries of shape \(19, 19\), expected"):
        BSDS500(data)[0]
    sbd = root / "benchmark_RELEASE" / "dataset" / "cls" / "2010_000001.mat"
    savemat(sbd, {"other": 1})
    with pytest.raises(ValueError, match=r"2010_000001\.mat: cannot be read .* 'GTcls' \(KeyError"):
        PascalVOC(root, "train_aug")[3]


@pytest.mark.real_data
def test_the_real_small_voc(data_root):
    counts = torch.zeros(256, dtype=torch.int64)
    for split, number in (("train", 220), ("val", 140)):
        dataset = PascalVOC(data_root / "voc2012_small", split)
        assert len(dataset) == number
        for sample in dataset:
            assert max(sample["image"].shape) == 192
            counts += sample["labels"].flatten().bincount(minlength=256)
    assert counts[[0, 8, 15, 255]].tolist() == [6_424_861, 416_660, 312_213, 543_294]


@pytest.mark.real_data
def test_the_real_boundaries(data_root):
    annotators, marked = 0, 0
    for split in ("train", "test"):
        dataset = BSDS500(data_root / "bsds500", split)
        assert len(dataset) == 200
        for sample in dataset:
            annotators += len(sample["annotations"])
            marked += int(sample["annotations"].sum())
    assert (annotators, marked) == (2150, 6_038_261)


@pytest.mark.real_data
def test_the_real_camvid(data_root):
    counts = torch.zeros(256, dtype=torch.int64)
    for split in ("train", "test"):
        for sample in CamVid(data_root / "camvid", split):
            counts += sample["labels"].flatten().bincount(minlength=256)
    assert counts[[0, 9, 10, 255]].tolist() == [4_363_782, 165_062, 65_245, 1_016_853]
