"""What the chapters say in words about the records that the package ships. New records: change the words with them."""

import itertools
import statistics

import pytest

from pixelnet_edu.experiments import recorded_runs
from pixelnet_edu.experiments.records import VARIABLE
from pixelnet_edu.experiments.verdicts import difference_of, found_one_class, interval_of


@pytest.fixture(autouse=True)
def shipped(monkeypatch):
    """Read the package's own records."""
    monkeypatch.delenv(VARIABLE, raising=False)


def seconds(records, arm):
    found = [record.timing["seconds"][-1] for record in records if record.arm == arm]
    return sum(found) / len(found)


def test_sampling_table():
    records = recorded_runs("table1", "segmentation", "rooms")
    gain = {arm: difference_of(records, arm, "all-pixels") for arm in {r.arm for r in records} - {"all-pixels"}}
    assert gain["uniform-4"].mean < 0 < gain["uniform-4"].high  # a little lower; perhaps luck
    assert 0 > gain["uniform-4"].mean > gain["uniform-1"].mean > gain["uniform-0.25"].mean
    assert interval_of(records, "uniform-0.25").low > 30  # those 23 pixels train a network
    assert max(gain, key=lambda arm: gain[arm].mean) == "class-balanced"
    assert gain["class-balanced"].low < 0 < gain["class-balanced"].mean
    spatial, hard = (difference_of(records, arm, "uniform-4") for arm in ("spatial", "hard"))
    assert spatial.low < 0 < spatial.high  # can't be told from uniform
    assert hard.mean < 0  # doesn't help
    assert seconds(records, "uniform-0.25") > 0.9 * seconds(records, "uniform-1")  # no time left to win


def test_equal_failures_on_the_small_voc():
    records = recorded_runs("table1", "segmentation", "voc")
    assert all(found_one_class(record) for record in records)
    assert abs(difference_of(records, "uniform-4", "all-pixels").mean) < 1


def test_diversity_table():
    records = recorded_runs("table4", "segmentation", "rooms")
    names = ["1x10000", "2x5000", "5x2000", "10x1000"]
    for fewer, more in itertools.pairwise(names):
        assert difference_of(records, more, fewer).low > 0  # every step to more images gains
    for name in names:
        assert difference_of(records, name, f"{name}-patch").low > 0
    one, four_times = (interval_of(records, arm).mean for arm in ("1x10000", "1x40000"))
    assert abs(one - four_times) < 3  # end close together
    assert one > interval_of(records, "10x1000-patch").mean
    assert interval_of(records, "10x1000-patch").high > interval_of(records, "1x10000").low  # but the intervals overlap
    assert any(found_one_class(record) for record in records if record.arm.endswith("-patch"))
    assert not any(found_one_class(record) for record in records if not record.arm.endswith("-patch"))
    assert four_times > interval_of(records, "5x2000").mean / 3  # the paper's gap is larger


def test_nonlinear_predictors():
    records = recorded_runs("predictors", "segmentation", "rooms")
    one, two, three = (difference_of(records, f"mlp-{k}", "linear-norm") for k in (1, 2, 3))
    assert all(gain.low < 0 < gain.high for gain in (one, two))  # can't be told from none
    assert three.high < 0  # do worse
    for arm in ("linear-norm", "mlp-2"):
        context = difference_of(records, f"{arm}-context", arm)
        assert context.low < context.mean < 0 < context.high  # lower, not for certain


def test_smaller_samples():
    records = recorded_runs("table1", "segmentation", "rooms")
    fewer = difference_of(records, "uniform-1", "uniform-4")
    assert -1 < fewer.high < 0  # only just told apart
    assert difference_of(records, "class-balanced", "uniform-4").low > 0
    scores = {arm: interval_of(records, arm).mean for arm in {record.arm for record in records}}
    assert max(scores, key=scores.get) == "class-balanced"


def test_accuracy_and_efficiency():
    records = recorded_runs("budget", "segmentation", "rooms")
    more = difference_of(records, "all-pixels", "uniform-4")
    assert more.low < 0 < more.high  # above 4 %, hardly a better step
    assert interval_of(records, "uniform-1").mean < interval_of(records, "uniform-4").mean - 2  # below, a noisier one


def test_tabula_rasa():
    records = recorded_runs("tabula_rasa", "segmentation", "rooms")
    assert difference_of(records, "hed", "scratch").low > 5  # far ahead
    more = difference_of(records, "scratch-all", "scratch")
    assert more.low < 0 < more.high  # can't be told apart
    assert 1 < seconds(records, "scratch-all") / seconds(records, "scratch") < 1.5  # in seconds the sample gains little


def test_errata_on_pairs_of_one_seed():
    for name in ("table1", "table4"):
        records = recorded_runs(name, "segmentation", "rooms")
        scores = {arm: [r.score("miou") for r in records if r.arm == arm] for arm in {r.arm for r in records}}
        alike = [statistics.correlation(scores[a], scores[b]) for a, b in itertools.combinations(sorted(scores), 2)]
        assert abs(statistics.mean(alike)) < 0.2  # on average next to none
        if name == "table1":
            assert statistics.correlation(scores["uniform-4"], scores["all-pixels"]) > 0.8  # but these two
