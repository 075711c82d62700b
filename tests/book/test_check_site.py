"""The check of the built book notices what a green build can hide."""

import pytest
from check_site import check, main

PAGE = "<html><head><title>{title}</title>{head}</head><body><h1 id='top'>{title}</h1>{body}</body></html>"


@pytest.fixture
def site(tmp_path):
    page(tmp_path / "index.html", body="<a href='part/one.html#top'>one</a> <a href='https://example.org'>out</a>")
    page(tmp_path / "part" / "one.html", body="<a href='../index.html'>back</a> <a href='#top'>up</a>")
    return tmp_path


def page(path, title="A page", head="", body=""):
    path.parent.mkdir(exist_ok=True)
    path.write_text(PAGE.format(title=title, head=head, body=body))


def findings(site):
    return check(site, ["index", "part/one"])


def test_a_good_site_has_no_finding(site):
    assert findings(site) == []


def test_a_missing_page_is_found(site):
    (site / "part" / "one.html").unlink()
    assert any("the page part/one.html is missing" in line for line in findings(site))


def test_a_page_without_a_title_is_found(site):
    page(site / "part" / "one.html", title="")
    assert findings(site) == ["part/one.html: no title or no heading"]


@pytest.mark.parametrize(
    "head",
    [
        "<script src='https://cdn.example.org/x.js'></script>",
        "<script src='//cdn.example.org/x.js'></script>",
        "<link rel='stylesheet' href='https://cdn.example.org/x.css'>",
        "<link rel='preconnect' href='https://fonts.example.org'>",
        "<img src='http://example.org/a.png'>",
        "<img srcset='https://example.org/a.png 2x'>",
        "<iframe src='https://example.org'></iframe>",
    ],
)
def test_asking_another_host_is_found(site, head):
    page(site / "part" / "one.html", head=head)
    assert "from another host" in findings(site)[0]


def test_a_style_that_asks_another_host_is_found(site):
    (site / "a.css").write_text(
        "@import url('https://fonts.example.org/a.css'); b { background: url(data:image/png,x) }"
    )
    assert findings(site) == ["a.css: loads https://fonts.example.org/a.css from another host"]


def test_naming_another_host_is_not_asking_it(site):
    head = "<link rel='canonical' href='https://example.org/one.html'><meta property='og:url' content='https://example.org'>"
    page(site / "part" / "one.html", head=head)
    assert findings(site) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<a href='two.html'>two</a>", "two.html leads to a file that is not there"),
        ("<a href='../index.html#nowhere'>x</a>", "#nowhere leads to a place that is not there"),
        ("<img src='missing.png'>", "missing.png leads to a file that is not there"),
    ],
)
def test_a_dead_link_is_found(site, body, message):
    page(site / "part" / "one.html", body=body)
    assert message in findings(site)[0]


def test_a_folder_without_a_book_is_one_clear_line(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert "found no index.html" in capsys.readouterr().err


@pytest.mark.parametrize(
    "body", ["<p>See [one][two].</p>", "<li>[one](two.html)</li>", "<p><img src='a.png'>a [x][]</p>"]
)
def test_markdown_that_became_no_link_is_found(site, body):
    (site / "part" / "a.png").touch()
    page(site / "part" / "one.html", body=body)
    assert "which became no link" in findings(site)[0]


@pytest.mark.parametrize(
    "body",
    [
        "<pre>a[0][1] <span>b</span> [x](y)</pre>",
        "<p><code>a[k][j]</code> and <code>f[x](y)</code></p>",
        "<span class='math'>\\(a[i][j]\\)</span>",
        "<p>the pixels [0, 1] (and [2, 3])</p>",
        "<script>x[0][1] = [a](b)</script>",
    ],
)
def test_code_and_formulas_are_no_left_over_markdown(site, body):
    page(site / "part" / "one.html", body=body)
    assert findings(site) == []


def test_text_after_code_is_looked_at_again(site):
    page(site / "part" / "one.html", body="<p><code>a[0][1]</code><pre><b>x</b></pre> [one][two]</p>")
    assert len(findings(site)) == 1


NOTEBOOK = '{"cells": [{"metadata": {"tags": ["%s"]}}]}'
COLAB = "https://colab.research.google.com/github/a/b/blob/main/book/c.ipynb"


@pytest.mark.parametrize(
    ("body", "tag", "message"),
    [
        ("<div class='cell tag_solution docutils'>1</div>", "x", "part/one.html: shows a solution"),
        (f"<a href='{COLAB}'>Colab</a>", "x", "c.ipynb leads to a notebook with solutions"),
        ("<a href='https://github.com/a/b/blob/main/c.ipynb?plain=1'>x</a>", "x", "leads to a notebook with solutions"),
        ("", "solution", "_sources/part/one.ipynb: has a cell tagged solution"),
        ("", "facilitator", "_sources/part/one.ipynb: has a cell tagged facilitator"),
        ("<a href='https://github.com/a/b/issues'>x</a> <a href='https://colab.research.google.com'>y</a>", "x", ""),
    ],
)
def test_a_solution_in_a_book_without_them_is_found(site, capsys, monkeypatch, body, tag, message):
    monkeypatch.setattr("check_site.pages", lambda: ["index", "part/one"])
    page(site / "part" / "one.html", body=body)
    (site / "_sources" / "part").mkdir(parents=True)
    (site / "_sources" / "part" / "one.ipynb").write_text(NOTEBOOK % tag)
    assert main([str(site)]) == 0
    assert main(["--without-solutions", str(site)]) == int(bool(message))
    assert message in capsys.readouterr().out
