"""Intervals against numbers worked out by hand and other ways; verdicts at their borders."""

import math

import numpy as np
import pytest
from made_up import record, table1
from scipy import stats

from pixelnet_edu.experiments import verdicts
from pixelnet_edu.experiments.arms import EXPERIMENTS
from pixelnet_edu.experiments.intervals import Gain, Sample, estimate, gain, holm, interval, paired_gain
from pixelnet_edu.experiments.verdicts import (
    KINDS,
    difference_of,
    gains_over,
    kind_of,
    seeds_to_tell,
    value_of,
    verdict_of,
)
from pixelnet_edu.metrics.segmentation import pooled_miou

T_2 = 4.302652729749464  # the 97.5 % point of Student's t with 2 degrees of freedom, from a printed table: 4.303
AS_GOOD, BETTER = EXPERIMENTS["table1"].claims[0], EXPERIMENTS["table4"].claims[0]


@pytest.fixture(autouse=True)
def margin(monkeypatch):
    """Set a margin of two points."""
    monkeypatch.setattr(verdicts, "margin_of", lambda records: 2.0)


def test_interval_by_hand():
    found = interval([40.0, 42.0, 44.0])  # standard deviation 2
    assert found.mean == 42
    assert found.high - 42 == pytest.approx(T_2 * 2 / math.sqrt(3)) == 42 - found.low


def test_one_value_has_no_interval():
    assert str(interval([40.0])) == "40.0"
    assert math.isnan(interval([40.0]).low)
    assert str(gain(Sample([2.0]), Sample([1.0, 1.5]))) == "+0.8"
    with pytest.raises(ValueError, match="values: found none"):
        interval([])


@pytest.mark.filterwarnings("error")
def test_equal_values_have_no_spread_and_no_warning():
    for values, others, p in (([0.4, 0.5], [0.1, 0.2], 0), ([1, 2], [1, 2], 1)):  # 0.4 - 0.1, 0.5 - 0.2: but rounding
        found = paired_gain(values, others)
        assert (found.low, found.high, found.p) == (found.mean, found.mean, p)
    same = interval([0.7] * 5)
    assert same.low == same.high == same.mean


def test_gain_is_welchs_and_pairs_are_students():
    ours, others = [3.0, 4.0, 6.0, 5.5], [1.0, 3.0, 3.0]
    found, scipys = gain(Sample(ours), Sample(others)), stats.ttest_ind(ours, others, equal_var=False)
    assert found.p == pytest.approx(scipys.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(scipys.confidence_interval()))
    paired = paired_gain([3.0, 4.0, 6.0], [1.0, 3.0, 3.0])  # 2, 1, 3: standard deviation 1
    assert (paired.mean, paired.high) == (2, pytest.approx(2 + T_2 / math.sqrt(3)))
    assert paired.p == pytest.approx(stats.ttest_rel([3.0, 4.0, 6.0], [1.0, 3.0, 3.0]).pvalue)
    with pytest.raises(ValueError, match="others: found 1 values, expected 2"):
        paired_gain([1, 2], [1])


def test_seeds_are_paired_only_where_enough_of_them_go_together():
    random = np.random.default_rng(0)
    luck, seeds = random.normal(0, 3, 10), list(range(10))
    one, other = (50 + luck + random.normal(0, 0.3, 10) for _ in range(2))
    found, scipys = gain(Sample(one, seeds=seeds), Sample(other, seeds=seeds)), stats.ttest_rel(one, other)
    assert found.p == pytest.approx(scipys.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(scipys.confidence_interval()))
    assert f"10 seeds in pairs, correlation {stats.pearsonr(one, other).statistic:.2f}" in str(found)
    apart = [
        (Sample(one), Sample(other)),  # of unknown seeds
        (Sample(one, seeds=seeds), Sample(other, seeds=seeds[::-1])),
        (Sample(one[:7], seeds=seeds[:7]), Sample(other[:7], seeds=seeds[:7])),  # too few
        (Sample(one, seeds=seeds), Sample(random.normal(50, 3, 10), seeds=seeds)),  # that share nothing
    ]
    for ours, theirs in apart:
        found, scipys = gain(ours, theirs), stats.ttest_ind(ours.values, theirs.values, equal_var=False)
        assert (found.correlation, found.p) == (None, pytest.approx(scipys.pvalue))


