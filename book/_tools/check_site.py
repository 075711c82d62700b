"""Check the built book: every page is there, asks no other host for anything, and no internal link leads nowhere.

    python book/_tools/check_site.py [--without-solutions] [_build/html]

A build can be green and empty; this is what notices. It also sees what the build lets pass: a link in HTML that leads
nowhere, and `[text][label]` without such a label. With --without-solutions no page may show or lead to a solution.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from chapters import BOOK, pages, shown
from lessons import FACILITATOR, SOLUTION

LOADING_RELS = {"stylesheet", "preload", "modulepreload", "icon", "manifest", "preconnect", "dns-prefetch", "prefetch"}
LOADING_TAGS = {"script", "img", "source", "iframe", "video", "audio", "embed", "track", "input", "image", "use"}
VERBATIM_TAGS = {"script", "style", "pre", "code", "title", "textarea"}
NO_END_TAGS = {"img", "br", "hr", "input", "meta", "link", "source", "embed", "track", "wbr", "col", "area", "base"}
LEFT_OVER = re.compile(r"\[[^][]+\]\[[^][]*\]|\[[^][]+\]\([^()\s]+\)")  # Markdown that became no link
WITH_SOLUTIONS = re.compile(r"^https://(?:colab\.research\.google\.com/github|github\.com)/.*\.ipynb(?:$|[?#])")
FOREIGN_STYLE = re.compile(r"""(?:@import\s+|url\()\s*["']?((?:https?:)?//[^"')\s]+)""")


class Page(HTMLParser):
    """What a page is called, what it loads, where it links to, and which places in it can be linked to."""

    def __init__(self, html: str):
        super().__init__()
        self.title, self.headings = "", 0
        self.loads, self.links, self.anchors = [], [], set()
        self.classes, self.left_over = set(), []
        self._in_title, self._verbatim = False, []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Note a tag's addresses and anchors."""
        values = {key: value or "" for key, value in attrs}
        self._in_title = tag == "title" and not self.title
        self.headings += tag == "h1"
        self.anchors |= {values[key] for key in ("id", "name") if key in values}
        self.classes |= (classes := set(values.get("class", "").split()))
        if tag not in NO_END_TAGS and (self._verbatim or tag in VERBATIM_TAGS or "math" in classes):
            self._verbatim.append(tag)
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag in LOADING_TAGS or (tag == "link" and LOADING_RELS & set(values.get("rel", "").split())):
            self.loads += [values[key] for key in ("src", "href", "poster", "data") if values.get(key)]
            self.loads += [part.split()[0] for part in values.get("srcset", "").split(",") if part.strip()]

    def handle_endtag(self, tag):
        """Leave the title, or what is shown as it is written."""
        self._in_title = self._in_title and tag != "title"
        if tag in self._verbatim:
            del self._verbatim[len(self._verbatim) - 1 - self._verbatim[::-1].index(tag) :]

    def handle_data(self, data):
        """Read the title, and look for Markdown in the text."""
        self.title += data if self._in_title else ""
        self.left_over += [] if self._verbatim else LEFT_OVER.findall(data)


def check(site: Path, names: list[str]) -> list[str]:
    """Return a line for each thing that is wrong with a built book that should have these pages."""
    missing = [
        f"{shown(site)}: the page {name}.html is missing" for name in names if not (site / f"{name}.html").exists()
    ]
    files = [path for path in sorted(site.rglob("*.html")) if "_static" not in path.relative_to(site).parts]
    parsed = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in files}
    findings = [*missing]
    for path, page in parsed.items():
        name = path.relative_to(site.resolve()).as_posix()
        if name.removesuffix(".html") in names and not (page.title.strip() and page.headings):
            findings.append(f"{name}: no title or no heading")
        findings += [f"{name}: loads {url} from another host" for url in page.loads if _is_foreign(url)]
        findings += [f"{name}: {text}" for text in _broken(path, page, parsed)]
        findings += [f"{name}: shows {text!r}, which became no link" for text in page.left_over]
    return findings + list(_styles(site))


def _is_foreign(url: str) -> bool:
    """Tell whether a page that loads this address asks another host."""
    return url.startswith("//") or urlsplit(url).scheme in {"http", "https", "ftp", "ws", "wss"}


def _broken(path: Path, page: Page, parsed: dict[Path, Page]) -> Iterator[str]:
    """Find links to files or places that don't exist, and missing local files that the page loads."""
    for url in dict.fromkeys([*page.links, *page.loads]):
        parts = urlsplit(url)
        if parts.scheme or parts.netloc or url.startswith("#!"):
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if not target.exists():
            yield f"{url} leads to a file that is not there"
        elif parts.fragment and target in parsed and unquote(parts.fragment) not in parsed[target].anchors:
            yield f"{url} leads to a place that is not there"


def _styles(site: Path) -> Iterator[str]:
    """Find style sheets that ask another host."""
    for path in sorted(site.rglob("*.css")):
        for url in FOREIGN_STYLE.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site).as_posix()}: loads {url} from another host"


def solutions(site: Path) -> Iterator[str]:
    """Find solutions and facilitator's notes in a book that should have none, and what leads to them."""
    for path in sorted(site.rglob("*.html")):
        page, name = Page(path.read_text(encoding="utf-8")), path.relative_to(site).as_posix()
        if f"tag_{SOLUTION}" in page.classes:
            yield f"{name}: shows a solution"
        for url in filter(WITH_SOLUTIONS.match, page.links):
            yield f"{name}: {url} leads to a notebook with solutions"
    for path in sorted(site.rglob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        tags = {tag for cell in cells for tag in cell["metadata"].get("tags", [])}
        for tag in sorted(tags & {SOLUTION, FACILITATOR}):
            yield f"{path.relative_to(site).as_posix()}: has a cell tagged {tag}"


def main(arguments: list[str] | None = None) -> int:
    """Check a built book; the status is 1 where there is a finding."""
    parser = argparse.ArgumentParser(description="Check the built book.")
    parser.add_argument("site", nargs="?", type=Path, default=BOOK.parent / "_build" / "html")
    parser.add_argument("--without-solutions", action="store_true", help="no page may show or lead to a solution")
    options = parser.parse_args(arguments)
    site = options.site
    if not (site / "index.html").exists():
        print(f"{shown(site)}: found no index.html, expected a built book: run `make book`", file=sys.stderr)
        return 1
    findings = check(site, pages()) + (list(solutions(site)) if options.without_solutions else [])
    print(*findings, sep="\n", end="\n" if findings else "")
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main())
