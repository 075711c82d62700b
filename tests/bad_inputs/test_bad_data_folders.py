"""What can be wrong in a folder of photographs: `data check` lists it, and a loader refuses it in one line."""

import shutil
import struct

import numpy as np
import pytest
import torch
import trees
import trees_nyud
from PIL import Image
from scipy.io import savemat
from test_python_api import IMAGE, sample, train

from pixelnet_edu import BSDS500, VOID, CamVid, NYUDepthV2, PascalContext, PascalVOC
from pixelnet_edu.data.checking import check_dataset
from pixelnet_edu.data.reading import color_map, read_labels, read_names

WRITE = {"voc": trees.voc, "voc-aug": trees.voc, "context-59": trees.context, "bsds500": trees.bsds500}
FOLDERS = {"bsds500": "BSR/BSDS500/data", "camvid": "CamVid"}
VOC = "VOCdevkit/VOC2012"
LIST = f"{VOC}/ImageSets/Segmentation/train.txt"
LABEL, PHOTO = f"{VOC}/SegmentationClass/2007_000032.png", f"{VOC}/JPEGImages/2007_000032.jpg"
SBD = "benchmark_RELEASE/dataset/cls/2010_000001.mat"
DRAWN = "groundTruth/train/2092.mat"


@pytest.fixture
def folder(tmp_path):
    """Write the tree of a data set, and return its root."""

    def make(name):
        {"camvid": trees.camvid, "nyud": trees_nyud.nyud}.get(name, WRITE.get(name))(tmp_path)
        if name == "voc-aug":
            trees.sbd(tmp_path)
        return tmp_path / FOLDERS.get(name, "")

    return make


H, W = trees.size_of("2010_000001")


def changed(path, change):
    """Change the pixels of an image file and keep its palette."""
    image = Image.open(path)
    new = Image.fromarray(change(np.array(image)))
    if image.mode == "P":
        new.putpalette(image.getpalette())
    new.save(path)


def quantised(path):
    """Save a label image as an editor does: as colours, then with a palette of its own."""
    Image.open(path).convert("RGB").quantize(256).save(path)


def sbd(value):
    def write(path):
        savemat(path, {"GTcls": {"Segmentation": value}} if value is not None else {"GTcls": np.zeros((3, 3))})

    return write


def patched(place, value):
    """Return what changes four bytes of an uncompressed file of SBD; `place` counts from its map of classes."""

    def write(path):
        sbd(np.ones((H, W), np.uint8))(path)
        content = bytearray(path.read_bytes())
        start = content.rindex(struct.pack("<II", 6, 8))  # the flags of the innermost matrix
        content[start + place : start + place + 4] = struct.pack("<I", value)
        path.write_bytes(content)

    return write


def classed(value):
    return patched(8, value)


def sized(value):
    return patched(24, value)


def typed(value):
    """One such byte ends a process in which SciPy reads the file."""
    return patched(40, value)


def drawn(value):
    def write(path):
        cell = np.empty((1, 1), object)
        cell[0, 0] = {"Boundaries": value} if value is not None else {"Other": 1}
        savemat(path, {"groundTruth": cell})

    return write


