"""Learning rates: each arm trains at several, and the best on training images that were left out is its own.

Three rates a factor of 3 apart come first; as long as the best is at an end, another follows there. Such runs have
seeds that no other record has, from 100 on, and lie beside the experiment's other settings, in
``TASK-DATA-PRESET-tuning``.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pixelnet_edu.experiments.design import Arm, vary
from pixelnet_edu.experiments.records import Record, leading_score
from pixelnet_edu.tasks import TASKS

FACTOR = 3  # from one rate to the next
FIRST_SEED = 100
_ALIKE = 0.1  # of a task's tolerance: scores this close don't tell two rates apart


def at_rates(arms: Sequence[Arm], records: Sequence[Record] = ()) -> list[Arm]:
    """List each arm at its own rate, at its neighbours, and at the rates of these records of a tuning.

    Where the best of those is at an end, the next one beyond it is listed, too: with its record, ask again.
    """
    found, best, listed = scores_by_rate(records), best_rates(records), []
    for arm in arms:
        own = arm.recipe.training.learning_rate
        rates = {_rounded(own * factor) for factor in (1 / FACTOR, 1, FACTOR)} | set(found.get(arm.name, ()))
        ends = {min(rates): min(rates) / FACTOR, max(rates): max(rates) * FACTOR}
        rates |= {_rounded(beyond) for end, beyond in ends.items() if end == best.get(arm.name)}
        listed += [_at(arm, rate) for rate in sorted(rates)]
    return listed


def _rounded(rate: float) -> float:
    """Round a rate to two digits, as its name has it."""
    return float(f"{rate:.2g}")


def _at(arm: Arm, rate: float) -> Arm:
    """Return an arm at another rate, scored on held-out images."""
    return replace(arm, name=f"{arm.name}@{rate:g}", recipe=vary(arm.recipe, learning_rate=rate, held_out=True))


def tuned(arms: Sequence[Arm], records: Sequence[Record]) -> list[Arm]:
    """Give each arm the rate that was best in these records; its own where that was as good, or where there is none."""
    found, best, chosen = scores_by_rate(records), best_rates(records), []
    for arm in arms:
        rates, own = found.get(arm.name, {}), arm.recipe.training.learning_rate
        rate = best.get(arm.name, own)
        if own in rates and abs(rates[own] - rates[rate]) < _ALIKE * TASKS[arm.recipe.task].tolerance:
            rate = own
        chosen.append(replace(arm, recipe=vary(arm.recipe, learning_rate=rate)))
    return chosen


def scores_by_rate(records: Sequence[Record]) -> dict[str, dict[float, float]]:
    """Return each arm's leading score, averaged over seeds, by its rates in rising order; to diverge is worst."""
    found: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        task, (name, _, rate) = TASKS[record.recipe["task"]], record.arm.partition("@")
        score = leading_score(record)
        worst = float("-inf" if task.higher_is_better else "inf")
        found[name][float(rate)].append(worst if score is None else score)
    return {
        name: {rate: sum(rates[rate]) / len(rates[rate]) for rate in sorted(rates)} for name, rates in found.items()
    }


def best_rates(records: Sequence[Record]) -> dict[str, float]:
    """Return the rate of each arm's best score."""
    if not records:
        return {}
    better = max if TASKS[records[0].recipe["task"]].higher_is_better else min
    return {name: better(scores, key=scores.__getitem__) for name, scores in scores_by_rate(records).items()}


def rates_text(records: Sequence[Record]) -> str:
    """Write each arm's leading score at its rates, the best with a star."""
    task, best, lines = TASKS[records[0].recipe["task"]], best_rates(records), []
    leading = task.scores[task.score]
    for name, scores in scores_by_rate(records).items():
        texts = {r: f"{leading.factor * s:.1f}" if math.isfinite(s) else "diverged" for r, s in scores.items()}
        cells = [f"{r:g}: {text}{'*' if r == best[name] else ''}" for r, text in texts.items()]
        lines.append(f"{name:<12} {'   '.join(cells)}")
    return "\n".join([f"{leading.label} ({leading.unit}) on held-out training images, by learning rate", *lines])
