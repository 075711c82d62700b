"""NYU Depth v2: a small tree in the official layout, the frames made from it, every error, and the real frames."""

import itertools
import pickle
import shutil
import sys

import numpy as np
import pytest
import torch
import trees_nyud as tree
from PIL import Image
from scipy.io import savemat
from torch.utils.data import DataLoader

from pixelnet_edu.data.nyud import NYUDepthV2
from pixelnet_edu.data.nyud_frames import MAPPING, MAT, SPLITS, write_frames

h5py = pytest.importorskip("h5py")
INSIDE = np.s_[5:47, 4:60]  # of 48 x 64 pixels


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    root = tmp_path_factory.mktemp("official")
    tree.nyud(root)
    return root


@pytest.fixture(scope="module")
def made(official, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "new"
    write_frames(official / MAT, official / SPLITS, official / MAPPING, folder)
    return folder


@pytest.fixture
def frames(made, tmp_path):
    """A copy of the frames that a test may damage."""
    return shutil.copytree(made, tmp_path / "frames")


@pytest.fixture
def mat(official, tmp_path):
    """A copy of the official files that a test may damage."""
    return shutil.copytree(official, tmp_path / "mat")


def is_valid(normals):
    return normals.square().sum(0) > 0.5


def expected_labels(index):
    raw = tree.raw_labels_of(index).astype(int)
    labels = np.full(raw.shape, 255)
    labels[INSIDE] = np.where(raw == 0, 255, np.concatenate([[0], tree.mapping()])[raw] - 1)[INSIDE]
    return torch.from_numpy(labels)


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_sample_of_the_mat_file(official, split):
    dataset = NYUDepthV2(official, split)
    assert [int(sample["name"]) for sample in dataset] == tree.SPLITS[split]
    for index, sample in zip(tree.SPLITS[split], dataset, strict=True):
        assert (sample["image"] * 255).round().byte().permute(1, 2, 0).numpy().tolist() == tree.image_of(index).tolist()
        assert sample["depth"].numpy() == pytest.approx(np.nan_to_num(tree.depth_of(index)))
        assert sample["labels"].equal(expected_labels(index))
        assert sample["intrinsics"].numpy() == pytest.approx(tree.INTRINSICS)
        assert {value.dtype for key, value in sample.items() if key not in ("labels", "name")} == {torch.float32}


def test_sums_over_the_tree(official):
    samples = [*NYUDepthV2(official, "train"), *NYUDepthV2(official, "test")]
    assert sum(int((sample["image"] * 255).round().sum()) for sample in samples) == 5_603_328
    assert sum(int((sample["labels"] != 255).sum()) for sample in samples) == 14_112
    assert sum(int(sample["labels"][sample["labels"] != 255].sum()) for sample in samples) == 273_648


def test_normals_are_those_of_the_planes(official):
    for sample in NYUDepthV2(official, "train"):
        index = int(sample["name"])
        expected = np.zeros((tree.HEIGHT, tree.WIDTH), bool)
        expected[6:46, 5:59] = True  # a window of 3 pixels inside the white border
        for y, x in (tree.HOLE, tree.NOT_A_NUMBER) if index == 0 else ():
            expected[y - 1 : y + 2, x - 1 : x + 2] = False
        valid = is_valid(sample["normals"])
        assert valid.numpy().tolist() == expected.tolist()
        cosine = torch.from_numpy(tree.normal_of(index)).float() @ sample["normals"][:, valid]
        assert cosine.min() > np.cos(np.deg2rad(0.1))


def test_frames_and_the_mat_file_agree(official, made):
    assert sorted(path.name for path in made.iterdir()) == ["test", "train"]
    for split in ("train", "test"):
        assert len(list((made / split).iterdir())) == 3 * len(tree.SPLITS[split])
        for one, other in zip(NYUDepthV2(official, split), NYUDepthV2(made, split), strict=True):
            assert one.keys() == other.keys()
            assert one["name"] == other["name"]
            assert (one["image"] - other["image"]).abs().mean() < 2 / 255
            assert (one["depth"] - other["depth"]).abs().max() < 0.000501
            assert one["labels"].equal(other["labels"])
            assert one["intrinsics"].equal(other["intrinsics"])
            assert is_valid(one["normals"]).equal(is_valid(other["normals"]))
            assert (one["normals"] - other["normals"]).abs().max() < 0.02


def test_without_a_mapping_there_are_no_labels(mat, tmp_path):
    (mat / MAPPING).unlink()
    assert "labels" not in NYUDepthV2(mat)[0]
    write_frames(mat / MAT, mat / SPLITS, None, tmp_path / "new")
    assert "labels" not in NYUDepthV2(tmp_path / "new")[0]


def test_worker_processes_read_the_same(official):
    dataset = NYUDepthV2(official)
    first = dataset[0]
    loaded = list(DataLoader(dataset, num_workers=2))
    assert loaded[0]["image"][0].equal(first["image"])
    assert [batch["name"][0] for batch in loaded] == dataset.names
    assert pickle.loads(pickle.dumps(dataset))[3]["labels"].equal(dataset[3]["labels"])


def test_write_frames_is_whole_or_not_at_all(mat, tmp_path):
    with h5py.File(mat / MAT, "r+") as file:
        file["depths"][4] = 0
    with pytest.raises(ValueError, match=r"labeled\.mat, frame 0004: found no valid depth"):
        write_frames(mat / MAT, mat / SPLITS, None, tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["train"]
    with pytest.raises(ValueError, match="train: is there already, expected none; remove it"):
        write_frames(mat / MAT, mat / SPLITS, None, tmp_path / "new")


def test_classes_and_colours():
    assert len(set(NYUDepthV2.classes)) == len(NYUDepthV2.classes) == NYUDepthV2.num_classes == 40
    assert [NYUDepthV2.classes[k] for k in (0, 9, 19, 29, 39)] == [
        *("wall", "bookshelf", "floor mat", "whiteboard", "otherprop")
    ]
    assert (NYUDepthV2.palette.dtype, tuple(NYUDepthV2.palette.shape)) == (torch.uint8, (40, 3))
    color = pytest.importorskip("skimage.color")
    lab = color.rgb2lab(NYUDepthV2.palette.numpy()[None] / 255)[0]
    assert min(color.deltaE_ciede2000(a, b) for a, b in itertools.combinations(lab, 2)) > 7


def test_given_normals(made, tmp_path):
    generator = np.random.default_rng(0)
    for index in tree.SPLITS["test"]:
        array = generator.normal(size=(tree.HEIGHT, tree.WIDTH, 3)) - (0, 0, 3)
        array /= np.linalg.norm(array, axis=-1, keepdims=True)
        array[7, 9] = 0
        np.save(tmp_path / f"{index:04d}.npy", array)
    dataset = NYUDepthV2(made, "test", normals=tmp_path)
    assert dataset[1]["normals"].permute(1, 2, 0).numpy() == pytest.approx(array)
    assert not is_valid(dataset[1]["normals"])[7, 9]
    for change, message in (
        (array[:-1], r"found normals \(47, 64, 3\) of float64, expected \(48, 64, 3\) of floating point"),
        ((127 + 127 * array).astype(np.uint8), r"\(48, 64, 3\) of uint8, .* quantised"),
        (2 * array, r"0004\.npy: found 3071 normals whose length is not 1"),
        (np.where(array == 0, np.nan, array), r"found 1 normals whose length is not 1, one \[nan"),
        (-array, r"0004\.npy: found \d+% of the normals pointing away from the camera"),
    ):
        np.save(tmp_path / "0004.npy", change)
        with pytest.raises(ValueError, match=message):
            dataset[1]
    (tmp_path / "0004.npy").write_bytes(b"no array")
    with pytest.raises(ValueError, match=r"0004\.npy: cannot be read as a NumPy array"):
        dataset[1]
    (tmp_path / "0004.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"0004\.npy: missing, one of 1; expected the normals"):
        NYUDepthV2(made, "test", normals=tmp_path)
    Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(tmp_path / "0004.png")
    with pytest.raises(ValueError, match=r"0004\.png: found normals as a picture, expected 0004\.npy"):
        NYUDepthV2(made, "test", normals=tmp_path)


def test_wrong_arguments_and_folders(made, tmp_path):
    with pytest.raises(ValueError, match="split: found 'val', expected one of train, test"):
        NYUDepthV2(made, "val")
    with pytest.raises(FileNotFoundError, match=r"train: no such folder; expected frames .*data_scripts/nyud\.py"):
        NYUDepthV2(tmp_path / "nowhere")
    (tmp_path / "train").mkdir()
    with pytest.raises(ValueError, match="train: found no frames, expected NNNN_rgb"):
        NYUDepthV2(tmp_path)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("0000_rgb.jpg", r"0000_rgb\.jpg: missing, one of 1; expected the photograph"),
        ("0002_depth.png", r"0002_depth\.png: missing, one of 1; expected the depth image"),
        ("0003_labels.png", r"0003_labels\.png: missing, one of 1; expected label images for all frames, or for none"),
    ],
)
def test_a_missing_file(frames, file, message):
    (frames / "train" / file).unlink()
    with pytest.raises(FileNotFoundError, match=message):
        NYUDepthV2(frames)
    lenient = NYUDepthV2(frames, strict=False)
    assert len(lenient) == 4
    with pytest.raises(FileNotFoundError, match=file):
        lenient[lenient.names.index(file[:4])]


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.full((48, 64), 90, np.uint8), "found a depth image of mode L, expected one channel of 16 bits"),
        (np.full((24, 32), 2500, np.uint16), r"found depth of shape \(24, 32\), expected \(48, 64\)"),
        (np.full((48, 64), 3, np.uint16), r"found a median depth of 0\.003 m, expected 0\.1 to 20\.0 m"),
        (np.full((48, 64), 25_000, np.uint16), "found a median depth of 25 m"),
        (np.zeros((48, 64), np.uint16), "found no valid depth"),
    ],
)
def test_wrong_depth(frames, pixels, message):
    Image.fromarray(pixels).save(frames / "train" / "0002_depth.png")
    with pytest.raises(ValueError, match=r"0002_depth\.png: " + message):
        NYUDepthV2(frames)[1]


