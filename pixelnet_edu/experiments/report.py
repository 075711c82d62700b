"""Tables from records: each arm's scores with their intervals, the paper's row beside, and whether a claim holds.

All is computed from the records that are passed in; nothing is stored. Shares are printed in per cent, angles in
degrees, times in seconds.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pixelnet_edu.data.reading import write_whole
from pixelnet_edu.experiments.arms import experiment
from pixelnet_edu.experiments.design import base_recipe
from pixelnet_edu.experiments.intervals import Difference, Interval, interval, paired_difference
from pixelnet_edu.experiments.paper import SOURCE, paper_value
from pixelnet_edu.experiments.records import Record
from pixelnet_edu.tasks import TASKS, Task

WIDTH = 88  # characters of a printed line
_NOTICEABLE = 0.05  # an IoU from which on a class counts as found


class Cell(NamedTuple):
    """One number of a table: what it is, at which step, measured here, and in the paper where it has one."""

    label: str
    step: int
    here: Interval
    paper: float | None


class Row(NamedTuple):
    """One arm: its name, the batch of a step, and its numbers."""

    arm: str
    batch: str
    cells: tuple[Cell, ...]


def table_of(records: Sequence[Record]) -> list[Row]:
    """Make the rows of a table, in the order of the experiment's arms.

    Parameters
    ----------
    records : sequence of Record
        Of one experiment, task, data set and preset.

    Returns
    -------
    list of Row
        At each reading the leading score and the seconds of training, at the last one all scores.

    Raises
    ------
    ValueError
        For no records, those of several settings, or arms with several recipes.
    """
    _check_one_setting(records)
    return [_row([record for record in records if record.arm == arm]) for arm in _arms(records)]


def text_of(rows: Sequence[Row]) -> str:
    """Print a table: a line for each arm, and below it the paper's where it has numbers.

    Examples
    --------
    >>> cell = Cell("mIoU", 600, interval([40.0, 42.0, 44.0]), 44.6)
    >>> print(text_of([Row("uniform-4", "5 x 367", (cell,))]))
    arm        | batch   | seeds | mIoU @600
    uniform-4  | 5 x 367 | 3     | 42.0 ± 5.0
      paper    |         |       | 44.6
    """
    lines = [["arm", "batch", "seeds", *[f"{cell.label} @{cell.step}" for cell in rows[0].cells]]]
    for row in rows:
        lines.append([row.arm, row.batch, str(row.cells[0].here.number), *[str(cell.here) for cell in row.cells]])
        paper = ["" if cell.paper is None else f"{cell.paper:.1f}" for cell in row.cells]
        lines += [["  paper", "", "", *paper]] if any(paper) else []
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    line = " | ".join(f"{{:<{width}}}" for width in (widths[0] + 1, *widths[1:]))
    return "\n".join(line.format(*texts).rstrip() for texts in lines)


def interval_of(records: Sequence[Record], arm: str) -> Interval:
    """Return the mean of an arm's leading score at the end of training, with its 95 % interval over seeds.

    Raises
    ------
    ValueError
        If the arm has no record.
    """
    score = _task(records).score
    return interval([_value(record, score) for record in records if record.arm == arm])


def difference_of(records: Sequence[Record], arm: str, other: str) -> Difference | None:
    """Return how much better an arm's leading score is than another's, over the seeds that both have.

    Positive is better, also where a lower score is. None if they share no seed.
    """
    ours, others = _paired(records, arm, records, other)
    if not ours:
        return None
    task = _task(records)
    better, worse = (ours, others) if task.higher_is_better else (others, ours)
    return paired_difference(*([_value(r, task.score) for r in side] for side in (better, worse)))


def differences_text(records: Sequence[Record]) -> str:
    """Compare each arm with the one that the claim compares with, a line for each."""
    other = experiment(records[0].experiment).claim.other
    found = [(arm, difference_of(records, arm, other)) for arm in _arms(records) if arm != other]
    title = f"gain over {other} in {_unit(records)}, pairs of one seed:"
    return "\n".join([title, *[f"  {arm:<20} {difference}" for arm, difference in found if difference]])


def verdict_of(records: Sequence[Record]) -> str:
    """Say in one sentence whether the experiment's claim holds in these records.

    The claim that an arm is better holds if the 95 % interval of the paired difference lies above 0; the claim that it
    is as good, if it lies above minus the claim's allowance. It fails if the interval lies below; else it is open. It
    is open, too, where neither arm learned to tell two classes apart: equal failures are no evidence.
    """
    claim = experiment(records[0].experiment).claim
    gain = difference_of(records, claim.arm, claim.other)
    if gain is None or gain.number < 2:
        number = gain.number if gain else 0
        return f"Whether {claim.says} is not known: {claim.arm} and {claim.other} share {number} seeds, not 2 or more."
    bound = -claim.allowance.get(_task(records).score, 0)
    word = "holds" if gain.low > bound else "does not hold" if gain.high < bound else "stays open"
    reason = ""
    if all(found_one_class(record) for record in records if record.arm in (claim.arm, claim.other)):
        word, reason = "stays open", " no run of either arm found a second class, so there is nothing to compare;"
    allowed = f"; {bound:+g} still counts as good as" if bound else ""
    gained = f"the gain of {claim.arm} over {claim.other} in {_unit(records)} is {gain}{allowed}"
    return f"The claim that {claim.says} {word} here:{reason} {gained}."


def found_one_class(record: Record) -> bool:
    """Tell whether a run of segmentation ended with a noticeable IoU, above 5 %, on one class at most."""
    if record.recipe["task"] != "segmentation":
        return False
    return sum((iou or 0) > _NOTICEABLE for iou in record.score("iou")) < 2


def report_of(records: Sequence[Record]) -> str:
    """Write the whole report: question, table, differences, verdict, and where the paper's numbers come from."""
    rows = table_of(records)
    parts = [experiment(records[0].experiment).question, text_of(rows), differences_text(records)]
    parts.append(textwrap.fill(verdict_of(records), WIDTH))
    if any(cell.paper is not None for row in rows for cell in row.cells):
        parts.append(textwrap.fill(SOURCE, WIDTH))
    return "\n\n".join(parts)


