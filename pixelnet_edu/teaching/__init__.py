"""What a chapter needs beside the science: figures, explorers, quizzes, self-checks. Names load on first use."""

import importlib

_HOME = {
    "charts": "hits_histogram interval_bars precision_recall",
    "exercises": "check",
    "palette": "OKABE_ITO PALETTE STRATA hex_colors",
    "plotting": "WIDTH pixel_map show_images show_points use_style",
    "widgets": "CellExplorer LabelProbe Question Quiz SampleExplorer",
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names.split()}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> object:
    """Import a name from its module when it is first asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
