"""Make the sources of a book without solutions and without the facilitator's notes, for a course.

    python book/_tools/without_solutions.py

`make book SOLUTIONS=no` calls it. In _build it writes source-without-solutions, from which the pages are built, and
notebooks-without-solutions, the chapters to hand out. It leaves out cells tagged `solution` or `facilitator`, on pages
the code of self-checks (a notebook needs it), and in pages without code what stands between the lines
`% with solutions` and `% end`. Lines after `% without solutions` are comments in the book, and text here. Buttons that
open the chapters as they are online are left out, too.
"""

import copy
import re
import shutil
import sys
from pathlib import Path

import nbformat
import yaml
from chapters import BOOK, pages, shown, source
from lessons import FACILITATOR, SELF_CHECK, SOLUTION, tagged
from normal_form import dump

SOURCE, NOTEBOOKS = "source-without-solutions", "notebooks-without-solutions"
LINKED = ("_assets", "_ext")  # folders that the pages need as they are
BLOCK = re.compile(r"^% with solutions\n.*?(?:^% without solutions\n((?:%[^\n]*\n)*?))?^% end\n", re.M | re.S)
MARK = re.compile(r"^% (?:with solutions|without solutions|end)$", re.M)


def without_cells(notebook) -> nbformat.NotebookNode:
    """Return a notebook without the cells that readers of a course don't get; of a self-check, a page shows no code."""
    kept = [cell for cell in notebook.cells if not {SOLUTION, FACILITATOR} & set(cell.metadata.get("tags", []))]
    reduced = nbformat.from_dict({**notebook, "cells": kept})
    for cell in tagged(SELF_CHECK, reduced.cells):
        cell.metadata.tags = [SELF_CHECK, "remove-input"]
    return reduced


def without_blocks(text: str, name: str) -> str:
    """Return a page as readers of a course get it."""
    text = BLOCK.sub(lambda block: re.sub(r"^% ?", "", block[1] or "", flags=re.M), text)
    if mark := MARK.search(text):
        raise ValueError(f"{name}: found {mark[0]!r} out of place, expected `% with solutions`, then `% end`")
    return text


def settings_of_a_course(settings: dict) -> dict:
    """Return the book's settings without what leads to the pages and notebooks that have solutions."""
    settings = copy.deepcopy(settings)
    settings["title"] += " (without solutions)"
    settings.pop("launch_buttons", None)
    html, sphinx = settings.get("html", {}), settings.get("sphinx", {}).get("config", {})
    html["use_repository_button"] = False
    html.pop("baseurl", None)
    sphinx.pop("ogp_site_url", None)
    return settings


def write_source(book: Path, config: Path, folder: Path) -> None:
    """Write the sources of the reduced book: the pages of the table of contents, and what they need."""
    shutil.rmtree(folder, ignore_errors=True)
    copied = folder / book.name
    copied.mkdir(parents=True)
    settings = settings_of_a_course(yaml.safe_load(config.read_text(encoding="utf-8")))
    (folder / config.name).write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), encoding="utf-8")
    for name in LINKED:
        if (book / name).exists():
            (copied / name).symlink_to((book / name).resolve(), target_is_directory=True)
    for path in _others(book):
        target = copied / path.relative_to(book)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for path in (source(page, book) for page in pages(book)):
        target = copied / path.relative_to(book)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_reduced(path))


def _others(book: Path) -> list[Path]:
    """List the files that are no pages: the table of contents, the references, pictures beside the pages."""
    files = [path for path in sorted(book.rglob("*")) if path.is_file() and path.suffix not in {".ipynb", ".md", ".py"}]
    return [path for path in files if not path.relative_to(book).parts[0].startswith("_") or path.parent == book]


def _reduced(path: Path) -> bytes:
    """Return the bytes of a page without what readers of a course don't get."""
    if path.suffix == ".ipynb":
        return dump(without_cells(nbformat.read(path, as_version=4)))
    return without_blocks(path.read_text(encoding="utf-8"), shown(path)).encode()


def write_notebooks(book: Path, folder: Path) -> int:
    """Write the chapters to hand out; return how many."""
    shutil.rmtree(folder, ignore_errors=True)
    paths = [path for path in (source(page, book) for page in pages(book)) if path.suffix == ".ipynb"]
    for path in paths:
        target = folder / path.relative_to(book)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_reduced(path))
    return len(paths)


def main(book: Path = BOOK) -> None:
    """Write both folders below _build."""
    build = book.parent / "_build"
    try:
        write_source(book, book.parent / "_config.yml", build / SOURCE)
    except (FileNotFoundError, ValueError) as error:
        sys.exit(str(error))
    number = write_notebooks(book, build / NOTEBOOKS)
    print(f"{shown(build / NOTEBOOKS)}: {number} notebooks without solutions")


if __name__ == "__main__":
    main()