def compare_text(records: Sequence[Record], others: Sequence[Record]) -> str:
    """Compare two machines' records arm by arm: means, paired difference, and how many results are the same.

    Raises
    ------
    ValueError
        If the records are of different settings.
    """
    _check_one_setting([*records, *others], same_recipes=False)
    score = _task(records).score
    lines = []
    for arm in _arms(records):
        here, there = _paired(records, arm, others, arm)
        if not here:
            lines.append(f"  {arm:<20} no seed in common")
            continue
        values, theirs = ([_value(r, score) for r in side] for side in (here, there))
        same = sum(a.readings == b.readings for a, b in zip(here, there, strict=True))
        means = f"{interval(values)} against {interval(theirs)}"
        lines.append(f"  {arm:<20} {means}; {paired_difference(values, theirs)}; {same} of {len(here)} the same")
    return "\n".join([f"here against there, in {_unit(records)}:", *lines])


def draw(records: Sequence[Record], path: Path) -> None:
    """Draw the leading score of each arm with its interval, and write the picture, whole or not at all."""
    from pixelnet_edu.teaching.charts import interval_bars
    from pixelnet_edu.teaching.plotting import use_style

    use_style()
    arms = _arms(records)
    found = [interval_of(records, arm) for arm in arms]
    ends = [(i.low, i.high) if i.number > 1 else (i.mean, i.mean) for i in found]
    axes = interval_bars(arms, [i.mean for i in found], ends, f"{_unit(records)}, mean and 95 % interval over seeds")
    write_whole(path, axes.figure.savefig)


def _row(records: Sequence[Record]) -> Row:
    """Make the row of one arm's records."""
    first, task, cells = records[0], _task(records), []
    for k, reading in enumerate(first.readings):
        from_last = len(first.readings) - 1 - k
        for score in [task.score] if from_last else [s for s in task.scores if s in reading["scores"]]:
            here = interval([_value(record, score, k) for record in records])
            paper = paper_value(first.experiment, first.recipe["task"], first.arm, score, from_last)
            cells.append(Cell(task.scores[score].label, reading["step"], here, paper))
        seconds = interval([record.timing["seconds"][k] for record in records])
        cells.append(Cell("seconds", reading["step"], seconds, None))
    training = first.recipe["training"]
    return Row(first.arm, f"{training['images_per_step']} x {training['points_per_image']}", tuple(cells))


def _paired(
    records: Sequence[Record], arm: str, others: Sequence[Record], other: str
) -> tuple[list[Record], list[Record]]:
    """Return an arm's records and those of another, of the seeds that both have."""
    here, there = ({r.seed: r for r in of if r.arm == name} for of, name in ((records, arm), (others, other)))
    shared = sorted(here.keys() & there.keys())
    return [here[seed] for seed in shared], [there[seed] for seed in shared]


def _value(record: Record, score: str, reading: int = -1) -> float:
    """Return a score in the unit that is printed."""
    return TASKS[record.recipe["task"]].scores[score].factor * record.score(score, reading)


def _unit(records: Sequence[Record]) -> str:
    """Name the leading score with its unit."""
    leading = _task(records).scores[_task(records).score]
    return f"{leading.label} ({leading.unit})"


def _task(records: Sequence[Record]) -> type[Task]:
    """Return the task of records of one setting."""
    return TASKS[records[0].recipe["task"]]


def _arms(records: Sequence[Record]) -> list[str]:
    """Return the arms that have records, in the experiment's order; those that it no longer has come last."""
    asked = experiment(records[0].experiment)
    base = base_recipe(records[0].recipe["task"], "rooms", asked.preset)  # the names are the same for every data set
    order = [arm.name for arm in asked.arms(base)]
    return sorted({r.arm for r in records}, key=lambda arm: (order.index(arm) if arm in order else len(order), arm))


def _check_one_setting(records: Sequence[Record], same_recipes: bool = True) -> None:
    """Raise ValueError unless all records can stand in one table."""
    if not records:
        raise ValueError("records: found none, expected at least one")
    settings = {(r.experiment, *(r.recipe[name] for name in ("task", "data"))) for r in records}
    if len(settings) > 1:
        raise ValueError(f"records: found {sorted(settings)}, expected one experiment, task and data set")
    recipes = {}
    for record in records if same_recipes else ():
        plain = {**record.recipe, "training": {**record.recipe["training"], "seed": 0}}
        if recipes.setdefault(record.arm, plain) != plain:
            raise ValueError(f"records: found two recipes of {record.arm}, expected one; keep them in two folders")
