"""Execute the chapters from top to bottom in a clean kernel and store them with their outputs.

    python book/_tools/run_notebooks.py [--limit SECONDS] [NOTEBOOK ...]

A chapter runs in an empty folder, so that it needs nothing but the installed package. It is written in normal form, in
one step, and only when its bytes change; where a cell fails nothing is written.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from chapters import chosen, shown
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from normal_form import dump, write_if_changed


class ChapterError(Exception):
    """A chapter did not run to its end."""


def execute(path: Path, limit: int) -> nbformat.NotebookNode:
    """Run a notebook in an empty folder and return it with its outputs and widget states."""
    notebook = _blank(nbformat.read(path, as_version=4))
    running = {}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=limit,
            record_timing=False,
            store_widget_state=True,
            resources={"metadata": {"path": folder}},
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
            on_cell_start=lambda cell, cell_index: running.update(number=cell_index + 1, source=cell.source),
        )
        try:
            return client.execute()
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            raise ChapterError(f"{shown(path)}: {_where(**running)}: {_reason(error, limit)}") from None


def _blank(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Forget what an earlier run left behind."""
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _where(number: int, source: str) -> str:
    """Name the cell that was running."""
    return f"cell {number} ({source.strip().splitlines()[0]!r})"


def _reason(error: Exception, limit: int) -> str:
    """Say in one line what went wrong."""
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue.strip().splitlines()[0] if error.evalue.strip() else 'no message'}"
    if isinstance(error, CellTimeoutError):
        return f"still running after {limit} seconds, expected a chapter to end within them"
    return "the kernel died: is there enough memory?"


def main(arguments: list[str] | None = None) -> int:
    """Execute the named notebooks, or every chapter; the status is 1 where one fails or takes too long."""
    parser = argparse.ArgumentParser(description="Execute chapters and store them with their outputs.")
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every chapter of the table of contents")
    parser.add_argument("--limit", type=int, default=60, help="seconds that one chapter may take (default: 60)")
    options = parser.parse_args(arguments)
    failures = [run(path, options.limit) for path in chosen(options.notebooks)]
    return int(any(failures))


def run(path: Path, limit: int) -> bool:
    """Execute one notebook, store it, print its seconds; tell whether it failed or took too long."""
    start = time.perf_counter()
    try:
        content = dump(execute(path, limit))
    except ChapterError as error:
        print(error, file=sys.stderr)
        return True
    seconds = time.perf_counter() - start
    outcome = "written" if write_if_changed(path, content) else "unchanged"
    print(f"{seconds:6.1f} s  {shown(path)}  {outcome}", flush=True)
    if seconds > limit:
        print(f"{shown(path)}: took {seconds:.0f} seconds, expected at most {limit}", file=sys.stderr)
    return seconds > limit


if __name__ == "__main__":
    sys.exit(main())
