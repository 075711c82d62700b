"""Which pages the book has, in the order of its table of contents."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

BOOK = Path(__file__).resolve().parents[1]
SUFFIXES = (".ipynb", ".md")


def pages(book: Path = BOOK) -> list[str]:
    """Return the name of every page of ``_toc.yml``, without suffix, in reading order."""
    return list(_files(yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))))


def parts(book: Path = BOOK) -> list[tuple[str, list[str]]]:
    """Return the captions of the book's parts, and the pages of each."""
    toc = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))
    return [(part.get("caption", ""), list(_files(part))) for part in toc.get("parts", [])]


def _files(entry) -> Iterator[str]:
    """Walk the table of contents, parents before children."""
    if isinstance(entry, list):
        for item in entry:
            yield from _files(item)
    elif isinstance(entry, dict):
        yield from (entry[key] for key in ("root", "file") if key in entry)
        for value in entry.values():
            yield from _files(value)


def source(page: str, book: Path = BOOK) -> Path:
    """Return the file that a page is written in."""
    for suffix in SUFFIXES:
        path = book / f"{page}{suffix}"
        if path.exists():
            return path
    raise FileNotFoundError(
        f"{shown(book / '_toc.yml')}: found no file for the page {page!r}, expected {page}.ipynb or {page}.md in "
        f"{shown(book)}: write it, or take it out of the table of contents"
    )


def notebooks(book: Path = BOOK) -> list[Path]:
    """Return the chapters that are notebooks, in reading order."""
    return [path for path in (source(page, book) for page in pages(book)) if path.suffix == ".ipynb"]


def chosen(paths: list[Path]) -> list[Path]:
    """Return the notebooks named at the prompt, or every chapter; end with one line where one is not there."""
    try:
        paths = paths or notebooks()
    except FileNotFoundError as error:
        sys.exit(str(error))
    for path in paths:
        if not path.is_file():
            sys.exit(f"{shown(path)}: found no such file, expected a notebook")
    return paths


def shown(path: Path) -> str:
    """Return a path as a person at the prompt would type it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative
