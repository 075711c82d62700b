"""`make` with a stand-in for Python: set-up happens once, and one that was interrupted starts again."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FAKE_PYTHON = """#!/bin/sh
echo "$*" >> log
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python && cp "$0" .venv/bin/npm ;;
  *"-r requirements.lock") test ! -e fail ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("requirements.lock", "pyproject.toml", "book/_assets/package.json", "book/_assets/package-lock.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    fake = tmp_path / "fake-python"
    fake.write_text(FAKE_PYTHON)
    fake.chmod(0o755)
    return tmp_path


def make(project, *arguments, python="./fake-python"):
    command = ["make", "--no-print-directory", f"PYTHON={python}", *arguments]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(command, cwd=project, capture_output=True, text=True, env=environment, check=False)


def log(project):
    return (project / "log").read_text().splitlines()


def test_make_alone_lists_every_command(project):
    listed = {line.split()[1] for line in make(project).stdout.splitlines()}
    assert listed >= {"book", "serve", "quick", "test", "notebooks", "elsewhere", "lint", "format", "lock", "clean"}


def test_a_book_is_built_with_solutions_or_without():
    lines = {answer: dry_run("book", f"SOLUTIONS={answer}") for answer in ("yes", "no")}
    assert dry_run("book") == lines["yes"]
    assert "jupyter-book build book -W --keep-going" in lines["yes"]
    assert "without" not in lines["yes"]
    steps = [
        "without_solutions.py",
        "build _build/source-without-solutions/book -W",
        "check_site.py --without-solutions",
    ]
    assert [step for step in steps if step not in lines["no"]] == []
    assert "found SOLUTIONS=perhaps, expected yes or no" in dry_run("book", "SOLUTIONS=perhaps")


def test_chapters_are_compared_with_more_threads_and_with_plain_instructions():
    more_threads, plain = [line for line in dry_run("elsewhere").splitlines() if "--nbval" in line]
    assert more_threads.startswith("OMP_NUM_THREADS=2 ")
    assert plain.startswith("ATEN_CPU_CAPABILITY=default ")


def test_the_page_of_the_objectives_follows_its_chapters():
    for command in ("notebooks", "format"):
        assert dry_run(command).splitlines()[-1].endswith("python book/_tools/objectives.py")


def test_a_commit_runs_the_commands_of_format_and_the_spelling_of_lint():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks] == [*dry_run("format").splitlines(), ".venv/bin/codespell"]
    assert ".venv/bin/codespell" in dry_run("lint").splitlines()
    for hook in hooks:
        reads_notebooks = "jupyter" in hook.get("types_or", []) or hook.get("types") == ["text"]
        assert reads_notebooks or hook["files"].endswith(r"\.ipynb$"), hook["id"]


