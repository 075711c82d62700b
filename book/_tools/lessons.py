"""What a chapter teaches, as it stands in the notebook: objectives, sections, exercises, quiz; and the rules for them.

Each objective of the opening list is served by one section, one exercise and one quiz question. The notebook's metadata
key ``objectives`` says by which; a reader sees the result on the page that objectives.py makes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from normal_form import OBJECTIVE_KEYS, WIDGET_STATE

KINDS = ("recall", "apply", "extend", "break it")
NUM_OBJECTIVES, MIN_QUESTIONS = 3, 3
QUIZ = "pixelnet_edu.teaching.widgets.quiz.Quiz"
SOLUTION, SELF_CHECK, FACILITATOR = "solution", "self-check", "facilitator"
DISCUSSIONS = "discussion"  # the folder whose chapters are led by a facilitator

Finding = tuple[int, str]  # the cell's number, from 1 (0: the notebook as a whole), and what is wrong


@dataclass(frozen=True)
class Exercise:
    """One exercise: its number, its kind, and the number of the cell that sets it."""

    number: int
    kind: str
    cell: int


@dataclass(frozen=True)
class Lesson:
    """A chapter, as a teacher sees it."""

    title: str
    opening: list[str]  # the objectives of the first cell
    sections: list[str]  # its headings of the second level
    exercises: list[Exercise]
    questions: list[dict]  # prompt, options, answer (an index), why
    objectives: list[dict]  # the metadata: objective, section, exercise, question


def lesson(notebook) -> Lesson:
    """Read what a notebook teaches."""
    texts = [(n, cell.source) for n, cell in enumerate(notebook.cells, start=1) if cell.cell_type == "markdown"]
    first = texts[0][1] if texts else ""
    return Lesson(
        title=next(iter(_headings(first, 1)), ""),
        opening=[bare(text) for text in re.findall(r"^\d+\. (.+)$", first, re.M)],
        sections=[heading for _, text in texts for heading in _headings(text, 2)],
        exercises=[
            Exercise(int(number), kind, n)
            for n, text in texts
            for number, kind in re.findall(r"^\*\*Exercise (\d+) \((.+?)\)\.\*\*", text, re.M)
        ],
        questions=[question for quiz in quizzes(notebook) for question in quiz],
        objectives=[dict(entry) for entry in notebook.metadata.get("objectives", [])],
    )


def bare(objective: str) -> str:
    """Return an objective without the punctuation that ends its line."""
    return objective.strip().rstrip(";.").rstrip()


def _headings(text: str, level: int) -> list[str]:
    """Return the headings of one level; what is fenced off as code has none."""
    text = re.sub(r"^(`{3,}|~{3,}).*?^\1", "", text, flags=re.M | re.S)
    return [heading.strip() for heading in re.findall(rf"^{'#' * level} (.+)$", text, re.M)]


def quizzes(notebook) -> list[list[dict]]:
    """Return the questions of every quiz in the stored widget state."""
    states = notebook.metadata.get("widgets", {}).get(WIDGET_STATE, {}).get("state", {})
    models = [model["state"] for model in states.values()]
    return [state.get("questions", []) for state in models if state.get("_anywidget_id") == QUIZ]


def findings(path: Path, notebook) -> Iterator[Finding]:
    """Return what is missing for a reader who learns from the chapter, or for a person who teaches from it."""
    read = lesson(notebook)
    yield from ((0, text) for text in _objectives(read))
    yield from _exercises(read, notebook)
    yield from ((0, text) for text in _quiz(read))
    yield from _facilitator(path, notebook)


def _objectives(read: Lesson) -> Iterator[str]:
    """Three objectives, each with a section, an exercise and a question that exist."""
    if len(read.opening) != NUM_OBJECTIVES:
        yield f"the first cell lists {len(read.opening)} objectives, expected {NUM_OBJECTIVES}, as `1. ...` lines"
    if not read.objectives:
        yield "no objectives: add the notebook's metadata `objectives`, see CONTRIBUTING.md"
        return
    yield from (f"objectives: the metadata lack {text!r}" for text in read.opening if text not in _named(read))
    for k, entry in enumerate(read.objectives, start=1):
        missing = [key for key in OBJECTIVE_KEYS if key not in entry]
        problems = [f"lacks {key}" for key in missing] or _orphaned(entry, read)
        yield from (f"objective {k}: {problem}" for problem in problems)


def _named(read: Lesson) -> list[str]:
    return [bare(entry.get("objective", "")) for entry in read.objectives]


def _orphaned(entry: dict, read: Lesson) -> Iterator[str]:
    """What an objective names, and the chapter doesn't have."""
    if bare(entry["objective"]) not in read.opening:
        yield f"{entry['objective']!r} is not in the list of the first cell"
    if entry["section"] not in read.sections:
        yield f"found no section {entry['section']!r}, expected one of {read.sections}"
    if entry["exercise"] not in (numbers := [exercise.number for exercise in read.exercises]):
        yield f"found no exercise {entry['exercise']!r}, expected one of {numbers}"
    if entry["question"] not in range(1, len(read.questions) + 1):
        yield f"found no quiz question {entry['question']!r}, expected a number from 1 to {len(read.questions)}"


