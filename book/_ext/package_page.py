"""The page of the package: its look, and how samplers are called and data sets are read."""

from sphinx.application import Sphinx

SHOWN = {"__call__", "__getitem__"}


def show_calls(app: Sphinx, what: str, name: str, obj, skip: bool, options) -> bool | None:
    """Keep the documented special methods that a reader types without seeing them."""
    return False if name in SHOWN and obj.__doc__ else None


def setup(app: Sphinx) -> dict:
    """Register the extension with Sphinx."""
    app.add_css_file("package_page.css", priority=910)
    app.connect("autodoc-skip-member", show_calls)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
