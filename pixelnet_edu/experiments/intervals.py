"""Means with their 95 % intervals, over seeds and over test images together; differences; several comparisons at once.

Another seed gives another score, and so would other test images. The variance of a mean is the sum of both parts, which
is what a crossed bootstrap, that draws seeds and images again, tends to: the part of the seeds is the variance of their
scores over their number; the part of the images is that of the mean score on images drawn again with replacement, the
same ones for all arms, since all predict the same images. The quantile is that of Student's t, with Welch's degrees of
freedom for the part of the seeds. Two arms that share a seed may share little else: seeds are paired only where enough
of them show that pairs go together.
Source: Student, Biometrika 1908; Welch, Biometrika 1947; Owen, Annals of Applied Statistics 2007, for bootstrapping two
crossed factors; Holm, Scandinavian Journal of Statistics 1979, for several comparisons.

Shapes: S seeds, M test images, R resamples, n counts an image.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 1000
LEAST_PAIRS, SURE = 8, 0.01  # seeds, and p of a correlation by chance, from which on two arms are compared in pairs
ROUNDING = 1e-14  # of the mean; values that differ by less than this are equal


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with what is uncertain about it.

    Parameters
    ----------
    mean : float
    seeds, images : float
        Standard errors: of other seeds, NaN for one seed; of other test images, 0 where they are not counted.
    freedom : float
        Degrees of freedom of both together.
    number : int
        Seeds; of two arms, those of the arm that has fewer.
    confidence : float
        How often the interval from ``low`` to ``high`` is to cover the true mean.
    correlation : float, optional
        Of two arms that are compared in pairs of one seed, Pearson's.
    """

    mean: float
    seeds: float
    images: float
    freedom: float
    number: int
    confidence: float = CONFIDENCE
    correlation: float | None = None

    @property
    def error(self) -> float:
        """The standard error of seeds and images together."""
        return float(np.hypot(self.seeds, self.images))

    @property
    def half(self) -> float:
        """Half the width of the interval; NaN for one seed."""
        from scipy import stats

        return float(self.error * stats.t.ppf((1 + self.confidence) / 2, self.freedom)) if self.error else 0.0

    @property
    def low(self) -> float:
        """The low end of the interval."""
        return self.mean - self.half

    @property
    def high(self) -> float:
        """The high end of the interval."""
        return self.mean + self.half

    @property
    def p(self) -> float:
        """The probability of a mean at least as far from 0 if the true one were 0."""
        from scipy import stats

        return float(2 * stats.t.sf(abs(self.mean) / self.error, self.freedom)) if self.error else float(self.mean == 0)

    def __str__(self) -> str:
        return f"{self.mean:.1f}" if self.number < 2 else f"{self.mean:.1f} ± {self.half:.1f}"


class Gain(Estimate):
    """By how much one mean is above another."""

    @property
    def texts(self) -> tuple[str, str, str]:
        """The gain, its interval and its p; of one seed, there is only the first."""
        if self.number < 2:
            return f"{self.mean:+.1f}", "", ""
        p = "< 0.001" if self.p < 0.001 else f"{self.p:.3f}"
        return f"{self.mean:+.1f}", f"{self.low:+.1f} to {self.high:+.1f}", p

    def __str__(self) -> str:
        mean, ends, p = self.texts
        p = p if p.startswith("<") else f"= {p}"
        pairs = f" in pairs, correlation {self.correlation:.2f}" if self.correlation else ""
        return f"{mean} (95 % interval {ends}, {self.number} seeds{pairs}, p {p})" if ends else mean


class Sample:
    """The scores of one arm: of each seed, and their mean on test images that are drawn again.

    Parameters
    ----------
    values : sequence of S float
        The score of each seed.
    counts : array (S, M, n), optional
        What each image adds to it; without, only the part of the seeds is known.
    pooled : callable, optional
        The score of summed counts, (..., n) to (...).
    seeds : sequence of S int
        Which they are; without, they are nobody's partners.

    Raises
    ------
    ValueError
        For no values.
    """

    def __init__(
        self,
        values: Sequence[float],
        counts: np.ndarray | None = None,
        pooled: Callable | None = None,
        seeds: Sequence[int] = (),
    ) -> None:
        if not len(values):
            raise ValueError("values: found none, expected at least one")
        self.values, self.seeds = np.asarray(values, dtype=float), list(seeds)
        self.number, self.mean = len(values), float(np.mean(values))
        self.on_other_images = np.zeros(1)  # (R,), less the mean
        differ = np.ptp(values) > ROUNDING * abs(self.mean)
        self.variance = float(np.var(values, ddof=1) / self.number) * differ if self.number > 1 else float("nan")
        if counts is not None and pooled is not None and counts.shape[1]:
            S, M, n = counts.shape
            drawn = np.random.default_rng(M).multinomial(M, np.full(M, 1 / M), RESAMPLES)  # the same for every arm
            sums = drawn @ counts.transpose(1, 0, 2).reshape(M, S * n)
            self.on_other_images = pooled(sums.reshape(RESAMPLES, S, n)).mean(1)