def test_spelling_reads_notebooks_but_no_pictures(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    wrong = "t" + "eh"
    files = {
        "text.md": "mean OIS of Winn\n",
        "picture.ipynb": f'"{"A" * 60}+{wrong}+/"\n',
        "wrong.ipynb": f'"in {wrong} end"\n',
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    command = [sys.executable, "-m", "codespell_lib"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["./wrong.ipynb"]


def test_the_quick_command_checks_the_style_and_tests_the_core():
    *lint, tests = dry_run("quick").splitlines()
    assert lint == dry_run("lint").splitlines()
    assert '-m "not slow"' in tests
    folders = [word for word in tests.split() if word.startswith("tests/")]
    assert "tests/model" in folders
    assert [name for name in folders if not (ROOT / name).exists()] == []


def test_the_share_of_tested_lines_is_shown_and_fails_nothing(tmp_path):
    tests, shown = [line for line in dry_run("test").splitlines() if "cov" in line]
    assert "--cov " in tests
    (tmp_path / ".venv/bin").mkdir(parents=True)
    coverage = tmp_path / ".venv/bin/coverage"
    for answer, share in (("echo 98", "98"), ("echo No data >&2; exit 1", "")):
        coverage.write_text(f"#!/bin/sh\n{answer}\n")
        coverage.chmod(0o755)
        result = subprocess.run(["sh", "-c", shown], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert result.stdout.startswith(f"The tests ran {share} % of the lines of pixelnet_edu")


def test_lint_checks_the_types_of_the_core_by_a_pinned_pyright():
    assert ".venv/bin/node book/_assets/node_modules/pyright/index.js" in dry_run("lint").splitlines()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pyright"]
    assert {"pixelnet_edu/model", "pixelnet_edu/tasks.py"} <= set(settings["include"])
    assert [path for path in settings["include"] if not (ROOT / path).exists()] == []
    asked, locked = (
        json.loads((ROOT / "book/_assets" / name).read_text()) for name in ("package.json", "package-lock.json")
    )
    assert asked["devDependencies"]["pyright"] == locked["packages"]["node_modules/pyright"]["version"]


def test_another_machine_is_tried_every_week():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "elsewhere.yml").read_text())
    assert workflow[True]["schedule"]  # YAML reads the key `on` as a truth value
    assert "make PYTHON=python elsewhere" in [step.get("run") for step in workflow["jobs"]["elsewhere"]["steps"]]


def dry_run(*arguments):
    """Return the commands that make would run, each in one line, in this project."""
    command = ["make", "--no-print-directory", "-n", "-o", ".venv/bin/ready", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.replace("\\\n", " ")


def test_set_up_happens_once(project):
    assert make(project, ".venv/bin/ready").returncode == 0
    before = log(project)
    assert make(project, ".venv/bin/ready").returncode == 0
    assert log(project) == before


def test_a_new_lock_sets_up_again_in_the_same_environment(project):
    make(project, ".venv/bin/ready")
    later = (project / ".venv/bin/ready").stat().st_mtime + 5
    os.utime(project / "requirements.lock", (later, later))
    make(project, ".venv/bin/ready")
    assert sum("requirements.lock" in line for line in log(project)) == 2
    assert sum("-m venv" in line for line in log(project)) == 1


def test_an_interrupted_set_up_starts_again(project):
    (project / "fail").touch()
    assert make(project, ".venv/bin/ready").returncode != 0
    assert not (project / ".venv/bin/ready").exists()
    (project / ".venv/bin/half-installed").touch()
    (project / "fail").unlink()
    assert make(project, ".venv/bin/ready").returncode == 0
    assert (project / ".venv/bin/ready").exists()
    assert not (project / ".venv/bin/half-installed").exists()


def test_a_set_up_beside_another_is_refused_and_leaves_it_alone(project):
    """The process that is at work is this one."""
    (project / ".venv").mkdir()
    (project / ".venv/unfinished").write_text(str(os.getpid()))
    (project / ".venv/half-installed").touch()
    result = make(project, ".venv/bin/ready")
    assert result.returncode != 0
    assert f"set-up: found another one at work here (process {os.getpid()})" in result.stderr
    assert (project / ".venv/half-installed").exists()


def test_an_environment_whose_programs_are_gone_is_made_again(project):
    make(project, ".venv/bin/ready")
    shutil.rmtree(project / ".venv/bin")
    assert make(project, ".venv/bin/ready").returncode == 0
    assert sum("-m venv" in line for line in log(project)) == 2


@pytest.mark.parametrize("port", ["abc", "", "99999", "-1", "taken"])
def test_a_port_that_is_none_or_taken_is_one_line(tmp_path, port):
    (tmp_path / "index.html").touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1]) if port == "taken" else port
        command = ["make", "--no-print-directory", "-o", ".venv/bin/ready", "serve", f"PORT={port}", f"SITE={tmp_path}"]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode != 0
    assert result.stdout == ""
    assert f"serve: found port {port} taken, or none, expected a free one" in result.stderr


def test_no_python_is_one_clear_line(project):
    result = make(project, ".venv/bin/ready", python="no-such-python")
    assert result.returncode != 0
    assert "found no Python 3.11, 3.12 or 3.13 (tried: no-such-python)" in result.stderr.splitlines()[0]


@pytest.mark.parametrize(("required", "outcome"), [("0", "1 skipped"), ("1", "1 error")])
def test_tests_on_real_photographs_skip_or_fail(tmp_path, required, outcome):
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n@pytest.mark.real_data\ndef test_it(data_root):\n    assert data_root\n"
    )
    environment = os.environ | {"PIXELNET_DATA": str(tmp_path / "nowhere"), "PIXELNET_REQUIRE_DATA": required}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-ra", str(tmp_path)]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert outcome in result.stdout
    assert "set PIXELNET_DATA" in result.stdout
