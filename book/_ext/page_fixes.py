"""Mend what the theme and its companions put into a page: errors, weight, and what a screen reader stumbles over."""

import re
from pathlib import Path

from sphinx.application import Sphinx

FOLDED = r'(<div class="cell [^"]*tag_{}[^"]*">\s*<details[^>]*>\s*)<summary>.*?</summary>'

# (what is wrong in the built page, what stands there instead); axe-core found the ones about roles and names.
SUBSTITUTIONS = [
    # 1.5 MB of script that draws the icons a second time: the theme's fonts draw them already.
    (
        re.compile(
            r'\s*<!-- So that users can add custom icons -->\s*<script src="[^"]*fontawesome\.js[^"]*"></script>'
        ),
        "",
    ),
    # A button whose name differs from the text on it.
    (re.compile(r'(<button class="btn search-button-field[^>]*?) aria-label="Search"'), r"\1"),
    (re.compile(r'(<i class="theme-switch [^>]*?)\s+title="[^"]*"'), r'\1 aria-hidden="true"'),
    (re.compile(r'<summary aria-label="Toggle hidden content">'), "<summary>"),
    # A sidebar that is no landmark.
    (re.compile(r'(<div id="pst-primary-sidebar")'), r'\1 role="complementary" aria-label="Book"'),
    # Roles that a bibliography's entries and lists may not have.
    (re.compile(r'(<div class="citation" id="[^"]*") role="doc-biblioentry"'), r"\1"),
    (re.compile(r'<div role="list" class="citation-list">'), '<div class="citation-list">'),
    # A comma or full stop that a line break parts from the formula before it.
    (
        re.compile(r'(<span class="math notranslate nohighlight">[^<]*</span>[.,;:!?)]+)'),
        r'<span class="with-its-comma">\1</span>',
    ),
    # A folded solution says so, and a folded self-check.
    (re.compile(FOLDED.format("solution"), re.DOTALL), r"\1<summary>Solution</summary>"),
    (re.compile(FOLDED.format("self-check"), re.DOTALL), r"\1<summary>Self-check</summary>"),
]


def mend_page(html: str) -> str:
    """Apply every substitution to one built page."""
    for pattern, replacement in SUBSTITUTIONS:
        html = pattern.sub(replacement, html)
    return html


def mend_pages(app: Sphinx, exception: Exception | None) -> None:
    """Mend each page of a finished HTML build."""
    if exception is None and app.builder.format == "html":
        pages = set(Path(app.outdir).rglob("*.html")) - set(Path(app.outdir, "_static").rglob("*.html"))
        for page in pages:
            html = page.read_text(encoding="utf-8")
            mended = mend_page(html)
            if mended != html:
                page.write_text(mended, encoding="utf-8")


def keep_needed_scripts(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Drop inline scripts that are listed twice, an error in the page, and thebe's, which the book doesn't use."""
    seen, kept = set(), []
    for script in context.get("script_files", []):
        body = getattr(script, "attributes", {}).get("body")
        if "thebe" in str(script) or "THEBE" in (body or "") or (body is not None and body in seen):
            continue
        seen.add(body)
        kept.append(script)
    context["script_files"] = kept


def setup(app: Sphinx) -> dict:
    """Register the extension with Sphinx."""
    app.connect("html-page-context", keep_needed_scripts, priority=900)
    app.connect("build-finished", mend_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