def estimate(sample: Sample) -> Estimate:
    """Estimate the mean of an arm.

    Examples
    --------
    >>> str(estimate(Sample([40.0, 42.0, 44.0])))
    '42.0 ± 5.0'
    """
    return _combined(Estimate, sample.mean, sample.on_other_images, [sample])


def gain(sample: Sample, other: Sample) -> Gain:
    """Estimate by how much the mean of an arm is above that of another.

    The seeds of both are paired where there are at least 8, the same of both, and their scores surely go together.

    Examples
    --------
    >>> str(gain(Sample([3.0, 4.0, 6.0]), Sample([1.0, 3.0, 3.0])))
    '+2.0 (95 % interval -1.2 to +5.2, 3 seeds, p = 0.150)'
    """
    on_other_images = sample.on_other_images - other.on_other_images
    correlation = _correlation(sample, other)
    arms = [Sample(sample.values - other.values)] if correlation else [sample, other]
    combined = _combined(Gain, sample.mean - other.mean, on_other_images, arms)
    return replace(combined, correlation=correlation)


def _correlation(sample: Sample, other: Sample) -> float | None:
    """Return Pearson's correlation of the scores of the same seeds, None where it is not surely above 0."""
    from scipy import stats

    enough = sample.number >= LEAST_PAIRS and sample.seeds and sample.seeds == other.seeds
    if not enough or not (np.ptp(sample.values) and np.ptp(other.values)):
        return None
    found = stats.pearsonr(sample.values, other.values, alternative="greater")
    return float(found.statistic) if found.pvalue < SURE else None


def _combined(kind: type, mean: float, on_other_images: np.ndarray, arms: Sequence[Sample]) -> Estimate:
    """Put the parts together."""
    images, seeds = float(on_other_images.var()), sum(arm.variance for arm in arms)
    spread = sum(arm.variance**2 / max(arm.number - 1, 1) for arm in arms)
    freedom = (seeds + images) ** 2 / spread if spread else float("inf")
    return kind(mean, seeds**0.5, images**0.5, freedom, min(arm.number for arm in arms))


def holm(gains: Mapping[str, Gain]) -> dict[str, Gain]:
    """Widen intervals so that all together cover 0 in 95 of 100 cases where no arm gains or loses anything.

    The smallest p of m is held against 5 % / m, the next against 5 % / (m - 1), and so on: each interval is as wide as
    that asks. Of one gain it is the plain 95 % interval.

    Examples
    --------
    >>> none = Sample([0.0, 1.0, 2.0])
    >>> found = holm({"far": gain(Sample([9.0, 10.0, 11.0]), none), "near": gain(Sample([1.0, 2.0, 3.0]), none)})
    >>> [round(one.half, 1) for one in found.values()]
    [2.9, 2.3]
    """
    order = sorted(gains, key=lambda name: gains[name].p)
    levels = {name: 1 - (1 - CONFIDENCE) / (len(order) - k) for k, name in enumerate(order)}
    return {name: replace(one, confidence=levels[name]) for name, one in gains.items()}


def interval(values: Sequence[float]) -> Estimate:
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
    return estimate(Sample(values))


def paired_gain(values: Sequence[float], others: Sequence[float]) -> Gain:
    """Return the mean of ``values - others``, pair by pair, for runs that share more than a seed: by the paired t-test.

    Raises
    ------
    ValueError
        For unequal numbers of values.

    Examples
    --------
    >>> str(paired_gain([3.0, 4.0, 6.0], [1.0, 3.0, 3.0]))
    '+2.0 (95 % interval -0.5 to +4.5, 3 seeds, p = 0.074)'
    """
    if len(values) != len(others):
        raise ValueError(f"others: found {len(others)} values, expected {len(values)}, one for each of the first")
    sample = Sample(np.subtract(values, others))
    return _combined(Gain, sample.mean, np.zeros(1), [sample])
