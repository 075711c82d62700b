"""Serve every script, font and style of the book from the book itself.

A page that asks a content network for MathJax or for the widget manager is broken in a train, behind a school's filter,
and on the day that network is down. This extension copies what the pages need into ``_static/vendor``: MathJax,
require.js and the Jupyter widget manager from the npm packages that ``book/_assets/package-lock.json`` pins, and
anywidget's front end from the installed wheel, so that it always has the version of the Python side.
"""

import importlib.util
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

MODULES = "node_modules"
# (below book/_assets/node_modules, below _static/vendor)
MATHJAX = [
    ("mathjax/es5/tex-chtml.js", "mathjax/tex-chtml.js"),
    ("mathjax/es5/output/chtml/fonts/woff-v2", "mathjax/output/chtml/fonts/woff-v2"),
    ("mathjax/es5/input/tex/extensions", "mathjax/input/tex/extensions"),
]
WIDGETS = [
    ("requirejs/require.js", "widgets/require.js"),
    ("@jupyter-widgets/html-manager/dist/embed-amd.js", "widgets/embed-amd.js"),
]
WIDGET_FONTS = "@jupyter-widgets/html-manager/dist/*.woff2"


def _anywidget_front_end() -> Path:
    """Return the AMD module that the installed anywidget ships."""
    package = importlib.util.find_spec("anywidget")
    if package is None or package.origin is None:
        raise ExtensionError("anywidget is not installed: run `make book`, which installs requirements.lock")
    return Path(package.origin).parent / "nbextension" / "index.js"


def _copies(modules: Path, vendor: Path) -> list[tuple[Path, Path]]:
    """List every (source, target) pair of the vendor folder."""
    pairs = [(modules / source, vendor / target) for source, target in MATHJAX + WIDGETS]
    pairs += [(font, vendor / "widgets" / font.name) for font in sorted(modules.glob(WIDGET_FONTS))]
    return [*pairs, (_anywidget_front_end(), vendor / "widgets" / "anywidget.js")]


def copy_vendor(app: Sphinx) -> None:
    """Copy the vendored files into the output folder, or say which one is missing."""
    if app.builder.format != "html":
        return
    modules = Path(app.confdir) / "_assets" / MODULES
    for source, target in _copies(modules, Path(app.outdir) / "_static" / "vendor"):
        if not source.exists():
            raise ExtensionError(f"{source} is missing: run `make book`, or `npm ci` in book/_assets")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(source, target)


def setup(app: Sphinx) -> dict:
    """Register the extension with Sphinx."""
    app.add_css_file("book.css", priority=900)
    app.add_js_file("book.js", loading_method="defer")
    app.connect("builder-inited", copy_vendor)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
