"""Reading and writing photographs: any size, greyscale or colour, with alpha, turned by EXIF."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

GAP = 4  # white pixels between the tiles of a picture
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


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
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; expected an image ({', '.join(SUFFIXES)})")
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
    """Let ``write(temporary)`` make a file beside the path, then give it its name: whole or not at all.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.txt"
    >>> write_whole(path, lambda temporary: temporary.write_text("whole"))
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('whole', 1)
    """
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        write(temporary)
        os.replace(temporary, path)
    finally:
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
