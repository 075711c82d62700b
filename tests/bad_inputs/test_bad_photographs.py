"""Files that are no photographs, or odd ones: one line, or the picture that a person sees."""

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from calling import call
from PIL import ExifTags, Image

from pixelnet_edu.data.reading import open_image, read_photo, read_pixels, write_picture

GREY = np.random.default_rng(0).integers(0, 256, (30, 40), dtype=np.uint8)
RGB = np.stack([GREY, GREY // 2, 255 - GREY], 2)


def three(grey):
    return np.stack([grey] * 3, 2)


def jpeg(path, array=RGB):
    Image.fromarray(array).save(path, "JPEG", quality=95)


def png_cut(path, keep):
    Image.fromarray(RGB).save(path, "PNG")
    path.write_bytes(path.read_bytes()[:keep])


def real(path, value):
    array = GREY.astype(np.float32)
    array[3, 3] = value
    Image.fromarray(array).save(path, "TIFF")


def flipped(path):
    jpeg(path)
    content = bytearray(path.read_bytes())
    content[2:20] = bytes(18)
    path.write_bytes(content)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
BROKEN = {
    "missing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("holiday"),
    "html": lambda path: path.write_text("<html>404</html>"),
    "postscript": lambda path: path.write_bytes(POSTSCRIPT),
    "pdf": lambda path: path.write_bytes(b"%PDF-1.4\n%%EOF"),
    "svg": lambda path: path.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "gif": lambda path: Image.fromarray(RGB).save(path, "GIF"),
    "icon": lambda path: Image.fromarray(RGB).save(path, "ICO"),
    "ppm": lambda path: Image.fromarray(RGB).save(path, "PPM"),
    "pickle": lambda path: path.write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR."),
    "zip": lambda path: path.write_bytes(b"PK\x05\x06" + bytes(18)),
    "random": lambda path: path.write_bytes(np.random.default_rng(1).bytes(4000)),
    "zeros": lambda path: path.write_bytes(bytes(4000)),
    "half a png": partial(png_cut, keep=1500),
    "head of a png": partial(png_cut, keep=30),
    "jpeg without a head": flipped,
    "macOS companion": lambda path: path.write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X" + bytes(60)),
    "real, nan": partial(real, value=np.nan),
    "real, infinite": partial(real, value=np.inf),
    "real, negative": partial(real, value=-1.0),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_photograph_is_named(tmp_path, case):
    path = tmp_path / "photo.jpg"
    BROKEN[case](path)
    with pytest.raises((ValueError, FileNotFoundError), match=r"photo\.jpg: "):
        read_photo(path)


@pytest.mark.parametrize("case", BROKEN)
def test_predict_says_so_in_one_line(tmp_path, run, refused, case):
    path = tmp_path / "photo.jpg"
    BROKEN[case](path)
    assert "photo.jpg: " in refused("predict", run, path) or case == "a folder"
    assert not list(tmp_path.glob("*.png"))


def test_no_interpreter_is_started(tmp_path, monkeypatch):
    path = tmp_path / "holiday.jpg"
    path.write_bytes(POSTSCRIPT)
    monkeypatch.setattr(subprocess, "check_call", lambda *a, **k: pytest.fail("started"))
    monkeypatch.setattr(subprocess, "Popen", lambda *a, **k: pytest.fail("started"))
    with pytest.raises(ValueError, match=r"cannot be read as an image"):
        open_image(path)


ODD = {
    "grey": (lambda path: Image.fromarray(GREY).save(path, "PNG"), three(GREY)),
    "grey and alpha": (lambda path: Image.fromarray(GREY).convert("LA").save(path, "PNG"), three(GREY)),
    "colour and alpha": (lambda path: Image.fromarray(RGB).convert("RGBA").save(path, "PNG"), RGB),
    "bmp named jpg": (lambda path: Image.fromarray(RGB).save(path, "BMP"), RGB),
    "tiff named jpg": (lambda path: Image.fromarray(RGB).save(path, "TIFF"), RGB),
    "webp named jpg": (lambda path: Image.fromarray(RGB).save(path, "WEBP", lossless=True), RGB),
    "16 bits": (lambda path: Image.fromarray(257 * GREY.astype(np.uint16)).save(path, "PNG"), three(GREY)),
    "32 bits, to 255": (lambda path: Image.fromarray(GREY.astype(np.int32)).save(path, "TIFF"), three(GREY)),
    "32 bits, to 65535": (
        lambda path: Image.fromarray(257 * GREY.astype(np.int32)).save(path, "TIFF"), three(GREY),
    ),
    "real, to 1": (lambda path: Image.fromarray(GREY / np.float32(255)).save(path, "TIFF"), three(GREY)),
    "real, to 255": (lambda path: Image.fromarray(GREY.astype(np.float32)).save(path, "TIFF"), three(GREY)),
    "one pixel": (lambda path: Image.fromarray(RGB[:1, :1]).save(path, "PNG"), RGB[:1, :1]),
    "black and white": (
        lambda path: Image.fromarray(GREY > 99).save(path, "PNG"), three(255 * (GREY > 99)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_an_odd_photograph_is_read_as_it_looks(tmp_path, case):
    write, expected = ODD[case]
    write(tmp_path / "photo.jpg")
    found = read_pixels(tmp_path / "photo.jpg").permute(1, 2, 0).numpy()
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_turn_that_labels_would_not_follow_is_refused(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    Image.fromarray(RGB).save(tmp_path / "photo.jpg", exif=exif)
    assert read_photo(tmp_path / "photo.jpg").shape == (3, 30, 40)
    with pytest.raises(ValueError, match="to be turned"):
        read_photo(tmp_path / "photo.jpg", turn=False)


def test_the_photograph_itself_is_never_overwritten(tmp_path, run, refused):
    jpeg(tmp_path / "mine.png")
    before = (tmp_path / "mine.png").read_bytes()
    assert "the photograph itself" in refused("predict", run, tmp_path / "mine.png", "--out", tmp_path / "mine.png")
    (tmp_path / "link.png").symlink_to(tmp_path / "mine.png")
    assert "the photograph itself" in refused("predict", run, tmp_path / "mine.png", "--out", tmp_path / "link.png")
    assert (tmp_path / "mine.png").read_bytes() == before


@pytest.mark.parametrize(
    "name", ["a" * 250 + ".jpg", "ä ö.jpg", "a'b\"c.jpg", b"\xff\xfe.jpg".decode(errors="surrogateescape")]
)
def test_any_name_that_the_disk_takes_is_predicted(tmp_path, run, name):
    jpeg(tmp_path / name)
    picture = tmp_path / "out" / "deep" / "picture.png"
    assert call("predict", run, tmp_path / name, "--out", picture) == 0
    assert read_pixels(picture).shape == (3, 30, 40)


@pytest.mark.parametrize("name", ["a.jpg.txt", "a", "a.gif", "a.exe"])
def test_an_ending_that_is_none_is_refused(tmp_path, name):
    with pytest.raises(ValueError, match="ending"):
        write_picture(tmp_path / name, torch.zeros(3, 2, 2))
    assert not list(tmp_path.iterdir())


def test_a_folder_is_predicted_and_what_is_broken_is_named(tmp_path, run, capfd):
    photos = tmp_path / "holidays"
    photos.mkdir()
    for name in ("a.jpg", "b.jpg", "._a.jpg"):
        jpeg(photos / name)
    (photos / "c.jpg").write_text("no")
    assert call("predict", run, photos) == 2
    assert sorted(path.name for path in (tmp_path / "holidays-segmentation").iterdir()) == ["a.png", "b.png"]
    error = capfd.readouterr().err
    assert "c.jpg: cannot be read as an image" in error
    assert "found 1 photographs that could not be predicted" in error


MEASURE = """
import resource, sys
from pixelnet_edu import cli
try:
    cli.main()
finally:
    print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


def test_a_large_photograph_is_predicted_in_bounded_memory(tmp_path, run):
    """40 megapixels: as real numbers they alone would be half a gigabyte, and their outputs ten times as much."""
    Image.new("RGB", (8000, 5000), "tan").save(tmp_path / "large.jpg")
    command = [sys.executable, "-c", MEASURE, "predict", run, tmp_path / "large.jpg"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert int(done.stdout.split("peak ")[1]) < 1600