def test_broken_photographs_labels_and_crops(frames):
    folder, dataset = frames / "train", NYUDepthV2(frames)
    (folder / "0000_rgb.jpg").write_bytes((folder / "0000_rgb.jpg").read_bytes()[:600])
    with pytest.raises(ValueError, match=r"0000_rgb\.jpg: cannot be read as an image"):
        dataset[0]
    Image.fromarray(np.full((48, 64), 40, np.uint8)).save(folder / "0002_labels.png")
    with pytest.raises(ValueError, match=r"0002_labels\.png: found class 40 at 3072 pixels, expected 0 to 39"):
        dataset[1]
    for kind in ("rgb.jpg", "depth.png", "labels.png"):
        path = folder / f"0003_{kind}"
        Image.open(path).crop((0, 0, 60, 48)).save(path)
    with pytest.raises(ValueError, match=r"train frame 0003: found 48 x 60 pixels .* expected 4:3"):
        dataset[2]


def test_photographs_may_be_png(frames):
    photo = frames / "train" / "0000_rgb.jpg"
    Image.open(photo).save(photo.with_suffix(".png"))
    expected = NYUDepthV2(frames)[0]["image"]
    photo.unlink()
    assert NYUDepthV2(frames)[0]["image"].equal(expected)


@pytest.mark.parametrize(
    ("dataset", "array", "message"),
    [
        ("depths", None, r"found no dataset depths, expected images, depths, labels"),
        ("images", np.zeros((6, 64, 48, 3), np.uint8), r"found images \(6, 64, 48, 3\) uint8.*expected images \(N, 3"),
        ("images", np.zeros((6, 3, 64, 48), np.float32), "found images .* float32"),
        ("depths", np.ones((6, 48, 64), np.float32), r".*depths \(6, 48, 64\) float32"),
        ("labels", np.ones((5, 64, 48), np.uint16), r".*labels \(5, 64, 48\) uint16"),
    ],
)
def test_a_mat_file_of_another_structure(mat, dataset, array, message):
    with h5py.File(mat / MAT, "r+") as file:
        del file[dataset]
        if array is not None:
            file[dataset] = array
    with pytest.raises(ValueError, match=r"labeled\.mat: " + message):
        NYUDepthV2(mat)


