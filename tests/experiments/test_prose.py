"""What the chapters say in words about the records that the package ships. New records: change the words with them."""

import itertools
import statistics

import pytest
from scipy import stats

from pixelnet_edu.experiments import recorded_runs
from pixelnet_edu.experiments.arms import experiment
from pixelnet_edu.experiments.records import VARIABLE
from pixelnet_edu.experiments.studies.noise import foretell, recorded_noise, scales_of
from pixelnet_edu.experiments.tuning import best_rates
from pixelnet_edu.experiments.verdicts import AS_GOOD, HOLDS, difference_of, found_one_class, interval_of, judge


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


def test_sampling_table_on_photographs():
    records = recorded_runs("table1", "segmentation", "voc", "photographs")
    held = {(claim.arm, claim.other): judge(records, claim) for claim in experiment("table1").claims}
    assert [found.word for found in held.values()] == [AS_GOOD] * 2
    own = held["uniform-4", "all-pixels"].gained
    assert own.number >= 10
    assert own.correlation > 0.9  # which go together in pairs
    for arm in {record.arm for record in records} - {"all-pixels"}:
        if not arm.endswith(("-2", "-4")) or arm == "uniform-4":
            gained = difference_of(records, arm, "all-pixels")
            assert gained.low < 0 < gained.high  # no sample can be told from all pixels
    few = next(record for record in records if record.arm == "uniform-0.25").recipe
    assert few["training"]["points_per_image"] == 51
    assert few["size"][0] * few["size"][1] == 20_480
    products = {record.arm: record.made["step_macs"] for record in records}
    assert 0.08 < products["uniform-4"] / products["all-pixels"] < 0.12  # a tenth
    assert products["uniform-1"] - products["uniform-0.25"] < 0.02 * products["all-pixels"]  # little left to save


def test_equal_failures_on_the_small_voc():
    records = recorded_runs("table1", "segmentation", "voc")
    assert all(found_one_class(record) for record in records)
    assert abs(difference_of(records, "uniform-4", "all-pixels").mean) < 1


def test_diversity_table():
    records = recorded_runs("table4", "segmentation", "voc", "photographs")
    held = {claim.other: judge(records, claim).word for claim in experiment("table4").claims}
    wins_by_far = ("1x40000", "1x40000-4", "1x40000-products", "1x40000-paper-products", "5x2000-patch")
    assert [held[other] for other in wins_by_far] == [HOLDS] * 5
    lead = {other: difference_of(records, "5x2000", other).mean for other in held}
    assert 0 < lead["1x40000-images"] < lead["1x40000"] / 4  # a small lead is left, win by far
    assert abs(lead["1x40000-images"] - lead["1x2000-images"]) < 0.5  # whether few or many pixels are read
    assert [held[other] for other in ("1x40000-images", "1x2000-images")] == [HOLDS] * 2  # under every budget
    longer = [difference_of(records, f"5x2000{times}", f"1x2000-images{times}").mean for times in ("", "-2", "-4")]
    assert longer[0] < longer[1] - 2  # grows
    assert abs(longer[1] - longer[2]) < 1  # and stays
    mean = {arm: interval_of(records, arm).mean for arm in {record.arm for record in records}}
    assert abs(mean["5x2000-4"] - mean["5x2000-2"]) < 1 < mean["5x2000-2"] - mean["5x2000"]  # its plateau
    assert mean["1x40000"] + 2 < mean["1x40000-2"] + 1 < mean["1x40000-4"]  # still gains
    assert mean["5x2000"] - mean["1x40000"] > mean["5x2000-4"] - mean["1x40000-4"]  # the gap shrinks
    assert mean["1x2000"] < mean["2x2000"] < mean["5x2000"] < mean["10x2000"]  # more images a step help
    assert abs(mean["1x40000"] - mean["1x2000"]) < 1  # twenty times as many leave one image where it was
    assert mean["1x10000-patch"] < mean["1x10000"]
    assert mean["1x40000"] > mean["5x2000"] / 3  # the paper's gap is larger


def test_diversity_table_on_rates():
    best = best_rates(recorded_runs("table4", "segmentation", "voc", "photographs-tuning"))
    assert 2.9 < best["5x2000"] / best["1x40000-images"] < 3.1  # with a third of the rate
    assert best["5x2000"] == 0.09  # in the exercise


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


def foretold_well(record, measured, best):
    """Return the shares of rates foretold within a factor of 2 and of 3, and the rank correlation of the scores."""
    found = foretell(record)
    arms = [arm for arm in found if arm != record["reference"]]
    ratios = [max(found[arm][0] / best[arm], best[arm] / found[arm][0]) for arm in arms]
    ranks = stats.spearmanr([found[arm][1] for arm in arms], [measured[arm] for arm in arms]).statistic
    return *(sum(ratio < factor + 0.01 for ratio in ratios) / len(arms) for factor in (2, 3)), ranks


def test_what_a_pixel_is_worth():
    """The noise foretells; a model that ignores it does not."""
    record = recorded_noise("segmentation-voc-photographs")
    records, sought = (recorded_runs("table4", "segmentation", "voc", f"photographs{of}") for of in ("", "-tuning"))
    measured = {arm: interval_of(records, arm).mean for arm in {record.arm for record in records}}
    best, arms = best_rates(sought), list(record["noise"])
    two, three, ranks = foretold_well(record, measured, best)
    assert two > 0.75  # most within two
    assert three > 0.94  # all but one within three
    assert ranks > 0.5
    ignorant = record | {"noise": {arm: [{"variance": 1.0, "signal": 1.0}] for arm in arms}}
    two, _, ranks = foretold_well(ignorant, measured, best)
    assert two < 0.5
    assert ranks < 0.2
    found = {arm: score for arm, (_, score) in foretell(record).items()}
    assert found["1x40000-2"] > 0.9 * found["5x2000"]  # nearly the score of five images after half the steps
    assert measured["1x40000-2"] < 0.75 * measured["5x2000"]  # far less is found
    curve = list(record["curve"].values())
    assert curve != sorted(curve)  # doesn't even rise with every length
    scales = scales_of(record)
    assert scales["1x40000"] == pytest.approx(scales["1x2000"], rel=0.1)  # as noisy
    assert 2.5 < scales["1x10000-patch"] / scales["1x10000"] < 3.5  # three times as noisy
    assert 2.5 < best["1x10000"] / best["1x10000-patch"] < 3.5  # and wants a third of the rate
