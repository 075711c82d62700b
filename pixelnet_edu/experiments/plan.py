"""The runs of an experiment: which there are, where each leaves its record, and which are still to be made."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pixelnet_edu.experiments.arms import experiment
from pixelnet_edu.experiments.design import Arm, Experiment, vary
from pixelnet_edu.experiments.records import read_record
from pixelnet_edu.training.checkpoints import checkpoints
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import Recipe, recipe_from


@dataclass(frozen=True)
class Run:
    """One arm with one seed.

    Parameters
    ----------
    experiment, arm : str
        Names.
    recipe : Recipe
        With the seed.
    folder : Path
        Where its record goes.
    root : Path, optional
        Folder of the data set.
    """

    experiment: str
    arm: str
    recipe: Recipe
    folder: Path
    root: Path | None = None

    @property
    def seed(self) -> int:
        """The seed of the recipe."""
        return self.recipe.training.seed

    @property
    def name(self) -> str:
        """The name of its files, such as "hard-seed3"."""
        return f"{self.arm}-seed{self.seed}"

    @property
    def record(self) -> Path:
        """The record's file."""
        return self.folder / f"{self.name}.json"

    @property
    def work(self) -> Path:
        """The folder of what leads to the record."""
        return self.folder / self.name

    @property
    def steps_left(self) -> int:
        """The steps that follow its newest checkpoint; all without one."""
        saved = checkpoints(self.work)
        return self.recipe.training.steps - (int(saved[0].name.partition("-")[2]) if saved else 0)

    @property
    def readings(self) -> list[int]:
        """The steps after which the test set is scored."""
        return [max(1, round(share * self.recipe.training.steps)) for share in experiment(self.experiment).readings]


def choose_arms(chosen: Experiment, base: Recipe, names: Sequence[str] = ()) -> list[Arm]:
    """Return the arms of these names; the default ones for no name, every one for "every".

    Raises
    ------
    ValueError
        For an unknown name, a repeated one, or a task that the experiment is not about.
    """
    if base.task not in chosen.tasks:
        raise ValueError(f"task: found {base.task!r}, expected {', '.join(chosen.tasks)} for {chosen.name}")
    arms = {arm.name: arm for arm in chosen.arms(base)}
    if list(names) == ["every"]:
        return list(arms.values())
    for name in names:
        if name not in arms:
            raise ValueError(f"arms: found {name!r}, expected some of {', '.join(arms)}, or every")
    if len(set(names)) < len(names):
        raise ValueError(f"arms: found {','.join(names)}, expected each arm once")
    return [arms[name] for name in names] or [arm for arm in arms.values() if arm.default]


def plan_runs(
    chosen: Experiment, base: Recipe, arms: Sequence[Arm], seeds: Sequence[int], records: Path, root: Path | None = None
) -> list[Run]:
    """List the runs, seed by seed, so that an early stop leaves whole comparisons.

    Raises
    ------
    ValueError
        For repeated or negative seeds.
    """
    if len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise ValueError(f"seeds: found {','.join(map(str, seeds))}, expected whole numbers from 0, each once")
    folder = records / chosen.name / setting_of(base)
    return [Run(chosen.name, arm.name, vary(arm.recipe, seed=seed), folder, root) for seed in seeds for arm in arms]


def setting_of(base: Recipe) -> str:
    """Name the folder of an experiment's records: ``TASK-DATA-PRESET``, what is not the preset's, and "tuning".

    Examples
    --------
    >>> setting_of(preset("segmentation", "rooms", "laptop"))
    'segmentation-rooms-laptop'
    """
    own = preset(base.task, base.data, base.name)
    others = [v for v, usual in ((base.backbone, own.backbone), (base.weights, own.weights)) if v != usual]
    return "-".join([base.task, base.data, base.name, *others, *(["tuning"] if base.held_out else [])])


def is_finished(run: Run) -> bool:
    """Tell whether a run has its record.

    Raises
    ------
    ValueError
        If the record cannot be read, or was made with another recipe.
    """
    if not run.record.exists():
        return False
    check_recipe(run, read_record(run.record).recipe, run.record)
    return True


def unfinished(runs: Sequence[Run]) -> list[Run]:
    """Return the runs without a record; of the others, remove what a kill at the last moment left behind.

    Raises
    ------
    ValueError
        If a record cannot be read, or was made with another recipe.
    """
    left = [run for run in runs if not is_finished(run)]
    for run in runs:
        if run not in left:
            shutil.rmtree(run.work, ignore_errors=True)
    return left


def check_recipe(run: Run, found: dict, path: Path) -> None:
    """Raise ValueError unless the recipe found there is the run's."""
    found, expected = ({**r, **r["training"], "training": 0} for r in (plain(recipe_from(found)), plain(run.recipe)))
    for name in expected:
        if found[name] != expected[name]:
            cure = "it is of another recipe, so choose another --records folder, or move it"
            raise ValueError(f"{path}: found {name} {found[name]!r}, expected {expected[name]!r}; {cure}")


def plain(recipe: Recipe) -> dict:
    """Return a recipe as a JSON file gives it back."""
    return json.loads(json.dumps(asdict(recipe)))
