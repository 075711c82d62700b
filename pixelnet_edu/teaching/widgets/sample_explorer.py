"""Stratified sampling by hand: draw pixels and count how often a class is missed.

Shapes: H x W pixels, K classes.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from pixelnet_edu.teaching.palette import hex_colors

from ._encode import VOID, Pixels, class_names, index_bytes, to_array
from ._explorer import PictureExplorer, source


class SampleExplorer(PictureExplorer):
    """A label map to draw pixels from: uniform, stratified in proportion or equally, or in fixed counts.

    A table sets how often each class was missed so far beside the exact (hypergeometric) probability.

    Parameters
    ----------
    labels : Tensor or array (H, W)
        Class indices below K; 255 is void and never drawn.
    names : sequence of str
        The names of the K classes.
    palette : sequence of colours
        A colour for each class: "#rrggbb" or three 8-bit numbers.
    counts : sequence of int
        How many pixels of each class the fixed sample takes.

    Raises
    ------
    ValueError
        If a label is out of range, or a class has fewer pixels than its fixed count.

    Examples
    --------
    >>> labels = [[0] * 20, [0] * 15 + [1] * 5, [1] * 14 + [2] * 6]
    >>> SampleExplorer(labels, ["yellow", "blue", "pink"], ["#f0e442", "#0072b2", "#cc79a7"])
    SampleExplorer(20 x 3 pixels)
    """

    _esm, _css = source("sample_explorer.js"), source("sample_explorer.css")

    def __init__(self, labels: Pixels, names: Sequence, palette: Iterable, counts: Sequence[int] = (10, 5, 2)) -> None:
        array = to_array(labels, "labels", (None, None))
        names = class_names(names, "names")
        encoded = index_bytes(array, "labels", len(names))
        if (array == VOID).all():
            raise ValueError(f"labels: found only {VOID} (void), expected at least one pixel of a class")
        colors, counts = hex_colors(palette, len(names)), _checked_counts(counts, array, names)
        super().__init__(size=list(array.shape), labels=encoded, names=names, palette=colors, counts=counts)


def _checked_counts(counts: Sequence[int], array: np.ndarray, names: list[str]) -> list[int]:
    """Return one count for each class, none of them beyond the class's pixels."""
    counts = [int(count) for count in counts]
    if len(counts) != len(names):
        raise ValueError(f"counts: found {len(counts)}, expected one for each of {len(names)} classes")
    for index, (count, name) in enumerate(zip(counts, names, strict=True)):
        size = int((array == index).sum())
        if not 0 <= count <= size:
            raise ValueError(f"counts: found {count} for {name!r}, expected 0 to {size}, the class's pixels")
    return counts
