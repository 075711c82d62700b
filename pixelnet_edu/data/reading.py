"""Reading photographs, label images and lists, and writing pictures: whole, or not at all.

A photograph may have any size, grey or colour, alpha, a turn by EXIF. A label image has one class index at every pixel,
255 for void.

Shapes: H x W pixels, K classes.
"""

import json
import os
import re
import shutil
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch
import torch.nn.functional as F
from PIL import ExifTags, Image, ImageOps
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.checks import unexpected

LITTLE = 64 << 20  # bytes; with less than this left, a failure to write is put down to a full disk
GAP = 4  # white pixels between the tiles of a picture
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")


def read_photo(path: str | Path, turn: bool = True) -> Tensor:
    """Read a photograph as RGB in [0, 1], (3, H, W), upright, as :func:`read_pixels` does.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        As there.
    """
    return read_pixels(path, turn).float() / 255


def read_pixels(path: str | Path, turn: bool = True) -> Tensor:
    """Read a photograph as RGB of 8 bits, (3, H, W) uint8, upright.

    Greyscale becomes three equal channels, more bits are scaled, transparent pixels lie on white. Of numbers of 32 bits
    the largest tells where white is: at 1 (real ones), 255 or 65535, or itself.

    Parameters
    ----------
    path : path
    turn : bool
        Whether to turn it as its EXIF entry says; else such a photograph is an error: its labels would not turn.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no image that can be read, or has numbers that are negative or not finite.
    """
    image = open_image(path)
    if not turn and image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        cure = "turn the pixels themselves, and remove the entry"
        raise unexpected(path, "a photograph to be turned (EXIF)", "an upright one, as its labels are", cure)
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I") or image.mode == "F":
        image = Image.fromarray(_to_bytes(path, image))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return torch.from_numpy(np.array(image if image.mode == "RGB" else image.convert("RGB"))).permute(2, 0, 1)


def _to_bytes(path: str | Path, image: Image.Image) -> np.ndarray:
    """Scale a grey image of more than 8 bits to 8 bits, (H, W) uint8."""
    grey = np.asarray(image, dtype=np.float32)
    low, high = float(grey.min()), float(grey.max())
    if not 0 <= low <= high < np.inf:
        raise unexpected(path, f"grey values from {low:g} to {high:g}", "finite ones from 0 on", "save it as 8 bits")
    whites = {"F": (1, 255, 65535), "I": (255, 65535)}.get(image.mode, (65535,))
    white = next((white for white in whites if high <= white), high)
    return np.round(255 / white * grey).astype(np.uint8)


def open_image(path: str | Path) -> Image.Image:
    """Open and decode an image file of one of the formats of ``SUFFIXES``; one clear error for a broken one."""
    path = existing(Path(path), f"an image ({', '.join(SUFFIXES)})", "file")
    try:
        with warnings.catch_warnings(action="ignore"):  # of large pictures, and of odd metadata
            image = Image.open(path, formats=FORMATS)  # and no other: some would start an interpreter
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: cannot be read as an image ({error}); replace the file") from error
    return image


def write_picture(path: str | Path, picture: Tensor) -> None:
    """Write RGB (3, H, W), uint8 or in [0, 1], to an image file, whole or not at all.

    Raises
    ------
    ValueError
        If the file's ending is no image format.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: found ending {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if picture.dtype != torch.uint8:
        picture = (picture.clamp(0, 1) * 255).round().byte()
    write_whole(path, Image.fromarray(picture.permute(1, 2, 0).cpu().numpy()).save)


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write(temporary)`` make a file or a folder beside the path, then give it its name: whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_whole(path, lambda temporary: temporary.write_text("whole"))
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('whole', 1)
    """
    temporary = path.with_name(f".{uuid4().hex[:12]}-{path.name[-200:]}")
    try:
        write(temporary)
        _to_disk(temporary)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # leaves a file
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path, seconds: float = 0) -> None:
    """Remove what `write_whole` left in a folder when its process was killed, unless it is newer than that."""
    for path in folder.glob(".*-*"):
        if re.match(r"\.[0-9a-f]{12}-", path.name) and time.time() - path.stat().st_mtime >= seconds:
            shutil.rmtree(path, ignore_errors=True)  # leaves a file
            path.unlink(missing_ok=True)


