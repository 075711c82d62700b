"""Bring a notebook into normal form, so that equal content is equal bytes and a diff shows what a person changed.

    python book/_tools/normal_form.py book/problem/three_pixel_problems.ipynb

Normal form means: cell ids made from the cells' content, widgets numbered in the order of the stored state, execution
counts 1, 2, 3, ..., streams in one piece, and no metadata but the keys that the book uses. Without a path, every
chapter is mended.
"""

import argparse
import hashlib
import json
import re
from pathlib import Path

import nbformat
from chapters import chosen, shown

from pixelnet_edu.data.reading import write_whole

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
CELL_KEYS = ("cellView", "mystnb", "slideshow", "tags")
OBJECTIVE_KEYS = ("objective", "section", "exercise", "question")  # what serves each objective; lessons.py checks it
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}


def normalise(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook in normal form; the argument is left as it was."""
    notebook = _number_widgets(notebook)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    widgets, objectives = notebook.metadata.get("widgets"), notebook.metadata.get("objectives")
    notebook.metadata = {"kernelspec": dict(KERNEL), "language_info": dict(LANGUAGE)}
    if objectives:
        notebook.metadata["objectives"] = [{key: o[key] for key in OBJECTIVE_KEYS if key in o} for o in objectives]
    if widgets and widgets.get(WIDGET_STATE, {}).get("state"):
        notebook.metadata["widgets"] = widgets
    notebook = nbformat.from_dict(notebook)
    _number_cells(notebook.cells)
    _number_executions(notebook.cells)
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in CELL_KEYS if key in cell.metadata}
        if cell.cell_type == "code":
            cell.outputs = _join_streams(cell.outputs)
    return nbformat.from_dict(notebook)


def _number_widgets(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Rename widget models to 000...1, 000...2, ..., in the state and wherever a view or a model refers to one."""
    state = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    text = json.dumps(notebook)
    if state:
        names = {old: f"{number:032x}" for number, old in enumerate(state, start=1)}
        text = re.sub("|".join(map(re.escape, names)), lambda match: names[match.group()], text)
    return nbformat.from_dict(json.loads(text))


def _number_cells(cells: list) -> None:
    """Name each cell after its content; equal cells are told apart by a counter."""
    seen: dict[str, int] = {}
    for cell in cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"


def _number_executions(cells: list) -> None:
    """Count the executed cells from 1, and their results with them."""
    executed = [cell for cell in cells if cell.cell_type == "code" and cell.execution_count is not None]
    for count, cell in enumerate(executed, start=1):
        cell.execution_count = count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count


def _join_streams(outputs: list) -> list:
    """Join neighbouring pieces of one stream: how a kernel cuts them depends on timing."""
    joined: list = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined


def dump(notebook: nbformat.NotebookNode) -> bytes:
    """Return the bytes of a notebook in normal form."""
    return (nbformat.writes(normalise(notebook)).rstrip("\n") + "\n").encode()


def write_if_changed(path: Path, content: bytes) -> bool:
    """Write a file in one step, and only when its bytes change; tell whether it did."""
    if path.exists() and path.read_bytes() == content:
        return False
    write_whole(path, lambda beside: beside.write_bytes(content))
    return True


def main(arguments: list[str] | None = None) -> None:
    """Mend the named notebooks, or every chapter."""
    parser = argparse.ArgumentParser(description="Bring notebooks into normal form.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every chapter of the table of contents")
    paths = chosen(parser.parse_args(arguments).notebooks)
    for path in paths:
        if write_if_changed(path, dump(nbformat.read(path, as_version=4))):
            print(f"{shown(path)}: brought into normal form")


if __name__ == "__main__":
    main()
