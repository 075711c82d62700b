"""A book for a course: no solution and no facilitator's note, in no page, no notebook and no link."""

import json

import nbformat
import pytest
import yaml
from check_site import check, solutions
from small_book import CONFIG, HINT, SECRET, build, make_book
from without_solutions import NOTEBOOKS, SOURCE, main, settings_of_a_course, without_blocks, without_cells


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Write the small book and its reduced sources."""
    folder = tmp_path_factory.mktemp("course")
    main(make_book(folder))
    return folder


@pytest.fixture(scope="module")
def sites(project):
    """Build both books."""
    for source in (project, project / "_build" / SOURCE):
        result = build(source / "book")
        assert result.returncode == 0, result.stderr
    return project / "_build" / "html", project / "_build" / SOURCE / "_build" / "html"


def tags(path):
    return {tag for cell in json.loads(path.read_text())["cells"] for tag in cell["metadata"].get("tags", [])}


def test_only_tagged_cells_are_left_out(project):
    notebook = nbformat.read(project / "book" / "part" / "one.ipynb", as_version=4)
    kept = without_cells(notebook)
    assert len(notebook.cells) - len(kept.cells) == 4 + 1
    left = [cell.source for cell in kept.cells]
    assert [cell.source for cell in notebook.cells if cell.source in left] == left
    assert kept.metadata == notebook.metadata


@pytest.mark.parametrize("folder", [SOURCE + "/book", NOTEBOOKS])
def test_the_notebooks_have_no_solutions_but_the_rest(project, folder):
    path = project / "_build" / folder / "part" / "one.ipynb"
    assert tags(path) == {"remove-cell", "nbval-ignore-output", "self-check", "remove-input"}
    assert HINT in path.read_text()
    assert SECRET not in path.read_text()


def test_the_book_itself_stays_as_it_is(project):
    assert tags(project / "book" / "part" / "one.ipynb") >= {"solution", "facilitator"}


def test_a_page_says_what_holds_in_its_book(project, sites):
    full, course = ((site / "index.html").read_text() for site in sites)
    assert "Solutions are folded." in full
    assert "Solutions are with your teacher." not in full
    assert "Solutions are folded." not in course
    assert "<p>Solutions are with your teacher.</p>\n<p>Ask.</p>" in course


def test_several_blocks_stay_apart():
    block = "% with solutions\nfolded {n}\n% without solutions\n% asked {n}\n% end\n"
    text = f"a\n{block.format(n=1)}b\n% a comment\n{block.format(n=2)}% with solutions\nx\n% end\nc\n"
    assert without_blocks(text, "index.md") == "a\nasked 1\nb\n% a comment\nasked 2\nc\n"


@pytest.mark.parametrize("text", ["% with solutions\nx\n", "x\n% end\n", "% without solutions\n% y\n% end\n"])
def test_a_mark_out_of_place_is_one_clear_line(text):
    with pytest.raises(ValueError, match=r"index\.md: found '% .*' out of place"):
        without_blocks(text, "index.md")


def test_the_built_pages_have_no_solutions(sites):
    full, course = sites
    assert check(course, ["index", "part/one"]) == []
    assert list(solutions(course)) == []
    page = (course / "part" / "one.html").read_text()
    assert HINT in page
    assert SECRET not in page
    assert "Exercise 1: your turn" in page
    assert "Self-check 1" not in page
    assert "Self-check 1" in (full / "part" / "one.html").read_text()
    found = "\n".join(solutions(full))
    for part in ("shows a solution", "leads to a notebook with solutions", "tagged solution", "tagged facilitator"):
        assert part in found


def test_the_book_shows_the_facilitators_notes(sites):
    full, _ = sites
    assert SECRET in (full / "part" / "one.html").read_text()


def test_the_notebook_to_download_has_no_solutions(sites):
    full, course = sites
    assert "tag" not in (course / "_sources" / "part" / "one.ipynb").name
    assert "solution" in tags(full / "_sources" / "part" / "one.ipynb")
    assert "solution" not in tags(course / "_sources" / "part" / "one.ipynb")
    page = (course / "part" / "one.html").read_text()
    assert "_sources/part/one.ipynb" in page
    assert "colab.research.google.com" not in page
    assert "github.com" not in page


def test_settings_of_the_book_are_left_alone():
    settings = yaml.safe_load(CONFIG)
    course = settings_of_a_course(settings)
    assert settings == yaml.safe_load(CONFIG)
    assert course["title"] == "A small book (without solutions)"
    assert "launch_buttons" not in course