def _to_disk(path: Path) -> None:
    """Wait until a file, or every file of a folder, is on the disk: a name must not outlive its contents."""
    for file in path.iterdir() if path.is_dir() else [path]:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())


def read_json(path: Path, fields: Iterable[str], what: str, cure: str) -> dict:
    """Read an object of JSON that has these fields; ValueError, "found no whole" what it should be, for others."""
    try:
        content = json.loads(path.read_text("utf-8"))
        if missing := set(fields) - content.keys():
            raise ValueError(f"no {min(missing)}")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path}: found no whole {what} ({error}); {cure}") from error
    return content


@contextmanager
def explain_full_disk(folder: Path) -> Iterator[None]:
    """Turn what libraries say when there is no room into one line."""
    try:
        yield
    except Exception as error:
        full = getattr(error, "errno", None) in (ENOSPC, EDQUOT) or "No space left" in str(error)
        if not full and (isinstance(error, ValueError) or shutil.disk_usage(folder).free > LITTLE):
            raise
        raise OSError(f"{folder}: the disk is full ({error}); make room, then run the same command again") from error


def check_room(path: Path, needed: int) -> None:
    """Raise ValueError unless the disk that a path is on has room for so many bytes."""
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        raise unexpected(
            path, f"room for {free >> 20} MB", f"{(needed >> 20) + 1} MB", "make room, or choose another disk"
        )


def tile(pictures: list[Tensor], dim: int) -> Tensor:
    """Join pictures (3, H, W) along a dimension with a white gap; smaller ones get white on the right and below.

    Examples
    --------
    >>> tile([torch.zeros(3, 4, 6), torch.zeros(3, 5, 8)], dim=2).shape
    torch.Size([3, 5, 18])
    """
    across = max(picture.shape[3 - dim] for picture in pictures)
    joined = []
    for picture in pictures:
        missing = across - picture.shape[3 - dim]
        padding = (0, 0, 0, missing) if dim == 2 else (0, missing, 0, 0)
        padded = F.pad(picture, padding, value=1.0)
        joined += [torch.ones_like(padded).narrow(dim, 0, min(GAP, padded.shape[dim])), padded]
    return torch.cat(joined[1:], dim)


def read_labels(
    path: Path, size: tuple[int, int], num_classes: int, void: int = VOID, palette: Tensor | None = None
) -> Tensor:
    """Read a label image as (H, W) int64 with 255 for void.

    Parameters
    ----------
    path : Path
        An image of one channel, or a palette image, stored without loss.
    size : (int, int)
        Height and width of the photograph.
    num_classes : int
        Classes 0 to ``num_classes - 1``.
    void : int
        The value that stands for void in the file.
    palette : Tensor (256, 3), optional
        The colour of each index, where a palette image has to have those: other ones were given by an editor that saved
        the picture again, and its indices with them.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For a broken file, colours or lossy compression instead of class indices, another size than the photograph's, or
        a class out of range.
    """
    image = open_image(path)
    if image.format == "JPEG" or len(image.getbands()) > 1:
        found = f"{image.format} with channels {''.join(image.getbands())}"
        raise unexpected(path, found, "one class index a pixel in a PNG (palette or grey)")
    labels = whole_labels(path, np.array(image))
    if palette is not None and image.mode == "P":
        _check_palette(path, image, palette)
    return check_labels(path, labels, size, num_classes, void)


def _check_palette(path: Path, image: Image.Image, palette: Tensor) -> None:
    """Raise ValueError where the colour that an index has in the file is not its own."""
    colors = np.array(image.getpalette("RGB")).reshape(-1, 3)
    for index in np.unique(np.array(image)):
        if colors[index].tolist() != palette[index].tolist():
            found = f"colour {colors[index].tolist()} for index {index}"
            raise unexpected(path, found, f"{palette[index].tolist()}; an editor has numbered the classes anew")


