"""Tables say what their records say: against numbers worked out by hand, and when the records change."""

import math
from dataclasses import replace

import pytest

from pixelnet_edu.experiments.arms import EXPERIMENTS
from pixelnet_edu.experiments.design import base_recipe
from pixelnet_edu.experiments.intervals import interval, paired_difference
from pixelnet_edu.experiments.paper import paper_value
from pixelnet_edu.experiments.records import Record
from pixelnet_edu.experiments.report import (
    compare_text,
    difference_of,
    differences_text,
    draw,
    report_of,
    table_of,
    text_of,
    verdict_of,
)
from pixelnet_edu.tasks import TASKS

T_2 = 4.302652729749464  # the 97.5 % point of Student's t with 2 degrees of freedom, from a printed table: 4.303


def record(arm, seed, *values, experiment="table1", task="segmentation", score="miou", iou=(0.9, None, 0.3)):
    recipe = {
        "task": task,
        "name": "laptop",
        "data": "rooms",
        "training": {"images_per_step": 5, "points_per_image": 367, "steps": 600, "seed": seed},
    }
    steps = [600 * (k + 1) // len(values) for k in range(len(values))]
    scores = [{score: value} | ({"iou": list(iou)} if task == "segmentation" else {}) for value in values]
    readings = [{"step": step, "scores": found} for step, found in zip(steps, scores, strict=True)]
    return Record(experiment, arm, seed, recipe, readings, [], {}, {"seconds": [10.0 * step for step in steps]})


def table1(few=(0.40, 0.42, 0.44), all_pixels=(0.41, 0.42, 0.46)):
    arms = {"uniform-4": few, "all-pixels": all_pixels}
    return [record(arm, seed, value) for arm, values in arms.items() for seed, value in enumerate(values)]


def test_interval_by_hand():
    found = interval([40.0, 42.0, 44.0])  # standard deviation 2
    assert found.mean == 42
    assert found.high - found.mean == pytest.approx(T_2 * 2 / math.sqrt(3))
    assert found.mean - found.low == pytest.approx(T_2 * 2 / math.sqrt(3))


def test_equal_failures_are_no_evidence():
    """Ten runs that name everything background agree to every digit; that proves nothing."""
    blind = [record(arm, seed, 0.05, iou=(0.7, None, 0.0)) for arm in ("uniform-4", "all-pixels") for seed in range(5)]
    assert "stays open here: no run of either arm found a second class" in verdict_of(blind)
    seeing = [record(r.arm, r.seed, 0.05, iou=(0.7, None, 0.06)) if r.seed == 3 else r for r in blind]
    assert "holds here: the gain" in verdict_of(seeing)


def test_one_value_has_no_interval():
    assert str(interval([40.0])) == "40.0"
    assert math.isnan(interval([40.0]).low)
    with pytest.raises(ValueError, match="values: found none"):
        interval([])


def test_paired_difference_by_hand():
    found = paired_difference([3.0, 4.0, 6.0], [1.0, 3.0, 3.0])  # 2, 1, 3: standard deviation 1
    t = 2 / (1 / math.sqrt(3))
    assert found.mean == 2
    assert found.high - 2 == pytest.approx(T_2 / math.sqrt(3))
    assert found.p == pytest.approx(1 - t / math.sqrt(2 + t * t))  # exact for 2 degrees of freedom
    assert (paired_difference([1, 2], [1, 2]).p, paired_difference([2, 3], [1, 2]).p) == (1, 0)
    with pytest.raises(ValueError, match="others: found 1 values, expected 2"):
        paired_difference([1, 2], [1])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("values", "mean", "p"), [([0.4, 0.5], 0.3, 0), ([0.1, 0.2], 0, 1)])
def test_equal_differences_have_no_spread_and_no_warning(values, mean, p):
    found = paired_difference(values, [0.1, 0.2])  # 0.4 - 0.1 and 0.5 - 0.2 differ by rounding
    assert (found.low, found.high) == (found.mean, found.mean) == (pytest.approx(mean), pytest.approx(mean))
    assert found.p == p
    same = interval([0.7] * 5)
    assert same.low == same.high == same.mean


def test_table_stands_beside_the_paper():
    text = text_of(table_of(table1()))
    lines = text.splitlines()
    assert lines[0].split(" | ")[-2:] == ["mIoU @600 ", "seconds @600"]
    assert [line.split()[0] for line in lines[1:]] == ["all-pixels", "paper", "uniform-4", "paper"]
    assert "42.0 ± 5.0" in lines[3]
    assert "5 x 367" in lines[3]
    assert "44.4" in lines[2]
    assert "44.6" in lines[4]


