"""The printed figures of both tables, found again from the raw files with SciPy alone."""

import json

import numpy as np
import pytest
from scipy import stats

from pixelnet_edu.experiments.arms import EXPERIMENTS
from pixelnet_edu.experiments.records import SHIPPED, read_records
from pixelnet_edu.experiments.report import gains_tables, scores_table

SETS = sorted(
    folder for name in ("table1", "table4") for folder in (SHIPPED / name).glob("*") if "tuning" not in folder.name
)
FACTOR = {"miou": 100, "accuracy": 100, "ods": 100, "ois": 100, "ap": 100, "calibration_error": 100}
LEADING = {"segmentation": ("miou", 1), "normals": ("median", -1), "edges": ("ods", 1)}


def raw(folder):
    """Read the files: of each arm its runs, by seed."""
    arms = {}
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        arms.setdefault(content["arm"], []).append(content)
    return arms


def leading(task, counts):
    """Score summed counts of images, written down once more."""
    if task == "segmentation":
        right, true, predicted = counts.reshape(3, -1).astype(float)
        return 100 * np.nanmean(np.where(true > 0, right / np.maximum(true + predicted - right, 1), np.nan))
    if task == "edges":
        recalled, annotated, correct, detected = counts.reshape(4, -1).astype(float)
        return 100 * max(2 * correct * recalled / np.maximum(correct * annotated + recalled * detected, 1))
    borders = np.r_[np.arange(0, 30, 0.5), np.arange(30, 181, 5)]
    return np.interp(counts.sum() / 2, np.r_[0, counts.cumsum()], borders)


def value_of(run, score, reading=-1):
    """Take the leading score; of classes, over those of the labels where images are counted."""
    scores, images = run["readings"][reading]["scores"], run["readings"][-1].get("images")
    if score == "miou" and images:
        true = np.array([line.split() for line in images], int).sum(0).reshape(3, -1)[1]
        return 100 * np.mean([iou for iou, pixels in zip(scores["iou"], true, strict=True) if pixels])
    return FACTOR.get(score, 1) * scores[score]


def image_variance(task, *arms):
    """Draw the test images again, 300 times, for one arm's mean or for the difference of two."""
    counts = [
        np.array([[line.split() for line in run["readings"][-1].get("images", [])] for run in runs], int)
        for runs in arms
    ]
    if not all(c.size for c in counts):
        return 0.0
    random, found = np.random.default_rng(1), []
    for _ in range(300):
        chosen = random.integers(counts[0].shape[1], size=counts[0].shape[1])
        means = [np.mean([leading(task, seed[chosen].sum(0)) for seed in c]) for c in counts]
        found.append(means[0] - (means[1] if len(means) > 1 else 0))
    return np.var(found)


@pytest.mark.parametrize("folder", SETS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_table_is_that_of_the_raw_files(folder):
    arms, task = raw(folder), folder.name.split("-")[0]
    heads, lines = scores_table(read_records(folder))
    printed = {line[0]: line for line in lines if line[0] != "  paper"}
    assert printed.keys() == arms.keys()
    score, _ = LEADING[task]
    for arm, runs in arms.items():
        _, batch, steps, *counted, seeds = printed[arm][: heads.index("seeds") + 1]
        cells = printed[arm][heads.index("seeds") + 1 :]
        training = runs[0]["recipe"]["training"]
        assert batch == f"{training['images_per_step']} x {training['points_per_image']}"
        assert (steps, seeds) == (f"{training['steps']:,}", str(len(runs)))
        products = training["steps"] * runs[0]["made"].get("step_macs", 0) / 1e12
        assert list(map(float, counted)) == pytest.approx([products] * bool(products), rel=0.06)
        before = len(runs[0]["readings"]) - 1
        for cell, reading in zip(cells, [*range(before), before], strict=False):  # the leading score at each reading
            values = [value_of(run, score, reading) for run in runs]
            mean, half = map(float, cell.split(" ± "))
            assert mean == pytest.approx(np.mean(values), abs=0.051)
            seeds_part = np.var(values, ddof=1) / len(values)
            images_part = image_variance(task, runs) if reading == before else 0.0
            freedom = (seeds_part + images_part) ** 2 / (seeds_part**2 / (len(values) - 1))
            expected = (seeds_part + images_part) ** 0.5 * stats.t.ppf(0.975, freedom)
            assert half == pytest.approx(expected, rel=0.12 if images_part else 0, abs=0.051), (arm, reading)


@pytest.mark.parametrize("folder", SETS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_gains_are_those_of_the_raw_files(folder):
    """Welch's test of the raw scores where test images are not counted; the mean and its sign everywhere."""
    arms, task = raw(folder), folder.name.split("-")[0]
    score, sign = LEADING[task]
    found, groups = {}, {}
    for table in gains_tables(read_records(folder)):
        other = table.heads[0].removeprefix("gain over ")
        for arm, mean, ends, p, _ in table.lines:
            found[arm] = (other, float(mean), *map(float, ends.split(" to ")), float(p.removeprefix("< ")))
            groups.setdefault(other, []).append(arm)
    assert found
    values = {arm: [value_of(run, score) for run in runs] for arm, runs in arms.items()}
    pairs = [(c.arm, c.other) for c in EXPERIMENTS[folder.parent.name].claims if {c.arm, c.other} <= values.keys()]

    def test_of(*pair):
        one, two = (values[name] for name in pair)
        seeds = [[run["seed"] for run in arms[name]] for name in pair]
        if seeds[0] == seeds[1] and len(one) >= 8 and stats.pearsonr(one, two, alternative="greater").pvalue < 0.01:
            return stats.ttest_rel(one, two)
        return stats.ttest_ind(one, two, equal_var=False)

    for arm, (other, mean, low, high, p) in found.items():
        assert mean == pytest.approx(sign * (np.mean(values[arm]) - np.mean(values[other])), abs=0.051)
        if not image_variance(task, arms[arm], arms[other]):
            rest = [(a, other) for a in groups[other] if not {(a, other), (other, a)} & set(pairs)]
            family = rest if (arm, other) in rest else pairs
            test = test_of(arm, other)
            assert p == pytest.approx(max(test.pvalue, 0.001), abs=0.00051)
            before = sum(test_of(*pair).pvalue < test.pvalue * (1 - 1e-9) for pair in family)
            ends = test.confidence_interval(1 - 0.05 / (len(family) - before))
            assert (low, high) == pytest.approx(sorted((sign * ends.low, sign * ends.high)), abs=0.051)
