"""The book's colours: one palette that colour-blind readers can tell apart, for figures and explorers alike.

Source: the eight colours of Okabe and Ito (Color Universal Design), which differ in lightness as well as in hue.
"""

import re
from collections.abc import Iterable

_NAMES = ("black", "orange", "sky", "green", "yellow", "blue", "vermilion", "pink")
_CODES = ("#000000", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
OKABE_ITO = dict(zip(_NAMES, _CODES, strict=True))
PALETTE = {
    "ink": "#22272e",
    "muted": "#5b6470",
    "line": "#d5d9de",
    "ours": OKABE_ITO["blue"],
    "paper": OKABE_ITO["orange"],
    "exact": "#22272e",
    "uniform": OKABE_ITO["orange"],
    "stratified": OKABE_ITO["blue"],
    "sampled": OKABE_ITO["sky"],
    "missed": OKABE_ITO["vermilion"],
    "void": "#8c8c8c",
}
STRATA = (OKABE_ITO["yellow"], OKABE_ITO["blue"], OKABE_ITO["pink"])


def hex_colors(palette: Iterable, count: int) -> list[str]:
    """Return the first ``count`` colours as ``"#rrggbb"``.

    Parameters
    ----------
    palette : sequence
        Each colour such a string, or three 8-bit numbers (red, green, blue), as in a task's palette.
    count : int
        The number of classes.

    Raises
    ------
    ValueError
        If there are too few colours, or one can't be read.

    Examples
    --------
    >>> hex_colors(["#CC79A7", (255, 128, 0)], 2)
    ['#cc79a7', '#ff8000']
    """
    colors = [_hex_color(color) for color in palette]
    if len(colors) < count:
        raise ValueError(f"palette: found {len(colors)} colours, expected one for each of {count} classes")
    return colors[:count]


def _hex_color(color: str | Iterable) -> str:
    if isinstance(color, str):
        if not re.fullmatch("#[0-9a-fA-F]{6}", color):
            raise ValueError(f"palette: found {color!r}, expected a colour like '#cc79a7'")
        return color.lower()
    parts = [float(part) for part in color]
    if len(parts) != 3 or not all(part in range(256) for part in parts):
        raise ValueError(f"palette: found {parts}, expected three whole numbers from 0 to 255")
    return "#" + "".join(f"{int(part):02x}" for part in parts)
