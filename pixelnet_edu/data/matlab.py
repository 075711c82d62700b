"""MATLAB files of versions 5 to 7: read with SciPy, once every tag in them is one that the format has.

SciPy's reader looks a type up in a table without asking whether the table has it: one changed byte can end the process,
and a hostile file may do worse. So the tags are walked through first, and it sees what was walked through.
Source: the MAT-file format of MathWorks, level 5: a header of 128 bytes, then elements, each a tag (type, bytes) with
its data; those of a matrix are flags, size, name and data, or more matrices.
"""

import math
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from pixelnet_edu.data.reading import existing

_HEADER, _TAG = 128, 8  # bytes
_MATRIX, _COMPRESSED, _FLAGS = 14, 15, 6  # types of elements
_NUMBERS = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18}
_CELL, _STRUCT, _TEXT = 1, 2, 4
_CLASSES = {_CELL, _STRUCT, _TEXT, *range(6, 16)}  # 6 to 15 are numbers; neither sparse ones, nor objects or functions
_DEEPEST = 8
_LARGEST = 1 << 28  # bytes that a compressed matrix may become


def read_mat(path: Path, variable: str) -> np.ndarray:
    """Read one variable of a MATLAB file (version 5 to 7).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, of another version, or has no such variable.
    """
    existing(path, f"a .mat file with the variable {variable!r}", "file")
    try:
        return loadmat(BytesIO(_checked(path.read_bytes())), variable_names=[variable])[variable]
    except Exception as error:  # SciPy raises many kinds for a damaged file
        expected = f"a MATLAB file (version 5 to 7) with the variable {variable!r} ({type(error).__name__}: {error})"
        raise ValueError(f"{path}: cannot be read as {expected}; take the original file") from error


def _checked(content: bytes) -> bytes:
    """Return a file whose elements are whole matrices, not compressed; ValueError for one that is not."""
    order = {b"IM": "<", b"MI": ">"}.get(content[_HEADER - 2 : _HEADER])
    if order is None:
        raise ValueError("no header")
    matrices = []
    for kind, data in _elements(content[_HEADER:], order, padded=False):
        if kind == _COMPRESSED:
            inflater = zlib.decompressobj()
            ((kind, data),) = _elements(inflater.decompress(data, _LARGEST), order)
            if not inflater.eof:
                raise ValueError("a compressed matrix that is cut off or too large")
        if kind != _MATRIX:
            raise ValueError(f"type {kind} where a matrix should be")
        _check_matrix(data, order, 0)
        matrices += [struct.pack(f"{order}II", _MATRIX, len(data)), data]
    return content[:_HEADER] + b"".join(matrices)


def _check_matrix(data: bytes, order: str, depth: int) -> None:
    """Raise ValueError unless a matrix is of a known class and holds elements of known types, at every depth."""
    if depth > _DEEPEST:
        raise ValueError(f"matrices in matrices, more than {_DEEPEST} deep")
    for place, (kind, inner) in enumerate(_elements(data, order)):
        if place == 0:
            flags = struct.unpack(f"{order}II", inner) if (kind, len(inner)) == (_FLAGS, 8) else (0,)
            if flags[0] & 0xFF not in _CLASSES:
                raise ValueError(f"a matrix of class {flags[0] & 0xFF}")
        elif place == 1:
            _check_size(inner, order, len(data))
        elif kind == _MATRIX:
            _check_matrix(inner, order, depth + 1)
        elif kind not in _NUMBERS:
            raise ValueError(f"type {kind} in a matrix")


def _check_size(sides: bytes, order: str, most: int) -> None:
    """Raise ValueError for a matrix with more entries than bytes, which would fill the memory."""
    entries = math.prod(struct.unpack(f"{order}{len(sides) // 4}i", sides[: len(sides) // 4 * 4]))
    if not 0 <= entries <= most:
        raise ValueError(f"a matrix of {entries} entries in {most} bytes")


def _elements(data: bytes, order: str, padded: bool = True) -> Iterator[tuple[int, bytes]]:
    """Yield type and data of one element after the other; those in a matrix begin at multiples of 8 bytes."""
    place = 0
    while place < len(data):
        if len(data) - place < _TAG:
            raise ValueError("a tag that is cut off")
        kind, size = struct.unpack_from(f"{order}II", data, place)
        start = place + _TAG
        if kind >> 16:  # a short element: its data lies in the tag
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        if start + size > len(data) or (start == place + 4 and size > 4):
            raise ValueError(f"{size} bytes of type {kind}, more than there are")
        yield kind, data[start : start + size]
        place = start + size
        place += -place % _TAG if padded or kind == _MATRIX else 0