def made_up_counts(seed, shift=0.0, seeds=6, images=25):
    """Return counts (S, M, 6) of two classes: some images are hard for all seeds, some seeds are worse."""
    random = np.random.default_rng(seed)
    share = 0.75 + shift + random.normal(0, 0.03, (seeds, 1)) + np.random.default_rng(9).normal(0, 0.08, images)
    true = np.random.default_rng(8).integers(200, 800, (images, 2)) + np.zeros((seeds, 1, 1), int)
    right = (true * share.clip(0, 1)[..., None]).astype(int)
    predicted = right + (true - right)[..., ::-1]
    return np.concatenate([right, true, predicted], -1)


def test_images_and_seeds_are_a_crossed_bootstraps():
    """Drawing seeds and images again, the seeds of each arm by themselves and the images of both together."""
    arms = [made_up_counts(0), made_up_counts(1, shift=-0.05)]
    samples = [Sample(pooled_miou(c.sum(1)), c, pooled_miou) for c in arms]
    random, drawn = np.random.default_rng(5), []
    for _ in range(3000):
        images = random.integers(25, size=25)
        drawn.append([pooled_miou(c[random.integers(6, size=6)][:, images].sum(1)).mean() for c in arms])
    one, _ = np.transpose(drawn)
    difference = np.subtract(*np.transpose(drawn))
    # A resample of 6 seeds varies by 5 / 6 of their variance.
    for found, by_hand in ((estimate(samples[0]), one.var()), (gain(*samples), difference.var())):
        assert found.error**2 == pytest.approx(by_hand + found.seeds**2 / 6, rel=0.12)
        assert found.images > 0
    assert gain(*samples).images < 0.5 * estimate(samples[0]).images  # images are hard for both


def test_intervals_cover_as_often_as_they_say():
    """The true gain of 0, with few seeds: 95 of 100, by binomial luck 91 to 99."""
    covered = 0
    for k in range(200):
        random = np.random.default_rng(k)
        found = gain(Sample(random.normal(0, 1, 5)), Sample(random.normal(0, 3, 5)))
        covered += found.low < 0 < found.high
    assert 0.91 < covered / 200 < 0.99


def test_holm_widens_as_his_rule_asks():
    gains = {
        name: gain(Sample(np.array([-1.0, 0, 1]) + shift), Sample([-1.0, 0, 1]))
        for name, shift in zip("abc", (9, 3, 0), strict=True)
    }
    found = holm(gains)
    for name, divisor in zip("abc", (3, 2, 1), strict=True):
        error, freedom = gains[name].error, gains[name].freedom
        assert found[name].half == pytest.approx(error * stats.t.ppf(1 - 0.025 / divisor, freedom))
    assert holm({"c": gains["c"]})["c"] == gains["c"]


def of(low, high):
    """Return a gain with this interval."""
    half = (high - low) / 2
    return Gain((low + high) / 2, half / stats.t.ppf(0.975, 9), 0.0, 9, 10)


@pytest.mark.parametrize(
    ("low", "high", "kind"),
    [(-1.9, 1, 0), (0.5, 3, 0), (-1.9, -0.1, 1), (-3, -0.1, 2), (-9, -5, 2), (-2.1, 0.1, 3), (-9, 9, 3)],
)
def test_four_verdicts(low, high, kind):
    assert kind_of(of(low, high), margin=2) == KINDS[kind]


def test_seeds_that_would_tell():
    """As many seeds as bring 1.96 standard errors clear of the farther border, the test images staying."""
    found = Gain(mean=-0.5, seeds=1.0, images=0.2, freedom=8, number=5)  # 1.5 above the margin, 0.5 below 0
    assert seeds_to_tell(found, margin=2) == math.ceil(5 * 1.0 / ((1.5 / 1.96) ** 2 - 0.2**2))
    assert seeds_to_tell(Gain(-0.5, 1.0, 0.9, 8, 5), margin=2) is None
    few, many = (kind_of(Gain(-0.5, 1.0 * (5 / n) ** 0.5, 0.2, 99, n), 2) for n in (5, 12))
    assert (few, many) == (KINDS[3], KINDS[0])


