"""Small notebooks for the tests of the book's tools."""

from pathlib import Path

import nbformat
from nbformat import v4
from normal_form import WIDGET_STATE, dump

COLAB = 'import sys\n\nif "google.colab" in sys.modules:\n    pass'
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def code(source: str, *outputs, tags=(), **metadata) -> nbformat.NotebookNode:
    """Make an executed code cell; an output that is a text is printed."""
    outputs = [v4.new_output("stream", text=o) if isinstance(o, str) else o for o in outputs]
    metadata |= {"tags": list(tags)} if tags else {}
    return v4.new_code_cell(source, outputs=outputs, execution_count=1, metadata=metadata)


def picture() -> nbformat.NotebookNode:
    """Make the output of a cell that shows a figure."""
    return v4.new_output("display_data", {"image/png": PIXEL, "text/plain": "<Figure size 1x1 with 1 Axes>"})


def colab_cell() -> nbformat.NotebookNode:
    """Make the first code cell of a chapter."""
    return code(COLAB, tags=("remove-cell", "nbval-ignore-output"))


def chapter(*cells) -> nbformat.NotebookNode:
    """Make a chapter that begins with a title and the cell for Colab."""
    return v4.new_notebook(cells=[v4.new_markdown_cell("# A chapter"), colab_cell(), *cells])


def with_widgets(notebook, states: dict[str, dict]) -> nbformat.NotebookNode:
    """Store widget states, in this order, with a notebook."""
    models = {
        name: {"model_name": "AnyModel", "model_module": "anywidget", "model_module_version": "~0.9.*", "state": state}
        for name, state in states.items()
    }
    notebook.metadata["widgets"] = {WIDGET_STATE: {"version_major": 2, "version_minor": 0, "state": models}}
    return notebook


def store(path: Path, notebook) -> Path:
    """Write a notebook in normal form."""
    path.write_bytes(dump(notebook))
    return path
