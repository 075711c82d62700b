"""Means with their 95 % intervals over seeds, and the difference of two arms that share seeds.

Source: Student's t, Biometrika 1908, as SciPy computes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
ROUNDING = 1e-14  # of the mean; values that differ by less than this are equal


@dataclass(frozen=True)
class Interval:
    """A mean of ``number`` values with its 95 % interval, which one value does not have (NaN)."""

    mean: float
    low: float
    high: float
    number: int

    def __str__(self) -> str:
        if self.number < 2:
            return f"{self.mean:.1f}"
        return f"{self.mean:.1f} ± {self.high - self.mean:.1f}"


@dataclass(frozen=True)
class Difference(Interval):
    """A mean of paired differences, and the probability ``p`` of one at least as far from 0 if the arms were equal."""

    p: float

    def __str__(self) -> str:
        if self.number < 2:
            return f"{self.mean:+.1f}"
        p = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"
        return f"{self.mean:+.1f} (95 % interval {self.low:+.1f} to {self.high:+.1f}, {self.number} pairs, {p})"


def interval(values: Sequence[float]) -> Interval:
    """Return the mean and its 95 % interval by Student's t.

    Raises
    ------
    ValueError
        For no values.

    Examples
    --------
    >>> str(interval([40.0, 42.0, 44.0]))
    '42.0 ± 5.0'
    """
    *found, _ = _t_test(values)
    return Interval(*found)


def paired_difference(values: Sequence[float], others: Sequence[float]) -> Difference:
    """Return the mean of ``values - others``, pair by pair, its 95 % interval, and p of the paired t-test.

    Raises
    ------
    ValueError
        For unequal numbers of values.

    Examples
    --------
    >>> str(paired_difference([3.0, 4.0, 6.0], [1.0, 3.0, 3.0]))
    '+2.0 (95 % interval -0.5 to +4.5, 3 pairs, p = 0.074)'
    """
    if len(values) != len(others):
        raise ValueError(f"others: found {len(others)} values, expected {len(values)}, one for each of the first")
    return Difference(*_t_test(np.subtract(values, others)))


def _t_test(values: Sequence[float]) -> tuple[float, float, float, int, float]:
    """Test by Student's t whether the mean is 0; return what a `Difference` holds."""
    from scipy import stats

    if not len(values):
        raise ValueError("values: found none, expected at least one")
    mean, number = float(np.mean(values)), len(values)
    if np.ptp(values) <= ROUNDING * abs(mean):  # no spread, by which the test divides
        end = mean if number > 1 else float("nan")
        return mean, end, end, number, float(mean == 0)
    test = stats.ttest_1samp(values, 0)
    low, high = test.confidence_interval(CONFIDENCE)
    return mean, float(low), float(high), number, float(test.pvalue)
