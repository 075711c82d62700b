"""A recipe so small that the real runner trains it in a fraction of a second."""

import pytest

from pixelnet_edu.experiments import experiment
from pixelnet_edu.experiments.design import base_recipe, vary
from pixelnet_edu.experiments.plan import choose_arms, plan_runs


@pytest.fixture(scope="session")
def rooms(tmp_path_factory):
    """Return a folder in which rooms are rendered once."""
    return tmp_path_factory.mktemp("rooms")


@pytest.fixture(scope="session")
def tiny():
    """Return a function that makes the tiny recipe of a task."""

    def make(task="segmentation", **changes):
        recipe = base_recipe(task, "rooms", "laptop", steps=6)
        small = {
            "size": (32, 32),
            "widths": (8, 8, 16),
            "hidden": (16,),
            "test_images": 3,
            "points_per_image": 100,
            "fresh_rooms": False,
            "checkpoint_every": 2,
            "log_every": 2,
        }
        return vary(recipe, **(small | changes))

    return make


@pytest.fixture
def plan(rooms, tiny, tmp_path):
    """Return a function that plans tiny runs of an experiment."""

    def make(name="table4", seeds=(0,), arms=(), records=tmp_path / "records", task="normals", **changes):
        chosen = experiment(name)
        base = tiny(task, **changes)
        return plan_runs(chosen, base, choose_arms(chosen, base, arms), seeds, records, rooms)

    return make
