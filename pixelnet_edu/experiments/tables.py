"""Tables and reports that are text in a terminal and HTML in a notebook."""

import textwrap
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH = 88  # characters of a printed line


class Table(NamedTuple):
    """Cells of text under headings; the first column names the row.

    Examples
    --------
    >>> table = Table(["arm", "mIoU"], [["uniform-4", "42.0 ± 5.0"], ["  paper", "44.6"]])
    >>> print(table)
    arm        | mIoU
    uniform-4  | 42.0 ± 5.0
      paper    | 44.6
    >>> table._repr_html_().count("<tr>")
    3
    """

    heads: Sequence[str]
    lines: Sequence[Sequence[str]]

    def __str__(self) -> str:
        widths = [max(map(len, column)) for column in zip(self.heads, *self.lines, strict=True)]
        line = " | ".join(f"{{:<{width}}}" for width in (widths[0] + 1, *widths[1:]))
        return "\n".join(line.format(*texts).rstrip() for texts in (self.heads, *self.lines))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        first, *others = map(escape, self.heads)
        heads = "".join(f'<th scope="col">{head}</th>' for head in (first, *others))
        rows = ""
        for name, *texts in self.lines:
            cells = (f'<td data-head="{h}">{escape(text)}</td>' for h, text in zip(others, texts, strict=True))
            rows += f'<tr><th scope="row">{escape(name)}</th>{"".join(cells)}</tr>'
        return f'<table class="report"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'


class Report(NamedTuple):
    """Sentences and tables, one below the other.

    Examples
    --------
    >>> print(Report(["Which?", Table(["arm", "mIoU"], [["one", "42.0"]])]))
    Which?
    <BLANKLINE>
    arm  | mIoU
    one  | 42.0
    """

    parts: Sequence[str | Table]

    def __str__(self) -> str:
        return "\n\n".join(str(p) if isinstance(p, Table) else textwrap.fill(p, WIDTH) for p in self.parts)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return "".join(p._repr_html_() if isinstance(p, Table) else f"<p>{escape(p)}</p>" for p in self.parts)