def _exercises(read: Lesson, notebook) -> Iterator[Finding]:
    """Exercises of all four kinds, numbered, each with a start, a self-check, and a solution that is right."""
    kinds, numbers = [e.kind for e in read.exercises], [e.number for e in read.exercises]
    for kind in KINDS:
        if kind not in kinds:
            yield 0, f"no exercise of the kind ({kind})"
    if numbers != list(range(1, len(numbers) + 1)):
        yield 0, f"exercises are numbered {numbers}, expected 1, 2, 3, ..."
    ends = [e.cell for e in read.exercises[1:]] + [len(notebook.cells) + 1]
    for exercise, end in zip(read.exercises, ends, strict=False):
        name = f"exercise {exercise.number}"
        if exercise.kind not in KINDS:
            yield exercise.cell, f"{name}: found the kind {exercise.kind!r}, expected one of {KINDS}"
        cells = [cell for cell in notebook.cells[exercise.cell : end - 1] if cell.cell_type == "code"]
        yield from ((exercise.cell, f"{name}: {text}") for text in _answers(exercise, cells))


def _answers(exercise: Exercise, cells: list) -> Iterator[str]:
    """The cells after an exercise: one that starts it, one that checks the answer, and one that solves it."""
    starts = [cell for cell in cells if not {SOLUTION, SELF_CHECK} & set(cell.metadata.get("tags", []))]
    if not any("..." in cell.source for cell in starts):
        yield "no cell to start from, with `...` in place of the answer"
    if any(re.search(r"\bcheck\(|\bdef solution_", cell.source) for cell in starts):
        yield f"the cell to start from gives the answer away: move `check(...)` to a cell tagged {SELF_CHECK}"
    for tag, fold in ((SELF_CHECK, "hide-input"), (SOLUTION, "hide-cell")):
        yield from _folded(tag, fold, f'check("Exercise {exercise.number}"', cells)
    solutions = tagged(SOLUTION, cells)
    if solutions and f"Exercise {exercise.number}: right." not in printed(solutions):
        yield f"the solution doesn't print 'Exercise {exercise.number}: right.'"


def _folded(tag: str, fold: str, call: str, cells: list) -> Iterator[str]:
    """A cell with this tag and call, folded in the book and in Colab."""
    found = tagged(tag, cells)
    if not any(call in re.sub(r"\(\n\s+", "(", cell.source) for cell in found):
        yield f"no cell tagged {tag} with `{call}, ...)`"
    for cell in found:
        if fold not in cell.metadata.tags or cell.metadata.get("cellView") != "form":
            yield f'the {tag} is open: add the tag {fold}, and "cellView": "form" for Colab'


def tagged(tag: str, cells: list) -> list:
    """Return the cells with a tag."""
    return [cell for cell in cells if tag in cell.metadata.get("tags", [])]


def printed(cells: list) -> list[str]:
    """Return the lines that cells print."""
    return [line for cell in cells for output in cell.outputs for line in output.get("text", "").splitlines()]


def _quiz(read: Lesson) -> Iterator[str]:
    """A quiz of a few questions, each with an answer among its options, and a reason."""
    if len(read.questions) < MIN_QUESTIONS:
        yield f"the quiz has {len(read.questions)} questions, expected at least {MIN_QUESTIONS}"
    for k, question in enumerate(read.questions, start=1):
        if question["answer"] not in range(len(question["options"])):
            yield f"quiz question {k}: the answer {question['answer']!r} is none of {len(question['options'])} options"
        if not question["why"].strip():
            yield f"quiz question {k}: found no why, expected a sentence"


def _facilitator(path: Path, notebook) -> Iterator[Finding]:
    """Notes for the facilitator are text, and a discussion has them."""
    notes = [n for n, cell in enumerate(notebook.cells, start=1) if FACILITATOR in cell.metadata.get("tags", [])]
    for n in notes:
        if notebook.cells[n - 1].cell_type != "markdown":
            yield n, "a facilitator's note must be a Markdown cell"
    if path.resolve().parent.name == DISCUSSIONS and not notes:
        yield 0, f"a chapter of book/{DISCUSSIONS} needs a Markdown cell tagged {FACILITATOR}"
