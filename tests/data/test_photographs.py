"""Photographs of every kind, CamVid's layout, and transforms that keep image and targets together."""

import numpy as np
import pytest
import torch
from PIL import Image

from pixelnet_edu import CamVid
from pixelnet_edu.data.reading import read_photo, write_picture
from pixelnet_edu.data.transforms import Augment, mirror, resize


def save(path, array, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def test_colour_grey_alpha_sixteen_bits_and_exif(tmp_path):
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    photo = read_photo(save(tmp_path / "grey.png", grey))
    assert photo.shape == (3, 3, 4)
    torch.testing.assert_close(photo[1], torch.from_numpy(grey).float() / 255)
    deep = read_photo(save(tmp_path / "deep.png", grey.astype(np.uint16) * 257))
    torch.testing.assert_close(deep, photo)
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (255, 0, 0, 255)
    shown = read_photo(save(tmp_path / "alpha.png", rgba))
    assert shown[:, 0, 0].tolist() == [1, 0, 0]
    assert shown[:, 1, 1].tolist() == [1, 1, 1]
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter to the left by the camera
    turned = save(tmp_path / "turned.png", np.zeros((2, 5, 3), np.uint8), exif=exif)
    assert read_photo(turned).shape == (3, 5, 2)


def test_broken_and_missing_photographs_are_named(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 no picture")
    with pytest.raises(ValueError, match=r"broken\.jpg: cannot be read as an image"):
        read_photo(tmp_path / "broken.jpg")
    with pytest.raises(FileNotFoundError, match=r"none\.jpg: no such file"):
        read_photo(tmp_path / "none.jpg")


def test_write_picture_is_whole_or_not_at_all(tmp_path):
    picture = torch.rand(3, 4, 5)
    write_picture(tmp_path / "new" / "a.png", picture)
    torch.testing.assert_close(read_photo(tmp_path / "new" / "a.png"), picture, atol=0.5 / 255 + 1e-6, rtol=0)
    with pytest.raises(ValueError, match=r"found ending '\.xyz'"):
        write_picture(tmp_path / "a.xyz", picture)
    assert [p.name for p in tmp_path.iterdir()] == ["new"]


@pytest.fixture
def small_camvid(tmp_path):
    rng = np.random.default_rng(0)
    for split, number in (("train", 3), ("test", 2)):
        for k in range(number):
            save(tmp_path / split / f"{k}.png", rng.integers(0, 256, (18, 24, 3), dtype=np.uint8))
            save(tmp_path / f"{split}annot" / f"{k}.png", rng.integers(0, 12, (18, 24), dtype=np.uint8))
    return tmp_path


def test_camvid_sample(small_camvid):
    dataset = CamVid(small_camvid, "train")
    assert (len(dataset), dataset.num_classes) == (3, 11)
    sample = dataset[1]
    assert sample["image"].shape == (3, 18, 24)
    raw = np.array(Image.open(small_camvid / "trainannot" / "1.png"))
    assert sample["labels"].equal(torch.from_numpy(np.where(raw == 11, 255, raw)).long())
    assert sample["name"] == "1"


def test_camvid_errors(small_camvid):
    with pytest.raises(FileNotFoundError, match="expected CamVid with val/ and valannot/"):
        CamVid(small_camvid, "val")
    with pytest.raises(ValueError, match="split: found 'all'"):
        CamVid(small_camvid, "all")
    annotations = small_camvid / "trainannot"
    save(annotations / "0.png", np.full((18, 24), 12, np.uint8))
    with pytest.raises(ValueError, match=r"0\.png: found class 12 at 432 pixels, expected 0 to 10, or 11 for void"):
        CamVid(small_camvid)[0]
    save(annotations / "1.png", np.zeros((9, 12), np.uint8))
    with pytest.raises(ValueError, match=r"1\.png: found labels of shape \(9, 12\), expected \(18, 24\)"):
        CamVid(small_camvid)[1]
    (annotations / "2.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2\.png: missing, one of 1"):
        CamVid(small_camvid)


@pytest.mark.real_data
def test_camvid_of_the_real_photographs(data_root):
    train, test = (CamVid(data_root / "camvid", split) for split in ("train", "test"))
    assert (len(train), len(test)) == (367, 233)
    sample = train[100]
    assert sample["image"].shape == (3, 180, 240)
    assert set(sample["labels"].unique().tolist()) <= {*range(11), 255}


def sample_with_everything(height=12, width=20):
    """Every pixel knows where it came from: the image, the labels and the normals carry its coordinates."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = torch.stack([x / width, y / height, torch.zeros(height, width)])
    return {"image": place, "labels": (x + 100 * y) % 255, "normals": place.clone(), "edges": x % 2, "name": "a"}


def test_mirror_turns_normals():
    sample = {k: v for k, v in sample_with_everything().items() if k != "name"}
    flipped = mirror(sample)
    assert flipped["labels"].equal(sample["labels"].flip(-1))
    assert flipped["normals"][0].equal(-sample["normals"][0].flip(-1))
    assert flipped["normals"][1].equal(sample["normals"][1].flip(-1))


@pytest.mark.parametrize("seed", range(8))
def test_image_and_targets_stay_together(seed):
    augment = Augment(crop=(8, 10), scale=(1.0, 1.0), gain=(1.0, 1.0))
    result = augment(sample_with_everything(), torch.Generator().manual_seed(seed))
    x, y = (result["image"][0] * 20).round().long(), (result["image"][1] * 12).round().long()
    assert result["labels"].equal((x + 100 * y) % 255)
    assert result["edges"].equal(x % 2)
    assert "name" not in result


def test_resize_interpolates_images_and_picks_targets():
    sample = {"image": torch.rand(3, 8, 8), "labels": torch.randint(0, 9, (8, 8)) * 20}
    small = resize(sample, (4, 4))
    assert small["image"].shape == (3, 4, 4)
    assert set(small["labels"].flatten().tolist()) <= set(sample["labels"].flatten().tolist())


def test_gain_saturates_and_is_reproducible():
    augment = Augment(flip=0.0, gain=(1.3, 1.3))
    result = augment({"image": torch.full((3, 2, 2), 0.9)}, torch.Generator().manual_seed(0))
    assert result["image"].unique().tolist() == [1.0]
    draws = [Augment()({"image": torch.rand(3, 4, 4).fill_(0.5)}, torch.Generator().manual_seed(4)) for _ in range(2)]
    assert draws[0]["image"].equal(draws[1]["image"])