def test_both_readings_of_table_4_stand_beside_the_papers():
    records = [record(arm, seed, 0.2, 0.5, experiment="table4") for arm in ("1x40000", "5x2000") for seed in (0, 1)]
    rows = {row.arm: row for row in table_of(records)}
    cells = [cell for cell in rows["5x2000"].cells if cell.label == "mIoU"]
    assert [(cell.step, cell.here.mean, cell.paper) for cell in cells] == [(300, 20, 38.4), (600, 50, 47.9)]
    assert [cell.paper for cell in rows["1x40000"].cells if cell.label == "mIoU"] == [7.9, 15.5]


def test_normals_of_the_paper():
    assert paper_value("table4", "normals", "5x2000", "within_30") == 71.8
    assert paper_value("table1", "normals", "all-pixels", "median") == 19.9
    assert paper_value("table4", "normals", "5x2000", "median", from_last=1) is None
    assert paper_value("edges", "edges", "uniform", "ods") is None


def test_changed_record_changes_the_table_and_the_report():
    records = table1()
    changed = [replace(records[0], readings=[{"step": 600, "scores": {"miou": 0.10, "iou": [0.2, 0.1]}}]), *records[1:]]
    assert text_of(table_of(records)) != text_of(table_of(changed))
    assert report_of(records) != report_of(changed)


def test_verdict_flips_with_the_records():
    assert "as all of them holds here" in verdict_of(table1((0.40, 0.42, 0.44), (0.41, 0.42, 0.44)))
    assert "as all of them does not hold here" in verdict_of(table1((0.30, 0.32, 0.34), (0.41, 0.42, 0.45)))
    assert "as all of them stays open here" in verdict_of(table1((0.30, 0.42, 0.54), (0.41, 0.42, 0.45)))
    assert "share 1 seeds" in verdict_of(table1((0.40,), (0.41, 0.42)))
    assert "share 0 seeds" in verdict_of(table1((), (0.41, 0.42)))


def test_claim_of_better_needs_an_interval_above_0():
    def records(one, five):
        arms = {"1x40000": one, "5x2000": five}
        return [record(a, s, v, v, experiment="table4") for a, values in arms.items() for s, v in enumerate(values)]

    assert "one image with many holds here" in verdict_of(records((0.30, 0.31, 0.29), (0.55, 0.57, 0.55)))
    assert "one image with many does not hold here" in verdict_of(records((0.55, 0.57, 0.55), (0.30, 0.31, 0.29)))
    assert "one image with many stays open here" in verdict_of(records((0.30, 0.31, 0.29), (0.31, 0.30, 0.30)))


def test_lower_angles_are_better():
    values = {"uniform-4": (20.0, 21.0), "all-pixels": (22.0, 24.0)}
    records = [
        record(arm, seed, value, task="normals", score="median")
        for arm, found in values.items()
        for seed, value in enumerate(found)
    ]
    assert difference_of(records, "uniform-4", "all-pixels").mean == 2.5


def test_pairs_are_the_seeds_that_both_arms_have():
    records = [record("uniform-4", 1, 0.5), record("uniform-4", 7, 0.6), record("all-pixels", 7, 0.4)]
    assert difference_of(records, "uniform-4", "all-pixels").mean == pytest.approx(20)
    assert "uniform-4            +20.0" in differences_text(records)


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_experiment_is_reported_in_its_order(name):
    asked = EXPERIMENTS[name]
    task = asked.tasks[0]
    arms = [arm.name for arm in asked.arms(base_recipe(task, "rooms", asked.preset))]
    score = TASKS[task].score
    found = [record(arm, seed, 0.5, experiment=name, task=task, score=score) for arm in sorted(arms) for seed in (0, 1)]
    assert [row.arm for row in table_of(found)] == arms
    assert asked.question in report_of(found)


def test_other_machine_arm_by_arm():
    others = [replace(r, readings=[{"step": 600, "scores": {"miou": r.score("miou") - 0.01}}]) for r in table1()]
    others[0] = table1()[0]
    text = compare_text(table1(), others)
    assert "1 of 3 the same" in text
    assert "0 of 3 the same" in text
    assert "no seed in common" in compare_text(table1(), [record("uniform-4", 9, 0.1)])


def test_records_that_do_not_belong_together():
    with pytest.raises(ValueError, match="expected one experiment, task and data set"):
        table_of([record("hard", 0, 0.5), record("hard", 0, 0.5, experiment="table4")])
    longer = record("hard", 1, 0.5)
    longer.recipe["training"]["steps"] = 900
    with pytest.raises(ValueError, match="records: found two recipes of hard"):
        table_of([record("hard", 0, 0.5), longer])
    with pytest.raises(ValueError, match="records: found none"):
        table_of([])


def test_picture_is_written(tmp_path):
    draw([*table1(), record("hard", 0, 0.3)], tmp_path / "table1.png")
    assert [path.name for path in tmp_path.iterdir()] == ["table1.png"]
    assert (tmp_path / "table1.png").read_bytes().startswith(b"\x89PNG")
