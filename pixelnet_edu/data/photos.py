"""Reading and writing photographs: any size, greyscale or colour, with alpha, turned by EXIF."""

import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

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
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        Image.fromarray(array).save(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
