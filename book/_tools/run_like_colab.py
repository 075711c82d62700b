"""Run the chapters as a reader on Colab does: the first cell installs the package, the others use it.

    python book/_tools/run_like_colab.py [--limit SECONDS] [NOTEBOOK ...]

Use it in a clean environment that has what Colab has (torch, torchvision, numpy, matplotlib, ipykernel, nbclient,
ipywidgets) and not this package. A stand-in for ``google.colab`` is on the path while the kernels run. Nothing is
written; it fails where a chapter fails, or where the first cell replaces torch or numpy under the reader's kernel.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from chapters import chosen, shown
from run_notebooks import ChapterError, execute

KEPT = ("torch", "torchvision", "numpy")
UPLOAD = "def upload():\n    return {}  # a reader who cancels\n"
STAND_IN = """\
class _widgets:  # anywidget reads where Colab's widget manager came from
    _installed_url = "stand-in"


def enable_custom_widget_manager():
    pass
"""


def pretend_colab(folder: Path) -> None:
    """Put a stand-in for Colab's module on the path of the kernels, loaded before the first cell as it is there."""
    package = folder / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "output.py").write_text(STAND_IN)
    (package / "files.py").write_text(UPLOAD)
    startup = folder / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "colab.py").write_text("import google.colab\n")
    os.environ |= {"PYTHONPATH": str(folder), "IPYTHONDIR": str(folder / "ipython")}


def versions() -> dict[str, str]:
    """Return the installed versions of what must stay as it is, seen by a fresh Python."""
    code = f"from importlib.metadata import version; print(*map(version, {KEPT}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return dict(zip(KEPT, found.stdout.split(), strict=True))


def run(path: Path, limit: int) -> bool:
    """Run one chapter and print its seconds; tell whether it failed."""
    start = time.perf_counter()
    try:
        execute(path, limit)
    except ChapterError as error:
        print(error, file=sys.stderr)
        return True
    print(f"{time.perf_counter() - start:6.1f} s  {shown(path)}", flush=True)
    return False


def main(arguments: list[str] | None = None) -> int:
    """Run the named notebooks, or every chapter; the status is 1 where one fails or a version changed."""
    parser = argparse.ArgumentParser(description="Run chapters as on Colab.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every chapter of the table of contents")
    parser.add_argument("--limit", type=int, default=300, help="seconds that one cell may take (default: 300)")
    options = parser.parse_args(arguments)
    before = versions()
    with tempfile.TemporaryDirectory() as folder:
        pretend_colab(Path(folder))
        failures = [run(path, options.limit) for path in chosen(options.notebooks)]
    after = versions()
    changed = [name for name in KEPT if after[name] != before[name]]
    for name in changed:
        print(f"the install cell replaced {name} {before[name]} by {after[name]} under the kernel", file=sys.stderr)
    return int(any(failures) or bool(changed))


if __name__ == "__main__":
    sys.exit(main())
