"""Tables from records: each arm's scores with their intervals, the paper's row beside, and whether the claims hold.

All is computed from the records that are passed in; nothing is stored. Shares are printed in per cent, angles in
degrees, computing in trillion multiply-adds.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from pixelnet_edu.data.reading import write_whole
from pixelnet_edu.experiments.arms import experiment
from pixelnet_edu.experiments.design import Arm, base_recipe
from pixelnet_edu.experiments.intervals import Estimate, interval, paired_gain
from pixelnet_edu.experiments.paper import SOURCE, paper_reading, paper_value
from pixelnet_edu.experiments.records import Record
from pixelnet_edu.experiments.tables import Report, Table
from pixelnet_edu.experiments.verdicts import (
    gains_over,
    interval_of,
    kind_of,
    margin_of,
    task_of,
    unit_of,
    value_of,
    verdict_of,
)


class Cell(NamedTuple):
    """One number of a table: its heading, what was measured here, and in the paper where it has one, with its time."""

    label: str
    here: Estimate
    paper: float | None
    read: str = ""


class Row(NamedTuple):
    """One arm: its name, the batch of a step, the steps, the multiply-adds of all (0: not counted), and its numbers."""

    arm: str
    batch: str
    steps: int
    macs: int
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
        At each reading the leading score, at the last one all scores.

    Raises
    ------
    ValueError
        For no records, those of several settings, or arms with several recipes.
    """
    _check_one_setting(records)
    return [_row([record for record in records if record.arm == arm.name]) for arm in arms_of(records)]


def scores_table(records: Sequence[Record]) -> Table:
    """Make the table of scores: a line for each arm, and below it the paper's where it has numbers."""
    rows, lines = table_of(records), []
    counted = all(row.macs for row in rows)
    for row in rows:
        about = [
            row.batch,
            f"{row.steps:,}",
            *[f"{float(f'{row.macs / 1e12:.2g}'):,g}"] * counted,
            str(row.cells[0].here.number),
        ]
        lines.append([row.arm, *about, *[str(cell.here) for cell in row.cells]])
        paper = ["" if c.paper is None else f"{c.paper:.1f}" + f" ({c.read})" * bool(c.read) for c in row.cells]
        lines += [["  paper", *[""] * len(about), *paper]] if any(paper) else []
    macs = ["10^12 products"] * counted
    return Table(["arm", "batch", "steps", *macs, "seeds", *[cell.label for cell in rows[0].cells]], lines)


def gains_tables(records: Sequence[Record]) -> list[Table]:
    """Compare each arm with the one that it stands against: a table for each of those, a line with a verdict an arm."""
    arms, margin, tables = arms_of(records), margin_of(records), []
    for other in dict.fromkeys(arm.against for arm in arms):
        gains = gains_over(records, other, [arm.name for arm in arms if arm.against == other])
        lines = [[arm, *one.texts, kind_of(one, margin)] for arm, one in gains.items()]
        heads = [f"gain over {other}", unit_of(records), "95 % interval", "p", "verdict"]
        tables += [Table(heads, lines)] * bool(lines)
    return tables


def report_of(records: Sequence[Record]) -> Report:
    """Make the whole report: question, scores, gains, verdicts, and where the paper's numbers come from."""
    rows, asked = table_of(records), experiment(records[0].experiment)
    known = {row.arm for row in rows}
    claims = [claim for claim in asked.claims if {claim.arm, claim.other} <= known] or asked.claims[:1]
    of_margin = (
        f"The margin is {margin_of(records):.1f}. By Holm's rule intervals are the wider the more there are: "
        "those of the claims below together, and those of the other arms of a table."
    )
    verdicts = [verdict_of(records, claim) for claim in claims]
    source = [SOURCE] * any(cell.paper is not None for row in rows for cell in row.cells)
    return Report([asked.question, scores_table(records), *gains_tables(records), of_margin, *verdicts, *source])


def compare_text(records: Sequence[Record], others: Sequence[Record]) -> str:
    """Compare two machines' records arm by arm: means, paired difference, and how many results are the same.

    Raises
    ------
    ValueError
        If the records are of different settings.
    """
    _check_one_setting([*records, *others], same_recipes=False)
    score, lines = task_of(records).score, []
    for arm in [arm.name for arm in arms_of(records)]:
        here, there = ({r.seed: r for r in of if r.arm == arm} for of in (records, others))
        pairs = [(here[seed], there[seed]) for seed in sorted(here.keys() & there.keys())]
        if not pairs:
            lines.append(f"  {arm:<20} no seed in common")
            continue
        values, theirs = ([value_of(record, score) for record in side] for side in zip(*pairs, strict=True))
        same = sum(a.readings == b.readings for a, b in pairs)
        means = f"{interval(values)} against {interval(theirs)}"
        lines.append(f"  {arm:<20} {means}; {paired_gain(values, theirs)}; {same} of {len(pairs)} the same")
    return "\n".join([f"here against there, in {unit_of(records)}:", *lines])


