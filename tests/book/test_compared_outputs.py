"""Comparing outputs passes on what a run gives and fails on anything else."""

import shutil
import subprocess
import sys
from pathlib import Path

from notebook_maker import chapter, code, picture, store

ROOT = Path(__file__).resolve().parents[2]
FIGURE = "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.figure(figsize=(1, 1))\nplt.plot([0, 1]);"


def compare(folder, *cells):
    """Run nbval on a chapter of these cells, as `make test` does; return what it says."""
    shutil.copy(ROOT / "book" / "conftest.py", folder)
    path = store(folder / "a.ipynb", chapter(*cells))
    options = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", ROOT / "tests" / "nbval_sanitize.cfg"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, path]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def figure():
    output = picture()
    output.data["text/plain"] = "<Figure size 100x100 with 1 Axes>"
    return output


def test_what_a_run_gives_passes(tmp_path):
    cells = code("print(f'{0.1 + 0.2:.4f}')", "0.3000\n"), code("1 + 1;"), code(FIGURE, figure())
    cells += (code("print(object())", "<object object at 0x7f0123456789>\n"),)
    result = compare(tmp_path, *cells)
    assert result.returncode == 0, result.stdout


def test_anything_else_fails(tmp_path):
    changed, missing, unsilenced, no_figure = ("print(3)", "4\n"), ("print(3)",), ("3;", "3\n"), ("x = 3", figure())
    result = compare(tmp_path, *(code(*cell) for cell in (changed, missing, unsilenced, no_figure)))
    assert result.returncode == 1
    assert "4 failed, 1 passed" in result.stdout
