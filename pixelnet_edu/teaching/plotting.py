"""Every figure style of the book in one place: white, quiet, crisp pixels, colours that can be told apart.

A notebook calls `use_style()` once. Colours come ready from the tasks: a picture here is RGB in [0, 1]. Marks differ in
shape as well as in colour. End a notebook's line with ``;`` so that the returned axes are not printed too.

Shapes: H x W pixels, N points as (x, y), K classes.
"""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.checks import check_whole
from pixelnet_edu.teaching.palette import OKABE_ITO, PALETTE, hex_colors

WIDTH = 6.4  # inches, the width of the text column
_GAP = 0.12  # inches between pictures
_GROUPS = [OKABE_ITO[name] for name in ("blue", "orange", "green", "pink", "vermilion")]  # the style's cycle too


def use_style() -> None:
    """Make the book's look the default of matplotlib, once for a notebook.

    Examples
    --------
    >>> use_style()
    >>> plt.rcParams["axes.spines.top"]
    False
    """
    plt.style.use(Path(__file__).with_name("book.mplstyle"))


def show_images(pictures: Sequence[Tensor], titles: Sequence[str] = (), columns: int | None = None) -> Figure:
    """Show pictures in a row or a grid, without axes, each pixel as the same crisp square.

    Parameters
    ----------
    pictures : sequence of Tensor (3, H, W) or (H, W)
        RGB or grey in [0, 1], all of one size.
    titles : sequence of str, optional
        One for each picture.
    columns : int, optional
        Pictures in a row; all of them by default.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If the pictures differ in size, or their number and that of the titles.

    Examples
    --------
    >>> import torch
    >>> figure = show_images([torch.zeros(3, 8, 8), torch.ones(8, 8)], ["black", "white"])
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['black', 'white']
    """
    arrays = [_picture(picture) for picture in pictures]
    _check_pictures(arrays, titles)
    columns = len(arrays) if columns is None else check_whole("columns", columns, least=1)
    rows = math.ceil(len(arrays) / columns)
    height, width = arrays[0].shape[:2]
    unit, head = _inches_per_pixel(width, columns), 0.26 if titles else 0.0
    step_x, step_y = width * unit + _GAP, height * unit + head + _GAP
    size = (columns * step_x - _GAP, rows * step_y - _GAP)
    figure = plt.figure(figsize=size, layout="none")
    for index, array in enumerate(arrays):
        row, column = divmod(index, columns)
        box = np.array([column * step_x, size[1] - row * step_y - head - height * unit, width * unit, height * unit])
        axes = _draw_picture(figure.add_axes(tuple(box / (*size, *size))), array)
        axes.set_title(titles[index] if titles else "", loc="left", pad=4)
    return figure


def show_points(image: Tensor, points: Tensor, groups: Sequence | None = None, ax: Axes | None = None) -> Axes:
    """Mark points on an image; groups get a colour, a shape and a line of the legend each.

    Parameters
    ----------
    image : Tensor (3, H, W) or (H, W)
        In [0, 1].
    points : Tensor (N, 2)
        Pixel coordinates (x, y).
    groups : sequence of N names, optional
        The group of each point.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Raises
    ------
    ValueError
        If the points are not (N, 2), or there is not one group for each.

    Examples
    --------
    >>> import torch
    >>> axes = show_points(torch.zeros(3, 8, 8), torch.tensor([[1.0, 2.0], [3, 4], [5, 6]]), ["a", "b", "a"])
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['a (2)', 'b (1)']
    """
    array, places = _picture(image), _points(points)
    names = np.array([str(group) for group in (groups if groups is not None else [""] * len(places))])
    if len(names) != len(places):
        raise ValueError(f"groups: found {len(names)}, expected one for each of {len(places)} points")
    axes = _draw_picture(_new_axes(*array.shape[:2], ax), array)
    marks = itertools.cycle(zip(_GROUPS, "os^Dv", strict=True))
    for name, (color, marker) in zip(dict.fromkeys(names), marks, strict=False):
        _mark(axes, places[names == name], color, marker, f"{name} ({(names == name).sum()})")
    if groups is not None:
        _legend_below(axes, axes.get_legend_handles_labels()[0])
    return axes


