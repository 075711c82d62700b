"""The clock: sides of a comparison take turns, so that whatever else the machine does slows all of them.

Source: the clock and the statistics are those of ``torch.utils.benchmark``, which waits for a GPU to finish.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch.utils.benchmark import Measurement, TaskSpec, timer

SHORTEST = 0.02  # seconds of one sample; shorter calls are repeated within it
ROUNDS = (5, 25)


def interleaved(sides: Mapping[str, Callable[[], object]], seconds: float) -> dict[str, dict]:
    """Time callables in turn, round after round; a first round warms up and is not counted.

    Parameters
    ----------
    sides : mapping of str to callable
        What to time.
    seconds : float
        About how long to go on; there are at least 5 rounds and at most 25.

    Returns
    -------
    dict
        For each side the ``median`` and the interquartile range ``iqr`` of a call in seconds, and the ``runs``.

    Examples
    --------
    >>> interleaved({"sort": lambda: sorted(range(9))}, seconds=0.1)["sort"]["runs"]
    5
    """
    spent = {name: seconds_of(run, 1) for name, run in sides.items()}
    calls = {name: math.ceil(SHORTEST / max(spent[name], 1e-7)) for name in sides}
    a_round = sum(max(SHORTEST, spent[name]) for name in sides)
    rounds = min(max(int(seconds / a_round), ROUNDS[0]), ROUNDS[1])
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, run in sides.items():
            samples[name].append(seconds_of(run, calls[name]))
    return {name: _summary(samples[name], calls[name], name) for name in sides}


def seconds_of(run: Callable[[], object], calls: int) -> float:
    """Time some calls together.

    Examples
    --------
    >>> seconds_of(lambda: sum(range(1000)), calls=9) > 0
    True
    """
    start = timer()
    for _ in range(calls):
        run()
    return timer() - start


def _summary(samples: list[float], calls: int, name: str) -> dict:
    """Return the median and the spread of one call."""
    measurement = Measurement(calls, samples, TaskSpec(name, "", num_threads=torch.get_num_threads()))
    return {"median": measurement.median, "iqr": measurement.iqr, "runs": len(samples)}