def test_damaged_official_files(mat):
    dataset = NYUDepthV2(mat)
    with h5py.File(mat / MAT, "r+") as file:
        file["labels"][0, 3, 3] = 895
        file["depths"][2] = 2500
    with pytest.raises(ValueError, match="frame 0000: found label 895, expected 0 to 894"):
        dataset[0]
    with pytest.raises(ValueError, match=r"frame 0002: found a median depth of 2500 m.*the \.mat file metres"):
        dataset[1]
    savemat(mat / MAPPING, {"mapClass": np.arange(10)[None]})
    with pytest.raises(ValueError, match=r"classMapping40\.mat: found 10 classes mapped to 0 to 9, expected 894"):
        NYUDepthV2(mat)
    for wrong in (0, 7):
        savemat(mat / SPLITS, {"trainNdxs": np.array([[2], [wrong]]), "testNdxs": np.zeros((0, 1))})
        with pytest.raises(ValueError, match=rf"splits\.mat: found frame {wrong} in trainNdxs, expected 1 to 6"):
            NYUDepthV2(mat)
    with pytest.raises(ValueError, match=r"splits\.mat: found no frames in testNdxs"):
        NYUDepthV2(mat, "test")
    (mat / SPLITS).unlink()
    with pytest.raises(FileNotFoundError, match=r"splits\.mat: no such file"):
        NYUDepthV2(mat)
    (mat / MAT).write_bytes((mat / MAT).read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"labeled\.mat: cannot be read as HDF5"):
        NYUDepthV2(mat)
    savemat(mat / MAT, {"images": np.zeros(3)})
    with pytest.raises(ValueError, match=r"labeled\.mat: cannot be read as HDF5, which MATLAB 7\.3 writes"):
        NYUDepthV2(mat)


