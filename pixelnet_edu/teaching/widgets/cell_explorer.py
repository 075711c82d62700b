"""Sparse prediction by hand: the four cells of a level that share a point.

Shapes: H x W pixels.
"""

from collections.abc import Sequence
from typing import Any

from ._encode import Pixels, class_names, picture_url, to_array
from ._explorer import PictureExplorer, source


class CellExplorer(PictureExplorer):
    """An image with the cells of a level: move a point and read its four neighbours and their weights.

    The map of a level with stride s has floor(H/s) x floor(W/s) cells (at least one); cell j is centred on
    pixel s*j + o, and a point lands at t = (x - o)/s, clamped to the map.

    Parameters
    ----------
    image : Tensor or array (3, H, W)
        RGB in [0, 1].
    levels : sequence of Level
        Each with ``channels``, ``stride`` (pixels) and ``offset`` (pixels).
    names : sequence of str, optional
        What to call the levels; by default their own ``name``, or else "level 1", "level 2", ...

    Raises
    ------
    ValueError
        If there is no level, one with a stride below 1, or not one name for each level; for another shape of the image
        or values out of range; or if the state would be too large.

    Examples
    --------
    >>> import numpy as np
    >>> from pixelnet_edu.model.geometry import Level
    >>> levels = [Level(64, 1, 0.0, "conv1_2"), Level(128, 2, 0.5, "conv2_2")]
    >>> CellExplorer(np.zeros((3, 24, 32)), levels)
    CellExplorer(32 x 24 pixels)
    """

    _esm, _css = source("cell_explorer.js"), source("cell_explorer.css")

    def __init__(self, image: Pixels, levels: Sequence, names: Sequence[str] | None = None) -> None:
        levels = list(levels)
        if not levels:
            raise ValueError("levels: found none, expected at least one Level(channels, stride, offset)")
        own = [getattr(level, "name", "") or f"level {number}" for number, level in enumerate(levels, start=1)]
        names = class_names(names or own, "names")
        if len(names) != len(levels):
            raise ValueError(f"names: found {len(names)}, expected one for each of {len(levels)} levels")
        size = list(to_array(image, "image", (3, None, None)).shape[1:])
        states = [_state(level, name) for level, name in zip(levels, names, strict=True)]
        super().__init__(size=size, image=picture_url(image), levels=states)


def _state(level: Any, name: str) -> dict[str, str | int | float]:
    """Return the level as the browser reads it."""
    if not level.stride >= 1:
        raise ValueError(f"levels: found stride {level.stride} in {name}, expected at least 1")
    return {"name": name, "channels": int(level.channels), "stride": int(level.stride), "offset": float(level.offset)}
