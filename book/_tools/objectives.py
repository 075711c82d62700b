"""Make the page of the objectives: what serves each one, a section, an exercise and a quiz question.

    python book/_tools/objectives.py

It reads the notebooks' metadata and writes book/reference/objectives.md, only when its bytes change.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from chapters import BOOK, parts, shown, source
from lessons import Lesson, bare, lesson
from normal_form import write_if_changed

PAGE = "reference/objectives.md"
HEAD = """\
% Made by book/_tools/objectives.py from the notebooks' metadata; do not edit.

# Objectives

Each chapter opens with three objectives. Each of them is served by a section, practised in an exercise, and tested by a
question of the quiz. Use this page to choose chapters for a course, or to find the exercise that goes with a section.
"""
TABLE = """\
| Chapter | After it you can | Section | Exercise | Question |
|---|---|---|---|---|
"""
QUIZ, EXERCISES = "Check yourself", "Exercises"  # the headings that a chapter gives them


def page(book: Path = BOOK) -> str:
    """Return the text of the page."""
    return "\n".join([HEAD, *_parts(book)])


def _parts(book: Path) -> Iterator[str]:
    """Return a heading and a table for each part of the book that has notebooks."""
    for caption, names in parts(book):
        found = [(name, path) for name in names if (path := source(name, book)).suffix == ".ipynb"]
        rows = [row for name, path in found for row in _rows(name, lesson(nbformat.read(path, as_version=4)))]
        if rows:
            yield f"## {caption}\n\n{TABLE}" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(name: str, read: Lesson) -> Iterator[list[str]]:
    """Return a row for each objective of a chapter; the first one names the chapter."""
    kinds = {exercise.number: exercise.kind for exercise in read.exercises}
    for k, entry in enumerate(read.objectives):
        exercise = f"{entry.get('exercise')}, {kinds.get(entry.get('exercise'), 'missing')}"
        yield [
            f"[{_cell(read.title)}](../{name}.ipynb)" if k == 0 else "",
            _cell(bare(entry.get("objective", ""))),
            _link(name, read, entry.get("section", "")),
            _link(name, read, EXERCISES, exercise),
            _link(name, read, QUIZ, str(entry.get("question"))),
        ]


def _link(name: str, read: Lesson, section: str, text: str = "") -> str:
    """Return a link to a section of a chapter, or the bare text where there is no such section."""
    text = _cell(text or section)
    return f"[{text}](../{name}.ipynb#{slug(section)})" if section in read.sections else text


def _cell(text: str) -> str:
    """Keep a text from ending a cell of the table."""
    return text.replace("|", r"\|")


def slug(heading: str) -> str:
    """Return the anchor that MyST gives a heading: its letters and digits, without formulas and marks."""
    plain = re.sub(r"\$[^$]*\$", "", heading)
    return re.sub(r"[^\w\- ]", "", plain.lower().replace(" ", "-"))


def stale(book: Path = BOOK) -> list[str]:
    """Return a line if the stored page is not the one that the chapters make."""
    path = book / PAGE
    if path.exists() and path.read_text(encoding="utf-8") == page(book):
        return []
    return [f"{shown(path)}: not what the chapters' objectives make: run `make format`"]


def main(book: Path = BOOK) -> None:
    """Write the page."""
    if write_if_changed(book / PAGE, page(book).encode()):
        print(f"{shown(book / PAGE)}: written")


if __name__ == "__main__":
    sys.exit(main())
