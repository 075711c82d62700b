"""Reading photographs, label images and lists, and writing pictures: whole, or not at all.

A photograph may have any size, grey or colour, alpha, a turn by EXIF. A label image has one class index at every pixel,
255 for void.

Shapes: H x W pixels, K classes.
"""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from scipy.io import loadmat
from torch import Tensor

from pixelnet_edu import VOID

GAP = 4  # white pixels between the tiles of a picture
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def unexpected(where: object, found: str, expected: str, remedy: str = "take the original file") -> ValueError:
    """Make the error, in one line, for something that is not as it should be.

    Examples
    --------
    >>> raise unexpected("a.png", "2 channels", "one")
    Traceback (most recent call last):
    ValueError: a.png: found 2 channels, expected one; take the original file
    """
    return ValueError(f"{where}: found {found}, expected {expected}; {remedy}")


def read_photo(path: str | Path) -> Tensor:
    """Read a photograph as RGB in [0, 1], (3, H, W), upright.

    Greyscale becomes three equal channels, 16 bits a channel are scaled, transparent pixels lie on white.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no image that can be read.
    """
    image = ImageOps.exif_transpose(open_image(path))
    if image.mode.startswith("I") or image.mode == "F":
        grey = np.asarray(image, dtype=np.float32)
        white = max(1.0 if image.mode == "F" else 65535.0, float(grey.max()))
        return torch.from_numpy(grey / white).clamp(0, 1).expand(3, -1, -1).clone()
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255


def open_image(path: str | Path) -> Image.Image:
    """Open and decode an image file; one clear error for a missing or broken one."""
    path = existing(Path(path), f"an image ({', '.join(SUFFIXES)})", "file")
    try:
        image = Image.open(path)
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: cannot be read as an image ({error}); replace the file") from error
    return image


def write_picture(path: str | Path, picture: Tensor) -> None:
    """Write RGB (3, H, W) in [0, 1] to an image file, whole or not at all.

    Raises
    ------
    ValueError
        If the file's ending is no image format.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: found ending {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    array = (picture.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    write_whole(path, Image.fromarray(array).save)


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
    temporary = path.with_name(f".{uuid4().hex}-{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)  # leaves a file
        temporary.unlink(missing_ok=True)


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


def read_labels(path: Path, size: tuple[int, int], num_classes: int, void: int = VOID) -> Tensor:
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
    labels = torch.from_numpy(np.array(image).astype(np.int64))
    return check_labels(path, labels, size, num_classes, void)


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


def read_mat(path: Path, variable: str) -> np.ndarray:
    """Read one variable of a MATLAB file (version 7 or older); one clear error for a missing or broken one."""
    existing(path, f"a .mat file with the variable {variable!r}", "file")
    try:
        return loadmat(path, variable_names=[variable])[variable]
    except Exception as error:  # scipy raises many kinds for a damaged file
        expected = f"a MATLAB file (version 7 or older) with the variable {variable!r} ({type(error).__name__})"
        raise ValueError(f"{path}: cannot be read as {expected}; take the original file") from error


def check_name(argument: str, value: str, known: Iterable[str]) -> None:
    """Raise ValueError unless a value is one of the known names.

    Examples
    --------
    >>> check_name("split", "val", ("train", "test"))
    Traceback (most recent call last):
    ValueError: split: found 'val', expected one of train, test
    """
    if value not in (names := list(known)):
        raise ValueError(f"{argument}: found {value!r}, expected one of {', '.join(names)}")


def list_photos(folder: Path, expected: str) -> list[Path]:
    """List the photographs of a folder by name.

    Raises
    ------
    FileNotFoundError
        If there is no such folder, which says what is expected.
    ValueError
        If there is none in it.
    """
    photos = sorted(path for path in existing(folder, expected).iterdir() if path.suffix.lower() in SUFFIXES)
    if not photos:
        raise ValueError(f"{folder}: found no photographs, expected {', '.join(SUFFIXES)}")
    return photos


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
        If it lists nothing.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: missing, expected the list of a split, one name a line")
    names = [line.split()[0] for line in path.read_text().splitlines() if line.strip()]
    if not names:
        raise unexpected(path, "no names", "at least one")
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
