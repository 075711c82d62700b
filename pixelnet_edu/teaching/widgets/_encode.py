"""Pictures and label maps as the short strings that an explorer keeps in the notebook.

Shapes: H x W pixels.
"""

import base64
import io

import numpy as np
from PIL import Image

from pixelnet_edu import VOID

_PNG_LIMIT = 64_000


def to_array(value, name, shape):
    """Return `value` (a tensor or an array) as an array after a check of its shape.

    Parameters
    ----------
    value : torch.Tensor or numpy.ndarray or sequence
    name : str
        The argument's name, for the error.
    shape : tuple of (int or None)
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
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    fits = array.ndim == len(shape) and all(
        found == size or (size is None and found > 0) for found, size in zip(array.shape, shape, strict=False)
    )
    if not fits:
        expected = "(" + ", ".join("any" if size is None else str(size) for size in shape) + ")"
        raise ValueError(f"{name}: found shape {array.shape}, expected {expected}; pass one picture, no batch")
    return array


def picture_url(image, name="image"):
    """Return a (3, H, W) picture in [0, 1] as a data URL: PNG, or JPEG where PNG would weigh over 64 kB.

    Examples
    --------
    >>> picture_url(np.zeros((3, 2, 2)))[:22]
    'data:image/png;base64,'
    """
    array = to_array(image, name, (3, None, None)).astype(np.float64)
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(
            f"{name}: found values from {array.min():g} to {array.max():g}, expected [0, 1]; "
            "divide 8-bit pictures by 255"
        )
    picture = Image.fromarray((array.transpose(1, 2, 0) * 255).round().astype(np.uint8))
    data = _file_bytes(picture, format="PNG", optimize=True)
    if len(data) <= _PNG_LIMIT:
        return "data:image/png;base64," + base64.b64encode(data).decode()
    data = _file_bytes(picture, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def _file_bytes(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()


def index_bytes(values, name, count, shape=(None, None)):
    """Return an (H, W) map of indices below `count` (or 255, void) as base64 of one byte a pixel.

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


def normal_bytes(normals, name, shape):
    """Return (3, H, W) unit normals (or zeros) as base64 of signed bytes, 127 for length 1.

    Examples
    --------
    >>> normal_bytes([[[0.0]], [[0.0]], [[-1.0]]], "normals", (3, 1, 1))
    'AACB'
    """
    array = to_array(normals, name, shape).astype(np.float64)
    length = np.sqrt((array**2).sum(0))
    wrong = (length > 1e-6) & (np.abs(length - 1) > 1e-2)
    if wrong.any() or not np.isfinite(length).all():
        found = length[wrong | ~np.isfinite(length)].flat[0]
        raise ValueError(f"{name}: found length {found:.3g}, expected 1, or 0 where the normal is unknown; normalise")
    return base64.b64encode((array * 127).round().astype(np.int8).tobytes()).decode()


def class_names(names, name):
    """Return the names as a list of strings, and refuse a single string or none at all.

    Examples
    --------
    >>> class_names(("floor", "wall"), "classes")
    ['floor', 'wall']
    """
    if isinstance(names, str) or len(names) == 0:
        raise ValueError(f"{name}: found {names!r}, expected a list of at least one name")
    return [str(entry) for entry in names]
