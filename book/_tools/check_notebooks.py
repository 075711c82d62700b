"""Check what a stored chapter must be, beyond what comparing its outputs shows.

    python book/_tools/check_notebooks.py [NOTEBOOK ...]

One line for each finding: the notebook, the cell, what was found and what to do. The rules are explained for authors in
CONTRIBUTING.md. Without a path every chapter is checked, and whether the page of the objectives is up to date.
"""

import argparse
import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import lessons
import nbformat
import objectives
from chapters import chosen, shown
from lessons import Finding
from normal_form import WIDGET_STATE, dump

EXEMPT = "nbval-ignore-output"
MAX_BYTES = 1_500_000
MAX_LINES, MAX_QUIZ_LINES = 25, 40  # a quiz is a list of texts
MAX_EXEMPT = 0.15
MACHINE_PATH = re.compile(
    r"(?<![\w.:/])/(?:home|Users|root|tmp|work|mnt|private|var/folders|content|opt)/\w[^\s'\"]*|[A-Z]:\\Users\\"
)
FILE_NAME = re.compile(r"[\\/]|\.(png|svg|jpe?g|webp)$", re.IGNORECASE)


def check(path: Path) -> list[str]:
    """Return a line for each rule that a stored notebook breaks."""
    notebook = nbformat.read(path, as_version=4)
    cells = [(n, cell) for n, cell in enumerate(notebook.cells, start=1) if cell.cell_type == "code"]
    findings = [*_file(path, notebook), *_colab_cell(cells), *_exemptions(cells), *_widgets(notebook)]
    for number, cell in cells:
        findings += [(number, text) for text in (*_source(cell), *_outputs(cell), *_pictures(cell))]
    findings += [*_repeated_alts(cells), *lessons.findings(path, notebook)]
    return [f"{shown(path)}: {f'cell {n}: ' if n else ''}{text}" for n, text in sorted(findings)]


def _file(path: Path, notebook) -> Iterator[Finding]:
    """Size, normal form, and whether the notebook was executed at all."""
    content = path.read_bytes()
    if len(content) > MAX_BYTES:
        yield 0, f"weighs {len(content):,} bytes, expected at most {MAX_BYTES:,}: store smaller pictures or widgets"
    if content != dump(notebook):
        yield 0, "not in normal form: run `make notebooks`, or `make format` to keep the outputs"
    code = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    if not any(cell.outputs for cell in code):
        yield 0, "stored without outputs: run `make notebooks`"
    elif any(cell.execution_count is None for cell in code):
        yield 0, "some cells were not executed: run `make notebooks`"


def _colab_cell(cells: list) -> Iterator[Finding]:
    """The first code cell prepares Colab and does nothing elsewhere."""
    if not cells:
        yield 0, "no code cell; a page without code is a .md file"
        return
    number, cell = cells[0]
    if '"google.colab" in sys.modules' not in cell.source:
        yield number, 'the first code cell must be the one for Colab, with `if "google.colab" in sys.modules:`'
    for tag in {"remove-cell", EXEMPT} - _tags(cell):
        yield number, f"the cell for Colab lacks the tag {tag}"


def _exemptions(cells: list) -> Iterator[Finding]:
    """Few cells may print what differs from run to run, and an assertion follows each."""
    printing = [cell for _, cell in cells if cell.outputs]
    exempt = [cell for cell in printing if EXEMPT in _tags(cell)]
    if len(exempt) > MAX_EXEMPT * len(printing):
        yield 0, f"{len(exempt)} of {len(printing)} printing cells are exempt from comparison, expected at most 15 %"
    for (number, cell), following in zip(cells, [cell for _, cell in cells[1:]] + [None], strict=True):
        if (
            EXEMPT in _tags(cell)
            and cell.outputs
            and not (following and re.search(r"^\s*assert ", following.source, re.M))
        ):
            yield number, f"tagged {EXEMPT}, so the next code cell must assert what has to hold"


def _source(cell) -> Iterator[str]:
    """A cell is short, and is exempt from comparison only by the tag."""
    lines = sum(bool(line.strip()) for line in cell.source.splitlines())
    most = MAX_QUIZ_LINES if "Quiz(" in cell.source else MAX_LINES
    if lines > most:
        yield f"{lines} lines of code, expected at most {most}: move some into the package, with a test"
    if "NBVAL_" in cell.source or any(tag.startswith("nbval-") and tag != EXEMPT for tag in _tags(cell)):
        yield f"steers nbval by a comment or another tag; the only exemption is the tag {EXEMPT}"


def _outputs(cell) -> Iterator[str]:
    """No error, no warning, no path of the machine that ran the chapter."""
    for output in cell.outputs:
        if output.output_type == "error":
            yield f"the stored output is an error: {output.ename}: {output.evalue}"
        if output.get("name") == "stderr":
            yield f"prints to stderr: {output.text.strip().splitlines()[0]!r}"
    path = MACHINE_PATH.search("\n".join(_texts(cell)))
    if path:
        yield f"shows a path of one machine: {path.group()!r}"


def _texts(cell) -> Iterator[str]:
    """Every text that a cell shows, pictures that are text among them."""
    for output in cell.outputs:
        yield output.get("text", "")
        yield from (str(data) for kind, data in output.get("data", {}).items() if not kind.startswith("image/"))


def _pictures(cell) -> Iterator[str]:
    """A picture has a text that tells what it shows."""
    kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
    if any(kind.startswith("image/") for kind in kinds):
        alt = _alt(cell)
        if not alt:
            yield 'shows a picture without alt text: set the cell metadata {"mystnb": {"image": {"alt": "..."}}}'
        elif FILE_NAME.search(alt):
            yield f"the alt text {alt!r} looks like a file name: tell what the picture shows"
    html = "".join(str(output.get("data", {}).get("text/html", "")) for output in cell.outputs)
    if re.search(r"<img(?![^>]*\balt=)", html):
        yield "an <img> in the HTML output lacks alt text"


def _repeated_alts(cells: list) -> Iterator[Finding]:
    """Two pictures don't tell the same."""
    seen: dict[str, int] = {}
    for number, cell in cells:
        alt = _alt(cell)
        if alt and alt in seen:
            yield number, f"repeats the alt text of cell {seen[alt]}: {alt!r}"
        seen.setdefault(alt, number)


def _widgets(notebook) -> Iterator[Finding]:
    """The scripts and styles that a notebook stores are those that the package has now."""
    states = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    for model in states.values():
        name = model["state"].get("_anywidget_id", "")
        if name.startswith("pixelnet_edu."):
            module, _, widget = name.rpartition(".")
            current = getattr(importlib.import_module(module), widget)
            for key in ("_esm", "_css"):
                if model["state"].get(key, "") != str(getattr(current, key, "")):
                    yield 0, f"stores an old {key} of {widget}: run `make notebooks`"


def _alt(cell) -> str:
    return cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "").strip()


def _tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def main(arguments: list[str] | None = None) -> int:
    """Check the named notebooks, or every chapter; the status is 1 where there is a finding."""
    parser = argparse.ArgumentParser(description="Check stored chapters.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every chapter of the table of contents")
    named = parser.parse_args(arguments).notebooks
    findings = [line for path in chosen(named) for line in check(path)]
    if not named:
        findings += objectives.stale()
    print(*findings, sep="\n", end="\n" if findings else "")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
