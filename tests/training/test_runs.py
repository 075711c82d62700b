"""The runs that the package ships: whole, free of machine paths, and as good as their records say."""

import json

import pytest

from pixelnet_edu import RoomScenes, evaluate
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training.recipes import preset
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
