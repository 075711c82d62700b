"""Learning rates: each arm trains at several, and the best on training images that were left out is its own.

Such runs have seeds that no other record has, from 100 on, and lie beside the experiment's other settings, in
``TASK-DATA-PRESET-tuning``.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from pixelnet_edu.experiments.design import Arm, vary
from pixelnet_edu.experiments.records import Record
from pixelnet_edu.tasks import TASKS

FACTORS = (1 / 9, 1 / 3, 1, 3, 9)  # of the rate that an arm has
FIRST_SEED = 100


def at_rates(arms: Sequence[Arm]) -> list[Arm]:
    """List each arm at five rates, a factor of 3 apart, around its own."""
    rates = [(arm, f"{factor * arm.recipe.training.learning_rate:.2g}") for arm in arms for factor in FACTORS]
    return [
        replace(arm, name=f"{arm.name}@{rate}", recipe=vary(arm.recipe, learning_rate=float(rate), held_out=True))
        for arm, rate in rates
    ]


def scores_by_rate(records: Sequence[Record]) -> dict[str, dict[float, float]]:
    """Return each arm's leading score, the mean over seeds, by its rates in rising order."""
    found: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        name, _, rate = record.arm.partition("@")
        found[name][float(rate)].append(record.score(TASKS[record.recipe["task"]].score))
    return {
        name: {rate: sum(rates[rate]) / len(rates[rate]) for rate in sorted(rates)} for name, rates in found.items()
    }


def best_rates(records: Sequence[Record]) -> dict[str, float]:
    """Return the rate of each arm's best score."""
    better = max if TASKS[records[0].recipe["task"]].higher_is_better else min
    return {name: better(scores, key=scores.__getitem__) for name, scores in scores_by_rate(records).items()}


def rates_text(records: Sequence[Record]) -> str:
    """Write each arm's leading score at its rates, the best with a star; at an end of the grid it may be better yet."""
    task, best, lines = TASKS[records[0].recipe["task"]], best_rates(records), []
    leading = task.scores[task.score]
    for name, scores in scores_by_rate(records).items():
        cells = [f"{r:g}: {leading.factor * s:.1f}{'*' if r == best[name] else ''}" for r, s in scores.items()]
        lines.append(f"{name:<12} {'   '.join(cells)}")
    return "\n".join([f"{leading.label} ({leading.unit}) on held-out training images, by learning rate", *lines])