def place_text(records: Sequence[Record], shipped: Sequence[Record]) -> str:
    """Tell for each arm whether fresh seeds lie where one expects them after those of the package.

    A new seed lies in the prediction interval of n others, mean ± t s sqrt(1 + 1 / n), in 95 of 100 cases.
    """
    score, lines = task_of(records).score, []
    for arm in [arm.name for arm in arms_of(records)]:
        mine, theirs = ([r for r in of if r.arm == arm] for of in (records, shipped))
        known, seeds = ({r.seed: value_of(r, score) for r in of} for of in (theirs, mine))
        if len(known) < 2 or not seeds.keys() - known.keys():
            continue
        if _recipe(mine[0]) != _recipe(theirs[0]):
            lines.append(f"  {arm:<20} the recorded seeds are of another recipe, so nothing is expected of these")
            continue
        spread = interval(list(known.values()))
        half = spread.half * (len(known) + 1) ** 0.5
        for seed in sorted(seeds.keys() - known.keys()):
            word = "inside" if abs(seeds[seed] - spread.mean) <= half else "outside"
            expected = f"{spread.mean - half:.1f} to {spread.mean + half:.1f}"
            lines.append(f"  {arm:<20} seed {seed}: {seeds[seed]:.1f}, {word} {expected} ({len(known)} recorded seeds)")
    return "\n".join(["fresh seeds beside the recorded ones:", *lines]) if lines else ""


def draw(records: Sequence[Record], path: Path) -> None:
    """Draw the leading score of each arm with its interval, and write the picture, whole or not at all."""
    from pixelnet_edu.teaching.charts import interval_bars
    from pixelnet_edu.teaching.plotting import use_style

    use_style()
    arms = [arm.name for arm in arms_of(records)]
    found = [interval_of(records, arm) for arm in arms]
    ends = [(i.low, i.high) if i.number > 1 else (i.mean, i.mean) for i in found]
    axes = interval_bars(arms, [i.mean for i in found], ends, f"{unit_of(records)}, mean and 95 % interval")
    write_whole(path, axes.figure.savefig)


def arms_of(records: Sequence[Record]) -> list[Arm]:
    """Return the arms that have records, in the experiment's order; those that it no longer has come last.

    The arm that one stands against is the one that the first claim compares with, unless it says another.
    """
    asked, names = experiment(records[0].experiment), {record.arm for record in records}
    base = base_recipe(records[0].recipe["task"], "rooms", asked.preset)  # the names are the same for every data set
    arms = {arm.name: arm for arm in asked.arms(base) if arm.name in names}
    arms |= {name: Arm(name, "", base) for name in sorted(names - arms.keys())}
    return [replace(arm, against=arm.against or asked.claims[0].other) for arm in arms.values()]


def _row(records: Sequence[Record]) -> Row:
    """Make the row of one arm's records."""
    first, task, cells = records[0], task_of(records), []
    for k, reading in enumerate(first.readings):
        from_last = len(first.readings) - 1 - k
        for score in [task.score] if from_last else [s for s in task.scores if s in reading["scores"]]:
            last = not from_last and score == task.score
            here = interval_of(records, first.arm) if last else interval([value_of(r, score, k) for r in records])
            paper = paper_value(first.experiment, first.recipe["task"], first.arm, score, from_last)
            when = f" at {reading['step'] / first.readings[-1]['step']:.0%}" if from_last else ""
            read = paper_reading(first.experiment, first.recipe["task"], from_last)
            cells.append(Cell(f"{task.scores[score].label}{when}", here, paper, read))
    training = first.recipe["training"]
    batch = f"{training['images_per_step']} x {training['points_per_image']}"
    return Row(first.arm, batch, training["steps"], training["steps"] * first.made.get("step_macs", 0), tuple(cells))


def _check_one_setting(records: Sequence[Record], same_recipes: bool = True) -> None:
    """Raise ValueError unless all records can stand in one table."""
    if not records:
        raise ValueError("records: found none, expected at least one")
    settings = {(r.experiment, *(r.recipe[name] for name in ("task", "data"))) for r in records}
    if len(settings) > 1:
        raise ValueError(f"records: found {sorted(settings)}, expected one experiment, task and data set")
    recipes = {}
    for record in records if same_recipes else ():
        if recipes.setdefault(record.arm, _recipe(record)) != _recipe(record):
            raise ValueError(f"records: found two recipes of {record.arm}, expected one; keep them in two folders")


def _recipe(record: Record) -> dict:
    """Return a record's recipe without its seed."""
    return {**record.recipe, "training": {**record.recipe["training"], "seed": 0}}
