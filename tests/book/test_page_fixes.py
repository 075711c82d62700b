"""What is mended in built pages, each on the piece of HTML that the theme writes."""

from types import SimpleNamespace

from page_fixes import keep_needed_scripts, mend_page


def script(body=None, name=""):
    attributes = {} if body is None else {"body": body}
    return SimpleNamespace(filename=name, attributes=attributes)


def test_inline_scripts_stand_once_and_thebe_is_gone():
    scripts = [
        script(name="a.js"),
        script("let x = 1;"),
        script("let x = 1;"),
        script(name="b.js"),
        script("THEBE_JS_URL"),
    ]
    context = {"script_files": scripts}
    keep_needed_scripts(None, "index", "page.html", context, None)
    assert [s.filename or s.attributes["body"] for s in context["script_files"]] == ["a.js", "let x = 1;", "b.js"]


def test_the_icons_are_drawn_once():
    html = (
        '<!-- So that users can add custom icons -->\n  <script src="_static/scripts/fontawesome.js?digest=1"></script>'
    )
    assert mend_page(f"<head>{html}</head>") == "<head></head>"


def test_names_and_roles_are_those_that_readers_hear():
    button = '<button class="btn search-button-field search" title="Search" aria-label="Search" data-x>'
    assert "aria-label" not in mend_page(button)
    assert mend_page('<i class="theme-switch fa-sun" data-mode="light" title="Light"></i>').count("title") == 0
    assert mend_page('<div role="list" class="citation-list">') == '<div class="citation-list">'
    assert "role" not in mend_page('<div class="citation" id="id9" role="doc-biblioentry">')
    assert 'role="complementary"' in mend_page('<div id="pst-primary-sidebar" class="bd-sidebar">')


def test_a_folded_solution_or_self_check_says_so_and_another_cell_does_not():
    summary = '<summary aria-label="Toggle hidden content"><p>Show the content</p></summary>'
    cell = '<div class="cell tag_{tag} docutils container">\n<details class="hide">\n' + summary
    assert "<summary>Solution</summary>" in mend_page(cell.format(tag="solution tag_hide-cell"))
    assert "<summary>Self-check</summary>" in mend_page(cell.format(tag="self-check tag_hide-input"))
    assert "<summary><p>Show the content</p></summary>" in mend_page(cell.format(tag="hide-input"))


def test_a_formula_keeps_its_full_stop():
    formula = '<span class="math notranslate nohighlight">\\(N_h\\)</span>'
    assert mend_page(f"<p>of {formula}. Then</p>") == f'<p>of <span class="with-its-comma">{formula}.</span> Then</p>'
    assert mend_page(f"<p>of {formula} pixels</p>") == f"<p>of {formula} pixels</p>"
