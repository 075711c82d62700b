"""Means with their 95 % intervals, over seeds and over test images together; differences; several comparisons at once.

Another seed gives another score, and so would other test images. The variance of a mean is the sum of both parts, which
is what a crossed bootstrap, that draws seeds and images again, tends to: the part of the seeds is the variance of their
scores over their number; the part of the images is that of the mean score on images drawn again with replacement, the
same ones for all arms, since all predict the same images. Two arms that share a seed share little else, so seeds are
not paired. The quantile is that of Student's t, with Welch's degrees of freedom for the part of the seeds.
Source: Student, Biometrika 1908; Welch, Biometrika 1947; Owen, Annals of Applied Statistics 2007, for bootstrapping two
crossed factors; Holm, Scandinavian Journal of Statistics 1979, for several comparisons.

Shapes: S seeds, M test images, R resamples, n counts an image.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 1000
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
    """A mean difference, and the probability ``p`` of one at least as far from 0 if there were none."""

    p: float

    def __str__(self) -> str:
        if self.number < 2:
            return f"{self.mean:+.1f}"
        p = "p < 0.001" if self.p < 0.001 else f"p = {self.p:.3f}"
        return f"{self.mean:+.1f} (95 % interval {self.low:+.1f} to {self.high:+.1f}, {self.number} pairs, {p})"


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, or a difference of two, with what is uncertain about it.

    Parameters
    ----------
    mean : float
    seeds, images : float
        Standard errors: of other seeds, and of other test images (0 where the records do not hold them).
    freedom : float
        Degrees of freedom of both together; NaN, as ``seeds``, where an arm has one seed.
    number : int
        Seeds of the arm that has fewest.
    """

    mean: float
    seeds: float
    images: float
    freedom: float
    number: int

    @property
    def error(self) -> float:
        """The standard error of both together."""
        return float(np.hypot(self.seeds, self.images))

    def interval(self, confidence: float = CONFIDENCE) -> Interval:
        """Return the interval that covers the true mean with this confidence."""
        from scipy import stats

        half = self.error * stats.t.ppf((1 + confidence) / 2, self.freedom) if self.error else self.error
        return Interval(self.mean, float(self.mean - half), float(self.mean + half), self.number)

    @property
    def p(self) -> float:
        """The probability of a mean at least as far from 0 if the true one were 0."""
        from scipy import stats

        return float(2 * stats.t.sf(abs(self.mean) / self.error, self.freedom)) if self.error else float(self.mean == 0)

    def __str__(self) -> str:
        return str(self.interval())


class Sample:
    """The scores of one arm: of each seed, and of each seed on resampled test images.

    Parameters
    ----------
    values : sequence of S float
        The score of each seed.
    counts : array (S, M, n), optional
        What each image adds to it; without, only the seeds' part is known.
    pooled : callable, optional
        The score of summed counts, (..., n) to (...).
    """

    def __init__(
        self, values: Sequence[float], counts: np.ndarray | None = None, pooled: Callable | None = None
    ) -> None:
        if not len(values):
            raise ValueError("values: found none, expected at least one")
        self.values = np.array(values, float)
        if np.ptp(self.values) <= ROUNDING * abs(self.values.mean()):
            self.values[:] = self.values[0]  # no spread but rounding
        self.resampled = np.tile(self.values.mean(), (1, 1))  # (R, S), or one number for all
        self.number = len(values)
        if counts is not None and pooled is not None and counts.shape[1]:
            S, M, n = counts.shape
            drawn = np.random.default_rng(M).multinomial(M, np.full(M, 1 / M), RESAMPLES)  # the same for every arm
            sums = drawn @ counts.transpose(1, 0, 2).reshape(M, S * n)
            self.resampled = pooled(sums.reshape(RESAMPLES, S, n))

    @property
    def of_seeds(self) -> float:
        """The variance of the mean that comes from the seeds; NaN for one."""
        if self.number < 2:
            return float("nan")
        return float(self.values.var(ddof=1) / self.number) if np.ptp(self.values) else 0.0


def estimate(sample: Sample, other: Sample | None = None) -> Estimate:
    """Estimate the mean of an arm, or by how much it is above that of another arm.

    Examples
    --------
    >>> str(estimate(Sample([40.0, 42.0, 44.0])))
    '42.0 ± 5.0'
    >>> str(estimate(Sample([3.0, 4.0, 6.0]), Sample([1.0, 3.0, 3.0])))
    '2.0 ± 3.2'
    """
    arms, signs = ([sample, other], (1, -1)) if other else ([sample], (1,))
    mean = sum(sign * arm.values.mean() for sign, arm in zip(signs, arms, strict=True))
    on_others = sum(sign * (arm.resampled.mean(1) - arm.values.mean()) for sign, arm in zip(signs, arms, strict=True))
    images = on_others.var()
    seeds = sum(arm.of_seeds for arm in arms)
    spread = sum(arm.of_seeds**2 / max(arm.number - 1, 1) for arm in arms)
    freedom = (seeds + images) ** 2 / spread if spread else float("inf")
    return Estimate(float(mean), seeds**0.5, float(images**0.5), float(freedom), min(arm.number for arm in arms))


def holm(differences: Mapping[str, Estimate]) -> dict[str, Interval]:
    """Return intervals that cover 0, all together, in 95 of 100 cases where no difference is one.

    The smallest p of m is held against 5 % / m, the next against 5 % / (m - 1), and so on: each interval is as wide as
    that asks. Of one difference it is the plain 95 % interval.

    Examples
    --------
    >>> found = {name: estimate(Sample([v, v + 1, v + 2])) for name, v in (("far", 9.0), ("near", 0.0))}
    >>> {name: str(interval) for name, interval in holm(found).items()}
    {'far': '10.0 ± 3.6', 'near': '1.0 ± 2.5'}
    """
    order = sorted(differences, key=lambda name: differences[name].p)
    found = {
        name: differences[name].interval(1 - (1 - CONFIDENCE) / (len(order) - k)) for k, name in enumerate(order)
    }
    return {name: found[name] for name in differences}


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
    return estimate(Sample(values)).interval()


def paired_difference(values: Sequence[float], others: Sequence[float]) -> Difference:
    """Return the mean of ``values - others``, pair by pair, its 95 % interval, and p of the paired t-test.

    For runs that share more than a seed, such as one run on two machines.

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
    found = estimate(Sample(np.subtract(values, others)))
    i = found.interval()
    return Difference(i.mean, i.low, i.high, i.number, found.p)
