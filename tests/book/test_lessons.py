"""Each rule for what a chapter teaches notices the chapter that breaks it."""

import copy

import pytest
from lessons import findings, lesson
from nbformat import v4
from notebook_maker import chapter, code, quiz_state, solution, teach, with_widgets

GOOD = teach(chapter(code("print(1)", "1\n")))


def broken(path, change):
    """Return the findings on a good chapter after a change to it."""
    notebook = copy.deepcopy(GOOD)
    change(notebook)
    return [text for _, text in findings(path / "a.ipynb", notebook)]


def entry(number, **changes):
    return lambda notebook: notebook.metadata["objectives"][number - 1].update(changes)


def drop(text):
    """Return a change that takes out the one cell with this text."""

    def change(notebook):
        (cell,) = [cell for cell in notebook.cells if text in cell.source]
        notebook.cells.remove(cell)

    return change


def swap(old, new):
    """Return a change of one text in a cell's source."""

    def change(notebook):
        (cell,) = [cell for cell in notebook.cells if old in cell.source]
        cell.source = cell.source.replace(old, new)

    return change


def quiz(**changes):
    """Return a change to the first question of the stored quiz."""

    def change(notebook):
        state = quiz_state()
        state["questions"][0] |= changes
        with_widgets(notebook, {"e" * 32: state})

    return change


def replace_solution(number, cell):
    def change(notebook):
        (k,) = [k for k, c in enumerate(notebook.cells) if c.source.startswith(f"# Solution {number}")]
        notebook.cells[k] = cell

    return change


def open_solution():
    cell = solution(2)
    del cell.metadata["cellView"]
    return cell


def shorter_quiz(notebook):
    state = quiz_state()
    del state["questions"][2:]
    with_widgets(notebook, {"e" * 32: state})


BROKEN = {
    "no objectives": (lambda nb: nb.metadata.pop("objectives"), "no objectives: add the notebook's metadata"),
    "an objective that isn't listed": (entry(2, objective="fly"), "objective 2: 'fly' is not in the list of the first"),
    "a listed objective that isn't named": (entry(2, objective="fly"), "the metadata lack 'draw some of them'"),
    "an unknown section": (entry(1, section="Coun"), "objective 1: found no section 'Coun'"),
    "a heading of another level": (swap("## Count", "### Count"), "objective 3: found no section 'Count'"),
    "an unknown exercise": (entry(3, exercise=5), "objective 3: found no exercise 5, expected one of [1, 2, 3, 4]"),
    "an unknown question": (
        entry(3, question=0),
        "objective 3: found no quiz question 0, expected a number from 1 to 3",
    ),
    "a missing key": (lambda nb: nb.metadata["objectives"][0].pop("question"), "objective 1: lacks question"),
    "two objectives": (swap("3. say why.", "Say why."), "the first cell lists 2 objectives, expected 3"),
    "a missing kind": (swap("2 (apply)", "2 (recall)"), "no exercise of the kind (apply)"),
    "an unknown kind": (swap("2 (apply)", "2 (enjoy)"), "exercise 2: found the kind 'enjoy'"),
    "a wrong number": (swap("Exercise 4 (break", "Exercise 5 (break"), "exercises are numbered [1, 2, 3, 5]"),
    "no solution": (drop("# Solution 3"), "exercise 3: no cell tagged solution"),
    "no start": (drop("answer = ...  # 3"), "exercise 3: no cell to start from"),
    "no self-check": (drop("# Self-check 3"), 'exercise 3: no cell tagged self-check with `check("Exercise 3"'),
    "a self-check of another exercise": (
        swap('check("Exercise 3", answer', 'check("Exercise 2", answer'),
        "exercise 3: no cell tagged self-check",
    ),
    "an open self-check": (
        lambda nb: [cell.metadata.pop("cellView", None) for cell in nb.cells],
        "exercise 2: the self-check is open",
    ),
    "an answer in the start": (
        swap("answer = ...  # 2", "check(1, ..., 2)"),
        "exercise 2: the cell to start from gives",
    ),
    "a wrong solution": (
        replace_solution(2, solution(2, "not yet - found 1, expected 2.")),
        "exercise 2: the solution doesn't print 'Exercise 2: right.'",
    ),
    "an open solution": (replace_solution(2, open_solution()), "exercise 2: the solution is open"),
    "a short quiz": (shorter_quiz, "the quiz has 2 questions, expected at least 3"),
    "an answer out of range": (quiz(answer=3), "quiz question 1: the answer 3 is none of 3 options"),
    "an answer without a reason": (quiz(why=" "), "quiz question 1: found no why"),
    "a facilitator's code": (
        lambda nb: nb.cells.append(code("f()", tags=("facilitator",))),
        "a facilitator's note must be a Markdown cell",
    ),
}


def test_a_good_chapter_has_no_finding(tmp_path):
    assert broken(tmp_path, lambda notebook: None) == []


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_found(tmp_path, name):
    change, message = BROKEN[name]
    found = broken(tmp_path, change)
    assert any(message in text for text in found), found


def test_a_discussion_has_notes_for_its_facilitator(tmp_path):
    (tmp_path / "discussion").mkdir()
    note = v4.new_markdown_cell("Let them talk.", metadata={"tags": ["facilitator"]})
    assert broken(tmp_path / "discussion", lambda nb: nb.cells.append(note)) == []
    (found,) = broken(tmp_path / "discussion", lambda nb: None)
    assert "needs a Markdown cell tagged facilitator" in found


def test_what_is_fenced_off_is_no_heading():
    notebook = copy.deepcopy(GOOD)
    notebook.cells.append(v4.new_markdown_cell("```bash\n## not a heading\n```\n\n## A heading\n\n### Deeper"))
    assert lesson(notebook).sections == ["Count", "Check yourself", "Exercises", "A heading"]
