"""Pictures and label maps as the short strings that an explorer keeps in the notebook.

Shapes: H x W pixels.
"""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image
from torch import Tensor

from pixelnet_edu import VOID

_PNG_LIMIT = 64_000

Pixels = Tensor | ArrayLike


def to_array(value: Pixels, name: str, shape: Sequence[int | None]) -> np.ndarray:
    """Return ``value`` as an array after a check of its shape.

    Parameters
    ----------
    value : Tensor, array or nested sequence
        Numbers on any device.
    name : str
        The argument's name, for the error.
    shape : sequence of (int or None)
        The expected shape; None stands for any size of at least 1.

    Raises
    ------
    ValueError
        If the shape differs.

    Examples
    --------
    >>> to_array([[1, 2], [3, 4]], "labels", (None, 2)).shape
    (2, 2)
    """
    array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    sides = zip(array.shape, shape, strict=False)
    if array.ndim != len(shape) or not all(found == size or (size is None and found > 0) for found, size in sides):
        expected = "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
        raise ValueError(f"{name}: found shape {array.shape}, expected {expected}; pass one picture, no batch")
    return array


def picture_url(image: Pixels, name: str = "image") -> str:
    """Return a (3, H, W) picture in [0, 1] as a data URL: PNG, or JPEG where PNG would weigh over 64 kB.

    Examples
    --------
    >>> picture_url(np.zeros((3, 2, 2)))[:22]
    'data:image/png;base64,'
    """
    array = to_array(image, name, (3, None, None)).astype(np.float64)
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 1):
        raise ValueError(f"{name}: found values from {low:g} to {high:g}, expected [0, 1]; divide 8-bit values by 255")
    picture = Image.fromarray((array.transpose(1, 2, 0) * 255).round().astype(np.uint8))
    data, kind = _file_bytes(picture, "png", optimize=True), "png"
    if len(data) > _PNG_LIMIT:
        data, kind = _file_bytes(picture, "jpeg", quality=88), "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _file_bytes(picture: Image.Image, format: str, **options: int) -> bytes:
    """Return what a file of that format would hold."""
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def index_bytes(values: Pixels, name: str, count: int, shape: Sequence[int | None] = (None, None)) -> str:
    """Return an (H, W) map of indices below ``count`` (or 255, void) as base64 of one byte a pixel.

    Examples
    --------
    >>> index_bytes([[0, 1], [2, 255]], "labels", 3)
    'AAEC/w=='
    """
    array = to_array(values, name, shape)
    allowed = ((array >= 0) & (array < count) & (array == np.floor(array))) | (array == VOID)
    if not allowed.all():
        wrong = array[~allowed].flat[0].item()
        raise ValueError(f"{name}: found {wrong}, expected whole numbers from 0 to {count - 1}, or {VOID} for void")
    return base64.b64encode(array.astype(np.uint8).tobytes()).decode()


def normal_bytes(normals: Pixels, name: str, shape: Sequence[int | None]) -> str:
    """Return (3, H, W) unit normals (or zeros) as base64 of signed bytes, 127 for length 1.

    Examples
    --------
    >>> normal_bytes([[[0.0]], [[0.0]], [[-1.0]]], "normals", (3, 1, 1))
    'AACB'
    """
    array = to_array(normals, name, shape).astype(np.float64)
    length = np.sqrt((array**2).sum(0))
    wrong = ~((length <= 1e-6) | (np.abs(length - 1) <= 1e-2))  # NaN is wrong too
    if wrong.any():
        found = length[wrong].flat[0]
        raise ValueError(f"{name}: found length {found:.3g}, expected 1, or 0 where the normal is unknown; normalise")
    return base64.b64encode((array * 127).round().astype(np.int8).tobytes()).decode()


def class_names(names: Sequence, name: str) -> list[str]:
    """Return the names as a list of strings, and refuse a single string or none at all.

    Examples
    --------
    >>> class_names(("floor", "wall"), "classes")
    ['floor', 'wall']
    """
    if isinstance(names, str) or len(names) == 0:
        raise ValueError(f"{name}: found {names!r}, expected a list of at least one name; put a single name in a list")
    return [str(entry) for entry in names]
