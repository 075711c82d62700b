"""The table of contents is the one list of pages."""

import re

import pytest
from chapters import notebooks, pages, parts, source

import pixelnet_edu

TOC = """
format: jb-book
root: index
parts:
  - caption: One
    chapters:
      - file: one/a
        sections:
          - file: one/b
  - caption: Two
    chapters:
      - file: two/c
"""


@pytest.fixture
def book(tmp_path):
    (tmp_path / "_toc.yml").write_text(TOC)
    for name in ("index.md", "one/a.ipynb", "one/b.md", "two/c.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_pages_come_in_reading_order(book):
    assert pages(book) == ["index", "one/a", "one/b", "two/c"]
    assert [path.name for path in notebooks(book)] == ["a.ipynb", "c.ipynb"]
    assert parts(book) == [("One", ["one/a", "one/b"]), ("Two", ["two/c"])]


def test_a_page_without_a_file_is_one_clear_line(book):
    (book / "one" / "b.md").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"_toc\.yml: found no file for the page 'one/b', expected one/b\.ipynb or"
    ):
        notebooks(book)


@pytest.mark.parametrize("page", pages())
def test_every_page_of_this_book_has_a_file(page):
    assert source(page).stat().st_size > 0


def test_the_page_of_the_package_lists_every_public_name():
    page = source("reference/api").read_text(encoding="utf-8")
    listed = {name for line in re.findall(r"^   :members: (.*)$", page, re.M) for name in line.split(", ")}
    assert set(pixelnet_edu.__all__) <= listed, "add the missing names to book/reference/api.md"
