"""What records say about an arm beside another: how much it gains, and in one of four words, whether it is as good.

An arm is *as good* if its gain is surely above minus the margin; *worse, but within the margin* if it surely loses, and
surely less than that; *worse* if it surely loses, perhaps more; else one *can't tell*. The margin was set before any
arm was compared: half of what drawing 0.25 % of the pixels loses against all of them, in the package's own records.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from pixelnet_edu.experiments.arms import experiment
from pixelnet_edu.experiments.design import Claim
from pixelnet_edu.experiments.intervals import Estimate, Gain, Sample, estimate, gain, holm
from pixelnet_edu.experiments.records import SHIPPED, Record, leading_score, read_records
from pixelnet_edu.tasks import TASKS, Task

AS_GOOD, WITHIN, WORSE, OPEN = KINDS = ("as good", "worse, but within the margin", "worse", "can't tell")
HOLDS, FAILS = "holds", "does not hold"  # that an arm is better
_LEAST = 1 / 8  # of a task's tolerance
_NORMAL = 1.96  # the quantile of many seeds
_NOTICEABLE = 0.05  # an IoU from which on a class counts as found


def interval_of(records: Sequence[Record], arm: str) -> Estimate:
    """Return the mean of an arm's leading score at the end of training, with its 95 % interval.

    Raises
    ------
    ValueError
        If the arm has no record.
    """
    return estimate(_sample(records, arm))


def difference_of(records: Sequence[Record], arm: str, other: str) -> Gain | None:
    """Return how much better an arm's leading score is than another's; None if one of them has no record.

    Positive is better, also where a lower score is.
    """
    if not {arm, other} <= {record.arm for record in records}:
        return None
    better, worse = (arm, other) if task_of(records).higher_is_better else (other, arm)
    return gain(_sample(records, better), _sample(records, worse))


def claimed_gains(records: Sequence[Record]) -> dict[tuple[str, str], Gain]:
    """Return the gain of each claim's arm over the other, by their names, with Holm's correction for their number."""
    pairs = [(claim.arm, claim.other) for claim in experiment(records[0].experiment).claims]
    found = {pair: difference_of(records, *pair) for pair in pairs}
    return holm({pair: one for pair, one in found.items() if one is not None})


def gains_over(records: Sequence[Record], other: str, arms: Sequence[str]) -> dict[str, Gain]:
    """Return the gain of each arm over one: as claims have it, and for the rest with Holm's correction of their own."""
    claimed = claimed_gains(records)
    claimed |= {(b, a): replace(one, mean=-one.mean) for (a, b), one in claimed.items()}
    found = {arm: difference_of(records, arm, other) for arm in arms if arm != other and (arm, other) not in claimed}
    rest = holm({arm: one for arm, one in found.items() if one is not None})
    gains = rest | {arm: claimed[arm, other] for arm in arms if (arm, other) in claimed}
    return {arm: gains[arm] for arm in arms if arm in gains}


def margin_of(records: Sequence[Record]) -> float:
    """Return the margin of a setting, as printed: half of what 0.25 % loses in the package's records of table 1.

    Where those have no such arms, or it loses next to nothing there, it is an eighth of the task's tolerance: half a
    point of mIoU, a quarter of a degree.
    """
    recipe, task = records[0].recipe, task_of(records)
    folder = SHIPPED / "table1" / "-".join(recipe[name] for name in ("task", "data", "name"))
    shipped = read_records(folder) if any(folder.glob("*.json")) else []
    lost = difference_of(shipped, "uniform-0.25", "all-pixels")
    least = _LEAST * task.tolerance * task.scores[task.score].factor
    return max(least, -lost.mean / 2 if lost else 0)


def kind_of(gained: Gain, margin: float) -> str:
    """Say in one of four words how an arm stands.

    Examples
    --------
    >>> from pixelnet_edu.experiments.intervals import paired_gain
    >>> [kind_of(paired_gain(values, [0, 0, 0]), margin=1) for values in ([-1, 0, 1], [0, 0.1, 0.2], [-2, -2.1, -2.2])]
    ["can't tell", 'as good', 'worse']
    """
    if gained.low > -margin:
        return WITHIN if gained.high < 0 else AS_GOOD
    return WORSE if gained.high < 0 else OPEN


