"""The answer key of every chapter: quizzes as they are stored and as their cells make them, and the solutions."""

import ast
import math
from functools import cache

import nbformat
import pytest
from chapters import BOOK, notebooks
from lessons import DISCUSSIONS, FACILITATOR, SOLUTION, lesson, printed, quizzes

from pixelnet_edu.teaching.widgets import Question

CHAPTERS = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
KNOWN = {"Question": Question, "math": math, "comb": math.comb}


@cache
def read(path):
    return nbformat.read(path, as_version=4)


def asked(notebook):
    """Return every `Question(...)` of a notebook's cells, in order, as the piece of code that it is."""
    sources = [cell.source for cell in notebook.cells if cell.cell_type == "code" and "Question(" in cell.source]
    calls = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Question"]


def made(call):
    """Make a question as its cell does; where it needs the chapter's own names, only its prompt."""
    try:
        return eval(compile(ast.Expression(call), "quiz", "eval"), dict(KNOWN)).state()
    except NameError:
        return {"prompt": ast.literal_eval(call.args[0])}


@CHAPTERS
def test_every_question_has_an_answer_and_a_reason(path):
    stored = quizzes(read(path))
    assert stored
    for question in (question for quiz in stored for question in quiz):
        assert question["answer"] in range(len(question["options"])), question["prompt"]
        assert question["why"].strip(), question["prompt"]


@CHAPTERS
def test_the_stored_quiz_is_what_its_cell_makes(path):
    stored = [question for quiz in quizzes(read(path)) for question in quiz]
    fresh = [made(call) for call in asked(read(path))]
    assert len(fresh) == len(stored)
    for new, old in zip(fresh, stored, strict=True):
        assert new == {key: old[key] for key in new}


@CHAPTERS
def test_every_solution_is_right(path):
    exercises = [exercise.number for exercise in lesson(read(path)).exercises]
    solutions = [cell for cell in read(path).cells if SOLUTION in cell.metadata.get("tags", [])]
    assert exercises
    lines = [line for line in printed(solutions) if line.startswith("Exercise ")]
    assert lines == [f"Exercise {number}: right." for number in exercises]


@CHAPTERS
def test_no_answer_stands_in_a_cell_to_start_from(path):
    for cell in read(path).cells:
        if cell.cell_type == "code" and SOLUTION not in cell.metadata.get("tags", []):
            assert not [line for line in printed([cell]) if line.startswith("Exercise ") and line.endswith(": right.")]


@CHAPTERS
def test_a_discussion_has_notes_for_its_facilitator(path):
    notes = [cell for cell in read(path).cells if FACILITATOR in cell.metadata.get("tags", [])]
    assert notes or path.parent != BOOK / DISCUSSIONS