def whole_labels(path: Path, labels: np.ndarray) -> Tensor:
    """Return an array as int64; ValueError if it holds anything but whole numbers."""
    kind = labels.dtype.kind
    if kind not in "buif" or (kind == "f" and not (np.isfinite(labels) & (labels == np.round(labels))).all()):
        raise unexpected(path, f"labels of {labels.dtype} that are no whole numbers", "one class index a pixel")
    return torch.from_numpy(labels.astype(np.int64))


def check_labels(path: Path, labels: Tensor, size: tuple[int, int], num_classes: int, void: int = VOID) -> Tensor:
    """Return labels (H, W) int64 with 255 for void, as ``read_labels`` does, from an array that is read already."""
    check_size(path, "labels", labels, size)
    labels = labels.masked_fill(labels == void, VOID)
    wrong = labels[(labels != VOID) & ((labels < 0) | (labels >= num_classes))]
    if len(wrong):
        allowed = f"0 to {num_classes - 1}, or {void} for void"
        raise unexpected(path, f"class {int(wrong[0])} at {len(wrong)} pixels", allowed)
    return labels


def check_size(path: Path, what: str, array: Tensor | np.ndarray, size: tuple[int, int]) -> None:
    """Raise ValueError unless what was read beside a photograph is as large, its last axes (height, width)."""
    if tuple(array.shape[-2:]) != size:
        found = f"{what} of shape {tuple(array.shape)}"
        raise unexpected(path, found, f"{size} (height, width) as the photograph has", "take both from one release")


def list_photos(folder: Path, expected: str) -> list[Path]:
    """List the photographs of a folder by name, but for hidden files, such as macOS leaves beside each.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, which says what is expected.
    ValueError
        If there is none in it, or two of one name.
    """
    files = sorted(existing(folder, expected).iterdir())
    photos = [path for path in files if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    if not photos:
        raise ValueError(f"{folder}: found no photographs, expected {', '.join(SUFFIXES)}")
    if twice := repeated(path.stem for path in photos):
        raise unexpected(folder, f"two photographs of the name {twice}", "each name once", "remove one")
    return photos


def repeated(names: Iterable) -> object | None:
    """Return the first name that occurs twice, or None.

    Examples
    --------
    >>> repeated(["a", "b", "a"])
    'a'
    """
    return next((name for name, number in Counter(names).items() if number > 1), None)


def existing(path: Path, expected: str, kind: str = "folder") -> Path:
    """Return a path; raise FileNotFoundError, which says what is expected, where no "folder" or "file" is."""
    if not (path.is_dir() if kind == "folder" else path.is_file()):
        raise FileNotFoundError(f"{path}: no such {kind}; expected {expected}")
    return path


def require(paths: Iterable[Path], what: str) -> None:
    """Raise FileNotFoundError if one of the paths is no file, naming the first and counting the others.

    Examples
    --------
    >>> require([Path("nowhere/a.png"), Path("nowhere/b.png")], "one label image for each photograph")
    Traceback (most recent call last):
    FileNotFoundError: nowhere/a.png: missing, one of 2; expected one label image for each photograph
    """
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]}: missing, one of {len(missing)}; expected {what}")


def read_names(path: Path) -> list[str]:
    """Read the list of a split, one name a line.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no UTF-8, lists nothing, or a name twice.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing, expected the list of a split, one name a line")
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise unexpected(
            path, f"bytes that are no UTF-8 ({error.reason})", "a list of names", "save it as UTF-8"
        ) from error
    names = [line.split()[0] for line in lines if line.strip()]
    if not names:
        raise unexpected(path, "no names", "at least one")
    if twice := repeated(names):
        raise unexpected(path, f"{twice} twice", "each name once")
    return names


def color_map(number: int) -> Tensor:
    """Return the colour map of PASCAL VOC, (number, 3) uint8: the bits of an index spread over the three channels.

    Source: VOC development kit (Everingham et al., IJCV 2010).

    Examples
    --------
    >>> color_map(16)[15].tolist()
    [192, 128, 128]
    """
    index = torch.arange(number)
    channels = [sum(((index >> (3 * bit + c)) & 1) << (7 - bit) for bit in range(3)) for c in range(3)]
    return torch.stack(channels, 1).to(torch.uint8)