def seeds_to_tell(gained: Gain, margin: float) -> int | None:
    """Return about how many seeds an arm would need for a verdict, if its gain stays as it is; None if none would do.

    Its interval has to come clear of 0 or of minus the margin, whichever is farther; test images stay the same.
    """
    half = max(gained.mean + margin, -gained.mean) / _NORMAL
    if gained.images >= half:
        return None
    return math.ceil(gained.number * gained.seeds**2 / (half**2 - gained.images**2))


class Judgement(NamedTuple):
    """What the records say of a claim: a word, and the gain of its arm, None where one of both has no 2 seeds.

    The word is one of four where the arm is claimed to be as good. That it is better "holds" where the other surely
    loses, and "does not hold" where the arm surely does. One "can't tell" where no run found a second class: equal
    failures are no evidence.
    """

    word: str
    gained: Gain | None
    blind: bool = False


def judge(records: Sequence[Record], claim: Claim) -> Judgement:
    """Judge a claim by records of one setting; its interval is corrected for the number of claims."""
    gained = claimed_gains(records).get((claim.arm, claim.other))
    if gained is None or gained.number < 2:
        return Judgement(OPEN, None)
    if all(found_one_class(record) for record in records if record.arm in (claim.arm, claim.other)):
        return Judgement(OPEN, gained, blind=True)
    return Judgement(kind_of(gained, margin_of(records)) if claim.as_good else _better(gained), gained)


def verdict_of(records: Sequence[Record], claim: Claim | None = None) -> str:
    """Say in one sentence what the records say of a claim, by default the first of their experiment."""
    claim = claim or experiment(records[0].experiment).claims[0]
    word, gained, blind = judge(records, claim)
    says = f"{claim.says[0].upper()}{claim.says[1:]}"
    if gained is None:
        return f"{says}: {word}, since {claim.arm} and {claim.other} have not 2 seeds or more each."
    measured = f"the gain of {claim.arm} over {claim.other} in {unit_of(records)} is {gained}"
    if blind:
        measured = f"no run of either arm found a second class; {measured}"
    if claim.as_good:
        margin = margin_of(records)
        measured += f", the margin {margin:.1f}"
        more = seeds_to_tell(gained, margin) if word == OPEN else 0
        enough = f"about {more} seeds" if more else "only more test images, and no number of seeds,"
        measured += f"; {enough} would tell" * (word == OPEN and not blind)
    return f"{says}: {word}; {measured}."


def _better(gained: Gain) -> str:
    """Tell whether an arm is surely better, surely worse, or neither."""
    return HOLDS if gained.low > 0 else FAILS if gained.high < 0 else OPEN


def found_one_class(record: Record) -> bool:
    """Tell whether a run of segmentation ended with a noticeable IoU, above 5 %, on one class at most."""
    if record.recipe["task"] != "segmentation":
        return False
    return sum((iou or 0) > _NOTICEABLE for iou in record.score("iou")) < 2


def task_of(records: Sequence[Record]) -> type[Task]:
    """Return the task of records of one setting."""
    return TASKS[records[0].recipe["task"]]


def value_of(record: Record, score: str, reading: int = -1) -> float:
    """Return a score in the unit that is printed; the leading one as `leading_score` has it."""
    task = TASKS[record.recipe["task"]]
    value = leading_score(record, reading) if score == task.score else record.score(score, reading)
    return task.scores[score].factor * value


def unit_of(records: Sequence[Record]) -> str:
    """Name the leading score with its unit."""
    leading = task_of(records).scores[task_of(records).score]
    return f"{leading.label} ({leading.unit})"


def _sample(records: Sequence[Record], arm: str) -> Sample:
    """Gather an arm's scores, and what each test image adds to them where all records hold it."""
    found, task = sorted((r for r in records if r.arm == arm), key=lambda r: r.seed), task_of(records)
    if not found:
        raise ValueError(f"arm: found no record of {arm!r}, expected at least one")
    counts = [record.image_counts() for record in found]
    factor = task.scores[task.score].factor
    whole = all(len(one) for one in counts)
    of_images = (np.stack(counts), lambda sums: factor * task.pooled(sums)) if whole else (None, None)
    return Sample([value_of(record, task.score) for record in found], *of_images, [record.seed for record in found])
