"""What the reproduction came to: a row for every claim and setting that has records, with what it cost to know.

Source: the form of the ML Reproducibility Challenge's summary, which the page "Reproduction report" follows.
"""

from collections.abc import Sequence

from pixelnet_edu.experiments.arms import experiment
from pixelnet_edu.experiments.design import Claim
from pixelnet_edu.experiments.records import Record, recorded_runs, recorded_settings
from pixelnet_edu.experiments.tables import Table
from pixelnet_edu.experiments.tuning import scores_by_rate
from pixelnet_edu.experiments.verdicts import OPEN, Judgement, judge, margin_of, seeds_to_tell, unit_of

PRESETS = ("laptop", "photographs")


def all_settings(name: str) -> dict[str, list[Record]]:
    """Read the records of every setting of an experiment, by names such as "segmentation, rooms"."""
    settings = [(*setting, preset) for preset in PRESETS for setting in recorded_settings(name, preset)]
    return {f"{task}, {data}": recorded_runs(name, task, data, preset) for task, data, preset in settings}


def claims_table(name: str) -> Table:
    """List every claim of an experiment under every setting: verdict, gain, what the interval covers, and seeds needed.

    Raises
    ------
    ValueError
        For an unknown experiment.
    """
    lines = []
    for claim in experiment(name).claims:
        for setting, records in all_settings(name).items():
            found = judge(records, claim)
            if found.gained is not None:
                lines.append([claim.says, setting, found.word, *_of_gain(records, claim, found)])
    return Table(["claim", "setting", "verdict", "gain", "95 % interval", "of", "seeds that would tell"], lines)


def _of_gain(records: Sequence[Record], claim: Claim, found: Judgement) -> list[str]:
    """Write a gain, its interval, what that covers, and how many seeds it would take where one can't tell."""
    word, gained, blind = found
    images = len(records[0].image_counts())
    covers = f"{gained.number} seeds" + (f", {images} images" if gained.images else "")
    more = seeds_to_tell(gained, margin_of(records) if claim.as_good else 0.0)
    needed = "" if word != OPEN else "none would" if blind or not more else str(more)
    mean, ends, _ = gained.texts
    return [f"{mean} {unit_of(records)}", ends, covers, needed]


def cost_table(names: Sequence[str]) -> Table:
    """List what the records of experiments took: trainings, learning rates tried, multiply-adds, and hours."""
    lines = []
    for name in names:
        for setting, records in all_settings(name).items():
            task, data = setting.split(", ")
            sought = _tuning(name, task, data, records[0].recipe["name"])
            rates = [len(rates) for rates in scores_by_rate(sought).values()]
            tried = f"{min(rates)} to {max(rates)}" if rates else "not sought"
            lines.append(
                [f"{name}, {setting}", str(len(records)), str(len(sought)), tried, *_spent([*records, *sought])]
            )
    heads = ["", "trainings scored", "to seek rates", "rates an arm", "10^15 multiply-adds", "hours of one process"]
    return Table(heads, lines)


def _tuning(name: str, task: str, data: str, preset: str) -> list[Record]:
    """Return the records of a setting's tuning, none where there are none."""
    known = (task, data) in recorded_settings(name, f"{preset}-tuning")
    return recorded_runs(name, task, data, f"{preset}-tuning") if known else []


def _spent(records: Sequence[Record]) -> list[str]:
    """Write the multiply-adds and the hours of training."""
    macs = sum(record.made.get("step_macs", 0) * record.recipe["training"]["steps"] for record in records)
    hours = sum(record.timing["seconds"][-1] for record in records if record.timing["seconds"]) / 3600
    return [f"{macs / 1e15:,.0f}" if macs else "not counted", f"{hours:.1f}"]
