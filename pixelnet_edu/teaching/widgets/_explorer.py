"""What every explorer shares: one module and one style sheet from two files each, a repr, a size limit."""

from pathlib import Path

import anywidget
import traitlets

STATE_LIMIT = 150_000


def source(name: str) -> str:
    """Return the shared file and the explorer's own as one text.

    Examples
    --------
    >>> source("quiz.js").endswith("export default { render };\\n")
    True
    """
    own = Path(__file__).with_name(name)
    return "\n".join(path.read_text(encoding="utf-8") for path in (own.with_stem("base"), own))


class Explorer(anywidget.AnyWidget):
    """A widget whose whole logic runs in the browser, so that it works in a page without Python.

    What it is given by name is the state that the browser reads.

    Raises
    ------
    ValueError
        If the state that the notebook stores weighs more than 150 kB.
    """

    summary: str = ""

    def __init__(self, **state: object) -> None:
        self.add_traits(**{key: traitlets.Any().tag(sync=True) for key in state})
        super().__init__(**state)
        weight = sum(len(str(self.get_state(key))) for key in (*state, "_esm", "_css"))
        if weight > STATE_LIMIT:
            found = f"{type(self).__name__}: found {weight:,} bytes of state"
            raise ValueError(f"{found}, expected at most {STATE_LIMIT:,}; pass a smaller picture")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary})"


class PictureExplorer(Explorer):
    """An explorer that shows a picture of H x W pixels; ``size`` is [H, W]."""

    size: list[int]

    @property
    def summary(self) -> str:
        """The picture's width and height, for the repr."""
        height, width = self.size
        return f"{width} x {height} pixels"
