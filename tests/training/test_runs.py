"""The runs that the package ships: whole, free of machine paths, and as good as their records say."""

import json
import subprocess
import sys

import pytest

from pixelnet_edu import RoomScenes, evaluate
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training import runs
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.runs import RECORDS, load_run, recorded


@pytest.mark.parametrize("task", TASKS)
def test_recorded_network_scores_as_recorded(task):
    folder = recorded(f"rooms-{task}")
    recipe, root, model, problem = load_run(folder)
    assert (recipe.task, recipe.data, recipe.name, root) == (task, "rooms", "laptop", None)
    scores = json.loads((folder / "scores.json").read_text())
    found = evaluate(model, problem, RoomScenes(recipe.size, 24, seed=1))  # the first of the 200 test rooms
    assert found[problem.score] == pytest.approx(scores[problem.score], rel=0.15)


def test_records_follow_the_recipes_of_today():
    for task in TASKS:
        recipe = load_run(recorded(f"rooms-{task}"))[0]
        today = preset(task, "rooms", "laptop")
        assert recipe.widths == today.widths
        assert recipe.training.steps == today.training.steps
        assert recipe.sampler == today.sampler


def test_records_name_no_machine():
    for path in RECORDS.rglob("*.json"):
        assert '"/' not in path.read_text()


def test_unknown_record_is_named():
    with pytest.raises(ValueError, match=r"name: found 'rooms-depth', expected one of .*rooms-edges"):
        recorded("rooms-depth")


def test_the_commit_is_dirty_only_where_the_packages_code_changed(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    module = tmp_path / "pixelnet_edu" / "training" / "runs.py"
    module.parent.mkdir(parents=True)
    module.write_text("1\n")
    (tmp_path / "page.md").write_text("a page\n")
    git("init")
    git("add", "-A")
    git("commit", "-m", "all")
    monkeypatch.setattr(runs, "__file__", str(module))
    clean = runs.commit()
    assert len(clean) == 12
    (tmp_path / "page.md").write_text("another\n")
    assert runs.commit() == clean
    module.write_text("2\n")
    assert runs.commit() == f"{clean}-dirty"


PROGRAM = """
import numpy as np
from pathlib import Path
from pixelnet_edu.training.runs import keep_freed_memory

def left_after_freeing():
    pages = [int(Path("/proc/self/statm").read_text().split()[1])]
    block = np.ones(64 << 20, dtype=np.uint8)
    del block
    pages.append(int(Path("/proc/self/statm").read_text().split()[1]))
    return (pages[1] - pages[0]) * 4096 >> 20

print(left_after_freeing(), keep_freed_memory(), left_after_freeing())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory a process has")
def test_freed_memory_stays_with_the_process():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    before, _, after = done.stdout.split()
    assert int(before) <= 8
    assert int(after) >= 60
