"""Measure what the page on reliability promises, and make that page.

    python book/_tools/reliability.py measure --minutes 30
    python book/_tools/reliability.py page

The first counts the tests of each kind, fuzzes the readers for so long, and writes a record; a fault ends it.
The second writes book/reference/reliability.md from the record, only when its bytes change.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from chapters import BOOK
from normal_form import write_if_changed

ROOT = BOOK.parent
RECORD = ROOT / "pixelnet_edu" / "records" / "reliability.json"
PAGE = BOOK / "reference" / "reliability.md"
FILES = {  # where each promise is tested
    "values": "tests/bad_inputs/test_python_api.py",
    "photographs": "tests/bad_inputs/test_bad_photographs.py",
    "folders": "tests/bad_inputs/test_bad_data_folders.py",
    "checkpoints": "tests/bad_inputs/test_bad_checkpoints.py",
    "records": "tests/bad_inputs/test_bad_records.py",
    "commands": "tests/bad_inputs/test_bad_commands.py",
    "answers": "tests/bad_inputs/test_bad_answers.py",
    "kills": "tests/training/test_kills.py",
    "laws": "tests/properties/test_laws.py",
    "readers": "tests/properties/test_readers.py",
}
TEMPLATE = Path(__file__).with_suffix(".md")
AT_ONCE = 2000  # examples


def measure(minutes: float) -> None:
    """Count the tests, fuzz the readers, and write the record."""
    found = {"date": date.today().isoformat(), "minutes": round(minutes), "tests": counted(), "examples": fuzz(minutes)}
    RECORD.write_text(json.dumps(found, indent=1) + "\n")


def counted() -> dict[str, int]:
    """Return the number of tests in each file."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *FILES.values()]
    lines = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    of_file = [match[1] for line in lines if (match := re.match(r"(tests/\S+?\.py)::", line))]
    return {name: of_file.count(path) for name, path in FILES.items()}


def fuzz(minutes: float) -> int:
    """Give the readers examples, each reader as many, until the time is up; return their number."""
    import hypothesis
    import test_readers

    number, seed, end = 0, 0, time.monotonic() + 60 * minutes
    tests = [test for name, test in vars(test_readers).items() if name.startswith("test_")]
    how = hypothesis.settings(max_examples=AT_ONCE, deadline=None, database=None)
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            for test in tests:
                hypothesis.seed(seed)(how(test))(Path(folder))
                number += AT_ONCE
            seed += 1
            print(f"{number:,} examples", flush=True)
    return number


def page() -> str:
    """Return the text of the page."""
    record = json.loads(RECORD.read_text())
    return TEMPLATE.read_text().format(**record, **record["tests"])


if __name__ == "__main__":
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "properties")]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["measure", "page"])
    parser.add_argument("--minutes", type=float, default=30)
    arguments = parser.parse_args()
    if arguments.action == "measure":
        measure(arguments.minutes)
    write_if_changed(PAGE, page().encode())
