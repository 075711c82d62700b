"""Whatever the bytes are: a reader gives what it promises, or one line of ValueError.

With `pytest --hypothesis-profile=fuzz tests/properties/test_readers.py` for as long as one likes.
"""

import io
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from pixelnet_edu.data.bsds import read_annotations
from pixelnet_edu.data.pascal import read_sbd_labels
from pixelnet_edu.data.reading import FORMATS, read_labels, read_names, read_photo, read_pixels, write_picture
from pixelnet_edu.experiments.records import SHIPPED, read_record
from pixelnet_edu.training.runs import read_config, recorded

PICTURE = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)


def image_bytes(kind):
    file = io.BytesIO()
    Image.fromarray(PICTURE).save(file, kind)
    return file.getvalue()


def mat_bytes(content):
    file = io.BytesIO()
    savemat(file, content)
    return file.getvalue()


CELL = np.empty((1, 1), object)
CELL[0, 0] = {"Boundaries": PICTURE[..., 0] > 200}
GROUND = {"groundTruth": CELL}
SBD = {"GTcls": {"Segmentation": PICTURE[..., 0] % 21}}
RECORD = next((SHIPPED / "table4").rglob("5x2000-seed0.json")).read_bytes()
CONFIG = (recorded("rooms-normals") / "config.json").read_bytes()
EDITS = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8)
CUTS = st.one_of(st.just(1.0), st.floats(0, 1))


@st.composite
def damaged(draw, whole):
    """Draw a file like a whole one: some bytes changed, perhaps cut off, perhaps with others in its middle."""
    content = bytearray(draw(st.sampled_from(whole)))
    for place, value in draw(EDITS):
        content[min(int(place * len(content)), len(content) - 1)] = value
    content = content[: int(draw(CUTS) * len(content))]
    middle = int(draw(st.floats(0, 1)) * len(content))
    return bytes(content[:middle] + draw(st.binary(max_size=4)) + content[middle:])


def files(*whole):
    return st.one_of(st.binary(max_size=200), damaged(whole))


def outcome(path, content, read):
    """Return what is read of these bytes, None for a ValueError of one line that names the file."""
    path.write_bytes(content)
    try:
        return read(path)
    except (ValueError, OSError) as error:
        text = str(error)
    assert str(path) in text
    assert "\n" not in text.replace(repr(content), "")
    return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@given(content=files(*map(image_bytes, FORMATS)))
def test_a_photograph_is_a_picture_or_an_error(folder, content):
    found = outcome(folder / "photo.jpg", content, read_photo)
    if found is not None:
        assert found.shape[0] == 3
        assert 0 <= float(found.min()) <= float(found.max()) <= 1


@given(content=files(image_bytes("PNG")))
def test_labels_are_classes_or_an_error(folder, content):
    found = outcome(folder / "labels.png", content, lambda path: read_labels(path, (12, 16), 21))
    if found is not None:
        assert found.shape == (12, 16)
        assert ((found >= 0) & (found < 21) | (found == 255)).all()


@given(content=files(mat_bytes(GROUND)))
def test_annotations_are_maps_or_an_error(folder, content):
    found = outcome(folder / "drawn.mat", content, lambda path: read_annotations(path, (12, 16)))
    assert found is None or (found.dtype == torch.bool and found.shape[1:] == (12, 16))


@given(content=files(mat_bytes(SBD)))
def test_labels_of_sbd_are_classes_or_an_error(folder, content):
    found = outcome(folder / "classes.mat", content, lambda path: read_sbd_labels(path, (12, 16), 21))
    assert found is None or ((found >= 0) & (found < 21) | (found == 255)).all()


@given(content=files(*("2007_000032\r\n2007_000039 1\r\n".encode(kind) for kind in ("utf-8", "utf-16"))))
def test_a_list_is_names_or_an_error(folder, content):
    found = outcome(folder / "train.txt", content, read_names)
    assert found is None or (found and len(set(found)) == len(found) and all(name.split() == [name] for name in found))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(content=files(RECORD) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_record_is_one_or_an_error(folder, content):
    found = outcome(folder / "5x2000-seed0.json", content, read_record)
    assert found is None or found.arm == "5x2000"


@st.composite
def edited(draw, whole):
    """Draw JSON in which one value, at any depth, is another."""
    content = json.loads(whole)
    inner = content
    while True:
        key = draw(st.sampled_from(sorted(inner)) if isinstance(inner, dict) else st.integers(0, len(inner) - 1))
        if not isinstance(inner[key], dict | list) or not inner[key] or draw(st.booleans()):
            break
        inner = inner[key]
    inner[key] = draw(JSON)
    return json.dumps(content).encode()


@given(content=files(CONFIG) | edited(CONFIG))
def test_a_configuration_is_one_or_an_error(folder, content):
    outcome(folder / "config.json", content, lambda path: read_config(path.parent))


@given(
    height=st.integers(1, 9), width=st.integers(1, 9), kind=st.sampled_from([".png", ".bmp", ".tiff"]),
    seed=st.integers(0, 2**31),
)  # fmt: skip
def test_a_picture_comes_back_as_it_was_written(folder, height, width, kind, seed):
    picture = torch.randint(256, (3, height, width), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    write_picture(folder / f"picture{kind}", picture)
    assert read_pixels(folder / f"picture{kind}").equal(picture)