def pixel_map(
    labels: Tensor, palette: Sequence, names: Sequence[str], sampled: Tensor | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a small label map as separate squares, mark the sampled pixels, and count both in the legend.

    Parameters
    ----------
    labels : Tensor (H, W)
        Class indices below K; 255 is void and grey.
    palette : sequence of K colours
        "#rrggbb" or three 8-bit numbers.
    names : sequence of K str
    sampled : Tensor (N, 2), optional
        Sampled pixels (x, y), drawn as black dots with a white rim.
    ax : Axes, optional
        Where to draw; a new figure by default.

    Raises
    ------
    ValueError
        For a label without a name, or a sampled pixel outside.

    Examples
    --------
    >>> import torch
    >>> labels = torch.tensor([[0, 0, 1], [0, 1, 1]])
    >>> axes = pixel_map(labels, ["#f0e442", "#0072b2"], ["yellow", "blue"], torch.tensor([[2, 1]]))
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['yellow: 0 of 3', 'blue: 1 of 3']
    """
    array = np.asarray(labels)
    if len(wrong := array[(array != VOID) & ((array < 0) | (array >= len(names)))]):
        raise ValueError(f"labels: found class {wrong[0]}, expected 0 to {len(names) - 1}, or {VOID} for void")
    colors = [*hex_colors(palette, len(names)), PALETTE["void"]]
    axes = _new_axes(*array.shape, ax)
    shown = np.where(array == VOID, len(names), array)
    axes.imshow(shown, cmap=ListedColormap(colors), vmin=-0.5, vmax=len(names) + 0.5)
    _draw_squares(axes, array.shape)
    axes.set_axis_off()
    texts = [f"{name}: {(array == index).sum():,}" for index, name in enumerate(names)]
    if sampled is not None:
        x, y = _points(sampled).astype(int).T
        if not ((x >= 0) & (x < array.shape[1]) & (y >= 0) & (y < array.shape[0])).all():
            raise ValueError(f"sampled: found a pixel outside of the map, expected x, y below {array.shape[::-1]}")
        area = max(0.55 * _points_per_pixel(axes, array.shape[1]), 3) ** 2
        axes.scatter(x, y, area, PALETTE["ink"], edgecolors="white", linewidths=1.2)
        hits = array[y, x]
        texts = [f"{name}: {(hits == k).sum()} of {(array == k).sum():,}" for k, name in enumerate(names)]
    _legend_below(axes, [Patch(color=color, label=text) for color, text in zip(colors, texts, strict=False)])
    return axes


def _picture(picture: Tensor) -> np.ndarray:
    """Turn a (3, H, W) or (H, W) picture into the (H, W, 3) that matplotlib draws."""
    array = np.asarray(picture.detach().cpu(), float)
    if array.ndim == 2:
        array = np.stack([array] * 3)
    if array.ndim != 3 or array.shape[0] != 3 or not array.size:
        raise ValueError(f"picture: found shape {tuple(picture.shape)}, expected (3, H, W) or (H, W), one picture")
    if not (array.min() >= 0 and array.max() <= 1):
        raise ValueError(f"picture: found values from {array.min():g} to {array.max():g}, expected [0, 1]; clamp it")
    return array.transpose(1, 2, 0)


def _check_pictures(arrays: list[np.ndarray], titles: Sequence[str]) -> None:
    sizes = {array.shape[:2] for array in arrays}
    if len(sizes) != 1:
        raise ValueError(f"pictures: found sizes {sorted(sizes)}, expected at least one picture, all of one size")
    if titles and len(titles) != len(arrays):
        raise ValueError(f"titles: found {len(titles)}, expected one for each of {len(arrays)} pictures")


def _points(points: Tensor) -> np.ndarray:
    places = np.asarray(points.detach().cpu(), float)
    if places.ndim != 2 or places.shape[1] != 2:
        raise ValueError(f"points: found shape {places.shape}, expected (N, 2): (x, y) in each row, no batch")
    return places


def _inches_per_pixel(width: int, columns: int) -> float:
    """Give each picture pixel whole pixels of the figure where there is room; one picture takes half the width."""
    dots = plt.rcParams["figure.dpi"]
    exact = (WIDTH - _GAP * (columns - 1)) * dots / max(columns, 2) / width
    return (math.floor(exact) if exact >= 1 else exact) / dots


def _new_axes(height: int, width: int, ax: Axes | None) -> Axes:
    """Return `ax`, or axes in a new figure with room for a map of H x W pixels and a legend below."""
    if ax is not None:
        return ax
    tall = min(WIDTH * height / width, 4.2)
    return plt.subplots(figsize=(tall * width / height, tall + 0.4))[1]


def _draw_picture(axes: Axes, array: np.ndarray) -> Axes:
    """Draw crisp pixels, smooth only where the figure has fewer pixels than the picture; return the axes."""
    shrinks = axes.get_window_extent().width < array.shape[1]
    axes.imshow(array, interpolation="antialiased" if shrinks else "nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=PALETTE["line"], linewidth=0.6)
    return axes


def _draw_squares(axes: Axes, shape: tuple[int, int]) -> None:
    """Part the pixels of an image by thin white lines."""
    height, width = shape
    lines = {"color": "white", "linewidth": min(0.6, 0.05 * _points_per_pixel(axes, width))}
    axes.hlines(np.arange(1, height) - 0.5, -0.5, width - 0.5, **lines)
    axes.vlines(np.arange(1, width) - 0.5, -0.5, height - 0.5, **lines)


def _points_per_pixel(axes: Axes, columns: int) -> float:
    """Return how many points of 1/72 inch a pixel of the map is wide."""
    return 72 * axes.get_window_extent().width / axes.figure.dpi / columns


def _mark(axes: Axes, places: np.ndarray, color: str, marker: str, label: str) -> None:
    """Draw points with a white rim in a dark one, so that they are seen on any picture."""
    x, y = places.T
    axes.scatter(x, y, 46, "white", marker=marker, edgecolors=PALETTE["ink"], linewidths=0.6)
    axes.scatter(x, y, 22, color, marker=marker, label=label, linewidths=0)


def _legend_below(axes: Axes, handles: list) -> None:
    axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, 0), borderpad=0, ncols=len(handles),
                borderaxespad=0.3, handlelength=1.0, columnspacing=1.4)  # fmt: skip