def test_a_frame_of_both_splits_is_refused(mat):
    savemat(mat / SPLITS, {"trainNdxs": np.array([[1], [2]]), "testNdxs": np.array([[2], [3]])})
    with pytest.raises(ValueError, match=r"splits\.mat: found frame 2 twice, expected each frame once, in one split"):
        NYUDepthV2(mat, "train")


def test_without_h5py(official, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"found no package h5py.*pip install pooch h5py"):
        NYUDepthV2(official)


@pytest.mark.real_data
@pytest.mark.parametrize(("split", "number"), [("train", 320), ("test", 180)])
def test_the_real_frames(data_root, split, number):
    dataset = NYUDepthV2(data_root / "nyuv2_small", split)
    assert len(dataset) == number
    shares, facing = [], []
    for sample in dataset:
        valid = is_valid(sample["normals"])
        shares.append(float(valid.float().mean()))
        facing.append(float((sample["normals"][2, valid] < 0.3).float().mean()) if valid.any() else 1.0)
        assert sample["image"].shape == (3, 120, 160)
        assert "labels" not in sample
        assert not valid[:16].any()
        assert not valid[:, 145:].any()
    assert 0.3 < np.mean(shares) < 0.45
    assert np.mean(facing) > 0.99


@pytest.mark.real_data
def test_one_real_frame(data_root):
    dataset = NYUDepthV2(data_root / "nyuv2_small", "test")
    sample = dataset[0]
    assert sample["name"] == "0000"
    assert int((sample["depth"].double() * 1000).round().sum()) == 55_284_370
    assert sample["intrinsics"].numpy() == pytest.approx([129.71, 129.87, 81.02, 63.06], abs=0.005)


@pytest.mark.real_data
def test_real_floors_lie_below(data_root):
    dataset = NYUDepthV2(data_root / "nyuv2_small", "test")
    normals = torch.stack([dataset[k]["normals"] for k in range(0, 180, 6)])
    up = normals[:, 1] < -0.8
    assert up[:, 75:].sum() > 10 * up[:, :45].sum()
    assert normals[:, 0].mean().abs() < 0.1  # as many walls to the left as to the right