def test_verdict_flips_with_the_records():
    good = verdict_of(table1((0.420, 0.421, 0.422), (0.420, 0.421, 0.422)), AS_GOOD)
    assert good.startswith("A random 4 % of the pixels trains as well as all of them: as good; the gain")
    assert "the margin 2.0." in good
    assert ": worse; the gain" in verdict_of(table1((0.30, 0.32, 0.34), (0.41, 0.42, 0.45)), AS_GOOD)
    within = verdict_of(table1((0.41, 0.411, 0.412), (0.420, 0.421, 0.422)), AS_GOOD)
    assert ": worse, but within the margin;" in within
    unsure = verdict_of(table1((0.30, 0.42, 0.54), (0.41, 0.42, 0.45)), AS_GOOD)
    assert ": can't tell;" in unsure
    assert "seeds would tell." in unsure
    assert "have not 2 seeds or more each" in verdict_of(table1((0.40,), (0.41, 0.42)), AS_GOOD)
    assert "have not 2 seeds or more each" in verdict_of(table1((), (0.41, 0.42)), AS_GOOD)


def test_claim_of_better_needs_an_interval_above_0():
    def records(one, five):
        arms = {"1x40000": one, "5x2000": five}
        return [record(a, s, v, v, experiment="table4") for a, values in arms.items() for s, v in enumerate(values)]

    assert ": holds;" in verdict_of(records((0.30, 0.31, 0.29), (0.55, 0.57, 0.55)), BETTER)
    assert ": does not hold;" in verdict_of(records((0.55, 0.57, 0.55), (0.30, 0.31, 0.29)), BETTER)
    assert ": can't tell;" in verdict_of(records((0.30, 0.31, 0.29), (0.31, 0.30, 0.30)), BETTER)


def test_equal_failures_are_no_evidence():
    """Ten runs that name everything background agree to every digit; that proves nothing."""
    blind = [record(arm, seed, 0.05, iou=(0.7, None, 0.0)) for arm in ("uniform-4", "all-pixels") for seed in range(5)]
    assert ": can't tell; no run of either arm found a second class" in verdict_of(blind, AS_GOOD)
    seeing = [record(r.arm, r.seed, 0.05, iou=(0.7, None, 0.06)) if r.seed == 3 else r for r in blind]
    assert ": as good; the gain" in verdict_of(seeing, AS_GOOD)


def test_lower_angles_are_better():
    values = {"uniform-4": (20.0, 21.0), "all-pixels": (22.0, 24.0)}
    records = [
        record(arm, seed, value, task="normals", score="median")
        for arm, found in values.items()
        for seed, value in enumerate(found)
    ]
    assert difference_of(records, "uniform-4", "all-pixels").mean == 2.5
    assert difference_of(records, "uniform-4", "hard") is None


def ious(counts):
    """Return the IoU of each class from the counts of a seed (M, 3 K)."""
    right, true, predicted = np.split(counts.sum(0), 3)
    return (right / (true + predicted - right)).tolist()


def test_a_class_that_no_label_has_counts_for_nothing():
    one = record("uniform-4", 0, 0.4, iou=(0.8, 0.4, 0.0), images=["8 4 0 9 6 0 9 8 1"])
    assert value_of(one, "miou") == pytest.approx(60)
    assert value_of(record("uniform-4", 0, 0.4, iou=(0.8, 0.4, 0.0)), "miou") == pytest.approx(40)  # nothing counted


def test_test_images_widen_an_interval_where_records_hold_them():
    counts = {"uniform-4": made_up_counts(0), "all-pixels": made_up_counts(1)}
    lines = {arm: [[" ".join(map(str, image)) for image in seed] for seed in c] for arm, c in counts.items()}

    def records(with_images):
        return [
            record(
                arm, seed, np.mean(ious(counts[arm][seed])), iou=ious(counts[arm][seed]), images=images * with_images
            )
            for arm, found in lines.items()
            for seed, images in enumerate(found)
        ]

    with_images, without = (difference_of(records(w), "uniform-4", "all-pixels") for w in (True, False))
    assert with_images.seeds == pytest.approx(without.seeds)
    assert with_images.images > 0 == without.images
    assert with_images.half > without.half


def test_holms_rule_widens_the_arms_of_no_claim_only():
    scores = {"hard": (0.30, 0.32, 0.34), "spatial": (0.41, 0.42, 0.45), "uniform-1": (0.38, 0.40, 0.42)}
    more = [record(arm, seed, value) for arm, found in scores.items() for seed, value in enumerate(found)]
    few, many = (
        gains_over(table1() + more, "all-pixels", arms) for arms in (["uniform-4", "hard"], ["uniform-4", *scores])
    )
    assert many["hard"].half > few["hard"].half
    assert many["uniform-4"] == few["uniform-4"] == difference_of(table1(), "uniform-4", "all-pixels")
    assert gains_over(table1(), "uniform-4", ["all-pixels"])["all-pixels"].mean == -many["uniform-4"].mean
