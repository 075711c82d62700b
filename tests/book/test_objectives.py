"""The page of the objectives is what the chapters' metadata make, and its links lead somewhere."""

import re

import nbformat
import pytest
from lessons import lesson
from nbformat import v4
from notebook_maker import store
from objectives import main, page, slug, stale
from small_book import make_book


@pytest.fixture
def book(tmp_path):
    return make_book(tmp_path)


def test_each_objective_has_a_row(book):
    rows = [line for line in page(book).splitlines() if line.startswith("| ")][1:]
    assert rows == [
        "| [A chapter](../part/one.ipynb) | count pixels | [Count](../part/one.ipynb#count) "
        "| [1, recall](../part/one.ipynb#exercises) | [1](../part/one.ipynb#check-yourself) |",
        "|  | draw some of them | [Count](../part/one.ipynb#count) "
        "| [2, apply](../part/one.ipynb#exercises) | [2](../part/one.ipynb#check-yourself) |",
        "|  | say why | [Count](../part/one.ipynb#count) "
        "| [3, extend](../part/one.ipynb#exercises) | [3](../part/one.ipynb#check-yourself) |",
    ]
    assert [line for line in page(book).splitlines() if line.startswith("## ")] == ["## The part"]


def test_a_page_is_stale_until_it_is_written_and_after_a_change(book, capsys):
    assert "objectives.md: not what the chapters' objectives make" in stale(book)[0]
    main(book)
    assert "written" in capsys.readouterr().out
    assert stale(book) == []
    main(book)
    assert capsys.readouterr().out == ""
    path = book / "part" / "one.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["objectives"][0]["exercise"] = 4
    store(path, notebook)
    assert len(stale(book)) == 1


def test_a_bar_in_a_text_does_not_end_a_cell(book):
    path = book / "part" / "one.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["objectives"][0]["objective"] = "read P(a | b)"
    store(path, notebook)
    assert r"read P(a \| b)" in page(book)


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("The question", "the-question"),
        ("Where is cell $j$?", "where-is-cell-"),
        ("What the paper says, and what we found", "what-the-paper-says-and-what-we-found"),
        ("What 5 x 2,000 *means*: `n_points`", "what-5-x-2000-means-n_points"),
    ],
)
def test_anchors_are_those_of_myst(heading, anchor):
    assert slug(heading) == anchor
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode
    from mdit_py_plugins.dollarmath import dollarmath_plugin
    from myst_parser.mdit_to_docutils.base import compute_unique_slug

    tokens = MarkdownIt().use(dollarmath_plugin).parse(f"## {heading}")
    assert compute_unique_slug(SyntaxTreeNode(tokens).children[0], []) == anchor


def test_an_objective_may_end_with_a_semicolon_or_not():
    notebook = v4.new_notebook(cells=[v4.new_markdown_cell("# A\n\n1. one;\n2. two\n3. three.")])
    assert lesson(notebook).opening == ["one", "two", "three"]


def test_the_page_says_that_it_is_made(book):
    assert re.match(r"% Made by book/_tools/objectives\.py .*do not edit", page(book))
