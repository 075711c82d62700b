"""A small book in a folder of its own, for the tests that build one."""

import subprocess
import sys
from pathlib import Path

from nbformat import v4
from notebook_maker import chapter, code, store, teach

CONFIG = """\
title: A small book
author: Nobody
only_build_toc_files: true
execute: {execute_notebooks: "off"}
bibtex_bibfiles: [references.bib]
repository: {url: https://github.com/nobody/small, path_to_book: book, branch: main}
launch_buttons: {colab_url: https://colab.research.google.com}
html: {use_repository_button: true, baseurl: https://example.org/}
sphinx:
  recursive_update: true
  config: {myst_heading_anchors: 2, nb_ipywidgets_js: {}}
"""
TOC = """\
format: jb-book
root: index
parts:
  - caption: The part
    chapters:
      - file: part/one
  - caption: Reference
    chapters:
      - file: reference/objectives
"""
INDEX = """\
# A small book

{cite:p}`known2000`

% with solutions
Solutions are folded.
% without solutions
% Solutions are with your teacher.
%
% Ask.
% end

```{bibliography}
```
"""
REFERENCES = "@article{known2000, title={A title}, author={A. Known}, journal={A journal}, year={2000}}\n"
SECRET, HINT = "Let them disagree first.", "Exercise 1: your turn"


def note(text: str):
    """Make a facilitator's note."""
    return v4.new_markdown_cell(text, metadata={"tags": ["facilitator"]})


def make_book(folder: Path) -> Path:
    """Write the sources of the book, with a chapter that has everything; return the folder of its pages."""
    book = folder / "book"
    for name in ("part", "reference"):
        (book / name).mkdir(parents=True)
    (folder / "_config.yml").write_text(CONFIG)
    for name, text in (("_toc.yml", TOC), ("index.md", INDEX), ("references.bib", REFERENCES)):
        (book / name).write_text(text)
    notebook = teach(chapter(code("print(1)", "1\n")))
    notebook.cells.append(note(SECRET))
    store(book / "part" / "one.ipynb", notebook)
    (book / "reference" / "objectives.md").write_text("# Objectives\n")
    return book


def build(book: Path) -> subprocess.CompletedProcess:
    """Build the book as `make book` does."""
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(book), "-W", "--keep-going"]
    return subprocess.run(command, cwd=book.parent, capture_output=True, text=True, check=False)
