"""`check_dataset` on whole and on damaged folders."""

import numpy as np
import pytest
import trees
import trees_nyud
from PIL import Image

from pixelnet_edu.data.catalog import CATALOG
from pixelnet_edu.data.checking import check_dataset
from pixelnet_edu.data.download.sources import SOURCES


@pytest.fixture
def root(tmp_path):
    """Write the tree of every data set; NYU in a folder of its own."""
    for write in (trees.voc, trees.sbd, trees.context, trees.bsds500, trees.camvid):
        write(tmp_path)
    trees_nyud.nyud(tmp_path / "nyu")
    return tmp_path


FOLDERS = {"bsds500": "BSR/BSDS500/data", "camvid": "CamVid", "nyud": "nyu"}


def folder_of(root, name):
    return root / FOLDERS.get(name, "")


@pytest.mark.parametrize("name", [name for name in CATALOG if name != "rooms"])
def test_whole_folders_have_no_problems_and_official_counts_are_told(root, name):
    reports = check_dataset(name, folder_of(root, name))
    assert [report.problems for report in reports] == [[] for _ in reports]
    assert all(report.found for report in reports)
    assert [report.official for report in reports] == [
        SOURCES[CATALOG[name].source].splits.get(report.split) for report in reports
    ]


def test_all_problems_are_found_in_one_pass_and_counted(root):
    folder = root / "VOCdevkit" / "VOC2012"
    one, two, three = (f"{name}" for name in trees.VOC_LISTS["train"])
    photo = folder / "JPEGImages" / f"{one}.jpg"
    photo.write_bytes(photo.read_bytes()[:300])
    Image.new("RGB", trees.size_of(two)[::-1]).save(folder / "SegmentationClass" / f"{two}.png")
    (folder / "SegmentationClass" / f"{three}.png").unlink()
    (folder / "ImageSets" / "Segmentation" / "val.txt").write_text("")
    train, val, trainval, _ = check_dataset("voc", root)
    assert [len(report.problems) for report in (train, val, trainval)] == [3, 1, 3]
    for problem, told in zip(
        train.problems, ("cannot be read as an image", "channels RGB", "no such file"), strict=True
    ):
        assert told in problem
    assert str(val) == "val: 0 samples, 1 problems (official: 1449)"
    assert str(train) == "train: 3 samples, 3 problems (official: 1464)"


def test_swapped_files_of_another_kind_or_size(root):
    folder = root / "CamVid"
    names = trees.CAMVID_LISTS["train"]
    photo, labels = folder / "train" / f"{names[0]}.png", folder / "trainannot" / f"{names[0]}.png"
    content = photo.read_bytes()
    photo.write_bytes(labels.read_bytes())
    labels.write_bytes(content)
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(folder / "trainannot" / f"{names[1]}.png")
    problems = check_dataset("camvid", folder)[0].problems
    assert ["channels RGB" in problems[0], "shape (5, 5)" in problems[1]] == [True, True]


def test_absent_splits_are_told_and_no_folder_is_an_error(root, tmp_path_factory):
    folder = root / "CamVid"
    (folder / "val").rename(folder / "other")
    assert str(check_dataset("camvid", folder)[1]) == "val: absent (official: 101)"
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(FileNotFoundError, match="expected CamVid with train/ and trainannot/"):
        check_dataset("camvid", empty)
    with pytest.raises(FileNotFoundError, match="no such folder, expected the folder of voc"):
        check_dataset("voc", empty / "none")
    with pytest.raises(ValueError, match="rooms are rendered, not read"):
        check_dataset("rooms", root)
