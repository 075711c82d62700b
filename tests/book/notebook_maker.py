"""Small notebooks for the tests of the book's tools."""

from pathlib import Path

import nbformat
from nbformat import v4
from normal_form import WIDGET_STATE, dump

from pixelnet_edu.teaching.widgets import Question, Quiz

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


OPENING = """# A chapter

1. count pixels;
2. draw some of them;
3. say why.

Time: 1 minute."""
KINDS = ("recall", "apply", "extend", "break it")
QUESTIONS = [Question(f"{n} + {n}?", [n, 2 * n, 3 * n], 2 * n, "Count.") for n in (1, 2, 3)]


def teach(notebook) -> nbformat.NotebookNode:
    """Add to a notebook what every chapter has: objectives, a section, four exercises with solutions, and a quiz."""
    notebook.cells[0].source = OPENING
    notebook.cells.append(v4.new_markdown_cell("## Count\n\nOne, two.\n\n## Check yourself\n\n## Exercises"))
    for number, kind in enumerate(KINDS, start=1):
        text = v4.new_markdown_cell(f"**Exercise {number} ({kind}).** How many? Set `answer`.")
        notebook.cells += [text, start(number), self_check(number), solution(number)]
    texts = ["count pixels;", "draw some of them;", "say why."]
    notebook.metadata["objectives"] = [
        {"objective": text, "section": "Count", "exercise": n, "question": n} for n, text in enumerate(texts, start=1)
    ]
    return with_widgets(notebook, {"e" * 32: quiz_state()})


def start(number: int) -> nbformat.NotebookNode:
    """Make the cell in which an exercise is begun."""
    return code(f"answer = ...  # {number}")


def self_check(number: int) -> nbformat.NotebookNode:
    """Make the folded cell that checks an answer."""
    source = f'# Self-check {number}\ncheck("Exercise {number}", answer, {number});'
    text = f"Exercise {number}: your turn - set your answer.\n"
    return code(source, text, tags=("self-check", "hide-input"), cellView="form")


def solution(number: int, verdict: str = "right.") -> nbformat.NotebookNode:
    """Make the folded cell that solves an exercise."""
    source = f'# Solution {number}\ncheck("Exercise {number}", {number}, {number});'
    return code(source, f"Exercise {number}: {verdict}\n", tags=("solution", "hide-cell"), cellView="form")


def quiz_state(questions=QUESTIONS) -> dict:
    """Return the stored state of a quiz."""
    state = {"_anywidget_id": "pixelnet_edu.teaching.widgets.quiz.Quiz", "_esm": str(Quiz._esm), "_css": str(Quiz._css)}
    return state | {"questions": [question.state() for question in questions]}


def with_widgets(notebook, states: dict[str, dict]) -> nbformat.NotebookNode:
    """Store widget states, in this order, with a notebook, after those that it has."""
    models = {
        name: {"model_name": "AnyModel", "model_module": "anywidget", "model_module_version": "~0.9.*", "state": state}
        for name, state in states.items()
    }
    models = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {}) | models
    notebook.metadata["widgets"] = {WIDGET_STATE: {"version_major": 2, "version_minor": 0, "state": models}}
    return notebook


def store(path: Path, notebook) -> Path:
    """Write a notebook in normal form."""
    path.write_bytes(dump(notebook))
    return path