h, w = trees.size_of("2092")
ONES, LINES = np.ones((H, W)), np.zeros((h, w), np.uint8)
PROBLEMS = {
    "list missing": ("voc", LIST, lambda p: p.unlink(), "missing, expected the list"),
    "list empty": ("voc", LIST, lambda p: p.write_text(""), "no names"),
    "list a folder": ("voc", LIST, lambda p: (p.unlink(), p.mkdir()), "missing, expected the list"),
    "list, name twice": ("voc", LIST, lambda p: p.write_text("2007_000032\n2007_000039\n2007_000032\n"), "twice"),
    "list, unknown name": ("voc", LIST, lambda p: p.write_text("2007_999999\n"), "no such file"),
    "list, UTF-16": ("voc", LIST, lambda p: p.write_text("2007_000032\n", "utf-16"), "UTF-8"),
    "list, bytes": ("voc", LIST, lambda p: p.write_bytes(b"\xff\xfe\x00\x80"), "UTF-8"),
    "list, a path": ("voc", LIST, lambda p: p.write_text("../../../etc/passwd\n"), "no such file"),
    "photo missing": ("voc", PHOTO, lambda p: p.unlink(), "no such file"),
    "photo empty": ("voc", PHOTO, lambda p: p.write_bytes(b""), "cannot be read as an image"),
    "photo cut": ("voc", PHOTO, lambda p: p.write_bytes(p.read_bytes()[:400]), "cannot be read as an image"),
    "photo html": ("voc", PHOTO, lambda p: p.write_text("<html>"), "cannot be read as an image"),
    "photo of another size": ("voc", PHOTO, lambda p: trees.photo(p, (50, 60)), "height, width"),
    "label missing": ("voc", LABEL, lambda p: p.unlink(), "no such file"),
    "label empty": ("voc", LABEL, lambda p: p.write_bytes(b""), "cannot be read as an image"),
    "label in colour": ("voc", LABEL, lambda p: Image.open(p).convert("RGB").save(p), "channels RGB"),
    "label as JPEG": ("voc", LABEL, lambda p: Image.fromarray(LINES).save(p, "JPEG"), "JPEG"),
    "label of an editor": ("voc", LABEL, quantised, "an editor has numbered the classes anew"),
    "label class 21": ("voc", LABEL, lambda p: changed(p, lambda a: np.full_like(a, 21)), "class 21"),
    "label turned": ("voc", LABEL, lambda p: changed(p, lambda a: a.T), "height, width"),
    "label real": ("voc", LABEL, lambda p: Image.fromarray(np.full((30, 40), 0.5, "f4")).save(p, "TIFF"), "no whole"),
    "sbd html": ("voc-aug", SBD, lambda p: p.write_text("<html>"), "MATLAB"),
    "sbd empty": ("voc-aug", SBD, lambda p: p.write_bytes(b""), "MATLAB"),
    "sbd cut": ("voc-aug", SBD, lambda p: p.write_bytes(p.read_bytes()[:150]), "MATLAB"),
    "sbd a plain matrix": ("voc-aug", SBD, sbd(None), "no 'Segmentation'"),
    "sbd 1.7": ("voc-aug", SBD, sbd(1.7 * ONES), "no whole numbers"),
    "sbd nan": ("voc-aug", SBD, sbd(np.nan * ONES), "no whole numbers"),
    "sbd complex": ("voc-aug", SBD, sbd(1j * ONES), "no whole numbers"),
    "sbd text": ("voc-aug", SBD, sbd("classes"), "2010_000001.mat"),
    "sbd of a type that the format lacks": ("voc-aug", SBD, typed(213), "type 213 in a matrix"),
    "sbd of a function's class": ("voc-aug", SBD, classed(16), "a matrix of class 16"),
    "sbd of more entries than bytes": ("voc-aug", SBD, sized(2**30), "entries in"),
    "sbd class 77": ("voc-aug", SBD, sbd(77 * ONES), "class 77"),
    "sbd -1": ("voc-aug", SBD, sbd(-ONES), "class -1"),
    "sbd turned": ("voc-aug", SBD, sbd(ONES.T), "height, width"),
    "drawn html": ("bsds500", DRAWN, lambda p: p.write_text("<html>"), "MATLAB"),
    "drawn empty": ("bsds500", DRAWN, lambda p: p.write_bytes(b""), "MATLAB"),
    "drawn without boundaries": ("bsds500", DRAWN, drawn(None), "no 'Boundaries'"),
    "drawn nan": ("bsds500", DRAWN, drawn(np.nan * LINES), "other values than 0 and 1"),
    "drawn 255": ("bsds500", DRAWN, drawn(LINES + 255), "other values than 0 and 1"),
    "drawn turned": ("bsds500", DRAWN, drawn(LINES.T), "height, width"),
    "camvid, one name twice": (
        "camvid", "train/0001TP_1.png", lambda p: shutil.copy(p, p.with_suffix(".jpg")), "two photographs of the name",
    ),
    "camvid, no labels": ("camvid", "trainannot/0001TP_1.png", lambda p: p.unlink(), "no such file"),
    "camvid, class 12": (
        "camvid", "trainannot/0001TP_1.png", lambda p: changed(p, lambda a: np.full_like(a, 12)), "class 12",
    ),
    "camvid, no photographs": (
        "camvid", "train/0001TP_1.png", lambda p: [f.unlink() for f in p.parent.iterdir()], "no photographs",
    ),
    "camvid, no test": ("camvid", "test", shutil.rmtree, "test: no such folder"),
    "context, class 99": (
        "context-59", "59_context_labels/2008_000002.png", lambda p: changed(p, lambda a: 0 * a + 99), "class 99",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PROBLEMS)
def test_data_check_lists_it(folder, refused, capfd, case):
    name, file, damage, words = PROBLEMS[case]
    root = folder(name)
    damage(root / file)
    problems = [problem for report in check_dataset(name, root) for problem in report.problems]
    assert problems
    assert all(": " in problem and "\n" not in problem for problem in problems)
    assert any(words in problem for problem in problems), problems
    assert "problems in" in refused("data", "check", name, "--root", root)


GOOD = {
    "list with a BOM": ("voc", LIST, lambda p: p.write_text("2007_000032\n", "utf-8-sig")),
    "list of Windows": ("voc", LIST, lambda p: p.write_bytes(b"2007_000032\r\n\r\n2007_000039\r\n")),
    "macOS companion": ("camvid", "train/._0001TP_1.png", lambda p: p.write_bytes(b"\0\5\x16\7")),
    "hidden thumbnail": ("camvid", "train/.thumb.jpg", lambda p: p.write_bytes(b"\0\5\x16\7")),
    "list of a folder": ("camvid", "train/Thumbs.db", lambda p: p.write_bytes(b"\0")),
    "bsds companion": ("bsds500", "images/train/._2092.jpg", lambda p: p.write_bytes(b"\0\5\x16\7")),
    "nyud companion": ("nyud", "train/._0002_rgb.jpg", lambda p: p.write_bytes(b"\0\5\x16\7")),
    "sbd, whole as real": ("voc-aug", SBD, sbd(2.0 * ONES)),
}


@pytest.mark.parametrize("case", GOOD)
def test_what_a_system_leaves_is_no_problem(folder, case):
    name, file, change = GOOD[case]
    root = folder(name)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    if name == "nyud":
        frames(root)
    change(root / file)
    assert not [problem for report in check_dataset(name, root) for problem in report.problems]


def frames(root):
    """Write NYU's frames as images."""
    for split in ("train", "test"):
        (root / split).mkdir(exist_ok=True)
        Image.fromarray(np.full((48, 64, 3), 99, np.uint8)).save(root / split / "0002_rgb.JPG", "JPEG")
        Image.fromarray(np.full((48, 64), 2000, np.uint16)).save(root / split / "0002_depth.png")


@pytest.mark.parametrize("loader", [PascalVOC, PascalContext, CamVid, NYUDepthV2, BSDS500])
def test_no_folder_and_an_unknown_split_are_named(tmp_path, loader):
    with pytest.raises(FileNotFoundError, match="expected"):
        loader(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="split: found 'tests', expected one of"):
        loader(tmp_path, "tests")


def test_palette_labels_of_voc_keep_their_classes(folder):
    root = folder("voc")
    before = PascalVOC(root)[0]["labels"]
    assert before.equal(read_labels(root / LABEL, tuple(before.shape), 21, palette=color_map(256)))


@pytest.mark.parametrize("text", ["a\nb\na\n", "a x\na y\n"])
def test_a_name_twice_is_refused(tmp_path, text):
    (tmp_path / "list.txt").write_text(text)
    with pytest.raises(ValueError, match="a twice"):
        read_names(tmp_path / "list.txt")


def test_training_passes_over_a_photograph_that_is_nearly_void(recwarn):
    """No option of the command could leave it out."""
    void = torch.full((32, 32), VOID)
    void[0, :5] = 1
    train(samples=[*3 * sample()[:1], {"image": IMAGE, "labels": void, "name": "void"}], steps=4)
    told = {str(warning.message) for warning in recwarn if "takes its place" in str(warning.message)}
    assert told == {
        "void: found 5 pixels with a target, expected at least 20, the points drawn from an image; "
        "lower points_per_image; the next image takes its place"
    }
