"""Tables say what their records say: against numbers worked out by hand, and when the records change."""

from dataclasses import replace
from html import escape

import pytest
from made_up import record, table1

from pixelnet_edu.experiments.arms import EXPERIMENTS
from pixelnet_edu.experiments.design import base_recipe
from pixelnet_edu.experiments.paper import paper_value
from pixelnet_edu.experiments.report import (
    compare_text,
    draw,
    gains_tables,
    place_text,
    report_of,
    scores_table,
    table_of,
)
from pixelnet_edu.experiments.tables import Table
from pixelnet_edu.tasks import TASKS


def test_table_stands_beside_the_paper():
    lines = str(scores_table(table1())).splitlines()
    assert [part.strip() for part in lines[0].split(" | ")] == ["arm", "batch", "steps", "seeds", "mIoU"]
    assert [line.split()[0] for line in lines[1:]] == ["all-pixels", "paper", "uniform-4", "paper"]
    assert "42.0 ± 5.0" in lines[3]
    assert "5 x 367" in lines[3]
    assert "44.4" in lines[2]
    assert "44.6" in lines[4]


def test_both_readings_of_table_4_stand_beside_the_papers():
    records = [record(arm, seed, 0.2, 0.5, experiment="table4") for arm in ("1x40000", "5x2000") for seed in (0, 1)]
    rows = {row.arm: row for row in table_of(records)}
    cells = [(cell.label, cell.here.mean, cell.paper) for cell in rows["5x2000"].cells]
    assert cells == [("mIoU at 50%", 20, 38.4), ("mIoU", 50, 47.9)]
    assert [cell.paper for cell in rows["1x40000"].cells] == [7.9, 15.5]
    assert rows["5x2000"].steps == 600


def test_normals_of_the_paper():
    assert paper_value("table4", "normals", "5x2000", "within_30") == 71.8
    assert paper_value("table1", "normals", "all-pixels", "median") == 19.9
    assert paper_value("table4", "normals", "5x2000", "median", from_last=1) is None
    assert paper_value("edges", "edges", "uniform", "ods") is None


def test_changed_record_changes_the_table_and_the_report():
    records = table1()
    changed = [replace(records[0], readings=[{"step": 600, "scores": {"miou": 0.10, "iou": [0.2, 0.1]}}]), *records[1:]]
    assert scores_table(records) != scores_table(changed)
    assert str(report_of(records)) != str(report_of(changed))


@pytest.mark.parametrize("name", list(EXPERIMENTS))
def test_every_experiment_is_reported_in_its_order(name):
    asked = EXPERIMENTS[name]
    task = asked.tasks[0]
    arms = [arm.name for arm in asked.arms(base_recipe(task, "rooms", asked.preset))]
    score = TASKS[task].score
    found = [record(arm, seed, 0.5, experiment=name, task=task, score=score) for arm in sorted(arms) for seed in (0, 1)]
    assert [row.arm for row in table_of(found)] == arms
    assert asked.question in str(report_of(found))


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


def test_an_arm_stands_against_that_of_its_length():
    names = ("1x40000", "5x2000", "1x40000-4", "5x2000-4", "1x2000-images", "5x2000-patch")
    short, long = gains_tables([record(n, s, 0.2, 0.5, experiment="table4") for n in names for s in (0, 1)])
    assert (short.heads[0], long.heads[0]) == ("gain over 5x2000", "gain over 5x2000-4")
    assert [line[0] for line in short.lines] == ["1x40000", "5x2000-patch", "1x2000-images"]
    assert [line[0] for line in long.lines] == ["1x40000-4"]


def test_report_has_a_verdict_for_each_claim_that_it_can_answer():
    names = ("1x40000", "5x2000", "1x2000-images")
    text = str(report_of([record(n, s, 0.2, 0.5, experiment="table4") for n in names for s in (0, 1)]))
    assert text.count("five images with few pixels train better") == 0  # a sentence begins with a capital
    assert text.count("Five images with few pixels train better") == 1
    assert text.count("Five images a step train better than one") == 1
    assert "side by side" not in text


def test_a_report_in_a_notebook_is_html_with_the_same_cells():
    found = report_of(table1())
    html = found._repr_html_()
    for part in found.parts:
        for text in [part] if isinstance(part, str) else [*part.heads, *[cell for line in part.lines for cell in line]]:
            assert escape(text) in html
    assert html.count("<table") == 2
    assert "<b>" not in Table(["arm", "x"], [["<b>", "1"]])._repr_html_()


def test_a_fresh_seed_is_inside_the_recorded_spread_or_not():
    """Of 40, 42, 44: s = 2, and a new one lies in 42 ± 4.303 x 2 x sqrt(4 / 3) = 42 ± 9.9."""
    shipped = table1()
    text = place_text([record("uniform-4", 7, 0.515), record("uniform-4", 8, 0.525)], shipped)
    assert "seed 7: 51.5, inside 32.1 to 51.9 (3 recorded seeds)" in text
    assert "seed 8: 52.5, outside 32.1 to 51.9" in text
    assert place_text(shipped, shipped) == ""  # the recorded seeds themselves are not fresh
    longer = record("uniform-4", 7, 0.7)
    longer.recipe["training"]["steps"] = 900
    assert "of another recipe" in place_text([longer], shipped)


def test_picture_is_written(tmp_path):
    draw([*table1(), record("hard", 0, 0.3)], tmp_path / "table1.png")
    assert [path.name for path in tmp_path.iterdir()] == ["table1.png"]
    assert (tmp_path / "table1.png").read_bytes().startswith(b"\x89PNG")
