"""Let the page of the package show how its samplers are called and its data sets are read."""

from sphinx.application import Sphinx

SHOWN = {"__call__", "__getitem__"}


def show_calls(app: Sphinx, what: str, name: str, obj, skip: bool, options) -> bool | None:
    """Keep the documented special methods that a reader types without seeing them."""
    return False if name in SHOWN and obj.__doc__ else None


def setup(app: Sphinx) -> dict:
    """Register the extension with Sphinx."""
    app.connect("autodoc-skip-member", show_calls)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
