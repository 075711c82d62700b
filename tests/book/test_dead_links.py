"""A link that leads nowhere fails the build, or else the check of the built pages: no kind gets past both."""

import nbformat
import pytest
from check_site import check
from nbformat import v4
from notebook_maker import store
from small_book import build, make_book

DEAD = {  # what stands in a chapter: what the build says
    "[x](../part/none.ipynb)": "cross-reference target not found: '../part/none.ipynb'",
    "[x](none.md)": "cross-reference target not found: 'none.md'",
    "[x](../index.md#nowhere)": "local id not found in doc 'index': 'nowhere'",
    "[x](../part/one.ipynb#nowhere-else)": "local id not found in doc 'part/one': 'nowhere-else'",
    "[x](#not-here)": "cross-reference target not found: 'not-here'",
    "{ref}`no-label`": "undefined label: 'no-label'",
    "{doc}`no-page`": "unknown document: 'no-page'",
    "{cite:p}`unknown1999`": 'could not find bibtex key "unknown1999"',
    "![x](none.png)": "image file not readable: part/none.png",
}
UNSEEN = {  # what the build lets pass: what the check of the built pages says
    '<a href="none.html">x</a>': "none.html leads to a file that is not there",
    '<a href="../index.html#nowhere">x</a>': "../index.html#nowhere leads to a place that is not there",
    "See [x][no-label].": "shows '[x][no-label]', which became no link",
}
ALIVE = ["[x](../index.md)", "[x](#count)", "[x](../part/one.ipynb#check-yourself)", "{cite:p}`known2000`"]


def build_with(folder, lines):
    """Build the small book with these lines in its chapter."""
    book = make_book(folder)
    path = book / "part" / "one.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(v4.new_markdown_cell("\n\n".join(lines)))
    store(path, notebook)
    return build(book)


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    return build_with(tmp_path_factory.mktemp("dead"), DEAD)


@pytest.fixture(scope="module")
def passed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unseen")
    result = build_with(folder, [*ALIVE, *UNSEEN])
    assert result.returncode == 0, result.stderr
    return check(folder / "_build" / "html", ["index", "part/one"])


@pytest.mark.parametrize("line", DEAD)
def test_a_dead_link_fails_the_build(failed, line):
    assert failed.returncode != 0
    assert DEAD[line] in failed.stderr


@pytest.mark.parametrize("line", UNSEEN)
def test_what_the_build_lets_pass_is_found_in_its_pages(passed, line):
    assert any(UNSEEN[line] in finding for finding in passed), passed


def test_links_that_lead_somewhere_are_no_findings(passed):
    assert len(passed) == len(UNSEEN), passed
