"""`pixelnet reproduce` and `pixelnet report` as a person meets them."""

import sys

import pytest
import torch

from pixelnet_edu import cli
from pixelnet_edu.experiments import cli as commands
from pixelnet_edu.experiments import schedule
from pixelnet_edu.experiments.arms import EXPERIMENTS
from pixelnet_edu.experiments.design import Arm, base_recipe
from pixelnet_edu.experiments.records import read_records
from pixelnet_edu.experiments.tuning import best_rates, scores_by_rate, tuned
from pixelnet_edu.training.recipes import recipe_from


@pytest.fixture
def run(monkeypatch, tiny, rooms, capsys):
    """Run the command on the tiny recipe; return its exit status, output and errors."""
    monkeypatch.setattr(commands, "base_recipe", lambda task, data, *_: tiny(task, data=data))

    def pixelnet(*arguments):
        monkeypatch.setattr(sys, "argv", ["pixelnet", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return pixelnet


def test_reproduce_report_and_compare(run, rooms, tmp_path):
    arguments = ["reproduce", "table4", "--root", rooms, "--seeds", "2", "--records", tmp_path / "a"]
    status, out, _ = run(*arguments)
    assert status == 0
    assert "4 of 4 records" in out
    status, out, _ = run(*arguments, "--time-limit", 0)
    assert "4 of 4 records" in out
    status, out, _ = run("report", "table4", "--records", tmp_path / "a", "--against", tmp_path / "a")
    assert status == 0
    assert "5x2000" in out
    assert "47.9" in out
    assert "2 of 2 the same" in out
    assert "than one image with many" in out
    assert (tmp_path / "a" / "table4" / "segmentation-rooms-laptop.png").is_file()


def test_time_is_up(run, rooms, tmp_path):
    status, out, _ = run("reproduce", "table1", "--root", rooms, "--records", tmp_path, "--time-limit", 0)
    assert status == 0
    assert "0 of 10 records" in out
    assert "the same command continues" in out


def test_lists(run):
    assert "table4" in run("reproduce", "--list")[1]
    out = run("reproduce", "table1", "--list")[1]
    assert [line.split()[0] for line in out.splitlines()][:2] == ["all-pixels", "uniform-4"]
    assert "hard" in out
    assert "class-balanced" not in run("reproduce", "table1", "--list", "--task", "normals")[1]
    weighted = {arm.name: arm.recipe for arm in EXPERIMENTS["table1"].arms(base_recipe("edges", "rooms", "laptop"))}
    assert [name for name, recipe in weighted.items() if recipe.training.reweight] == ["class-balanced-weighted"]
    assert weighted["class-balanced-weighted"].sampler == weighted["class-balanced"].sampler == "balanced"


def test_pretraining_has_a_preset_of_its_own(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pixelnet", "reproduce", "pretraining", "--data", "voc", "--list"])
    with pytest.raises(SystemExit):
        cli.main()
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["imagenet", "scratch", "small"]


def test_tuning_is_done_with_the_grid_and_then_taken(run, rooms, tmp_path):
    """Three rates, one more if the best is at an end; then a scored run at the best."""
    arguments = ["reproduce", "table1", "--arms", "uniform-4", "--root", rooms, "--records", tmp_path]
    for _ in range(9):
        status, out, _ = run(*arguments, "--tune", "--seeds", 1)
        assert status == 0
        if "tries the next one" not in out:
            break
    tried = read_records(tmp_path / "table1" / "segmentation-rooms-laptop-tuning")
    assert len(tried) >= 3
    (best,), rates = best_rates(tried).values(), list(scores_by_rate(tried)["uniform-4"])
    assert best in rates[1:-1]
    run(*arguments, "--seeds", "0,")
    (scored,) = read_records(tmp_path / "table1" / "segmentation-rooms-laptop")
    (arm,) = tuned([Arm("uniform-4", "", recipe_from(scored.recipe))], tried)
    assert scored.recipe["training"]["learning_rate"] == arm.recipe.training.learning_rate
    assert not scored.recipe["held_out"]


def test_dry_run(run, rooms, tmp_path):
    status, out, _ = run(
        "reproduce", "table1", "--root", rooms, "--records", tmp_path / "r", "--dry-run", "--arms", "hard"
    )
    assert status == 0
    assert "5 runs left" in out
    assert not (tmp_path / "r").exists()


def test_bad_input_is_one_line_and_exit_status_2(run, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    cases = {
        ("reproduce",): "name: missing, expected one of table1, table4",
        ("reproduce", "table2"): "'table2' is not one of",
        ("reproduce", "table1", "--seeds", "0,3,3"): "seeds: found 0,3,3, expected whole numbers from 0, each once",
        ("reproduce", "table1", "--seeds", "many"): "seeds: found 'many', expected a number of them",
        ("reproduce", "table1", "--seeds", "0"): "seeds: found 0, expected at least 1",
        ("reproduce", "table1", "--arms", "soft"): "arms: found 'soft', expected some of all-pixels",
        ("reproduce", "table1", "--gpu"): "gpu: found none, expected one for --gpu",
        (
            "reproduce",
            "table1",
            "--data",
            "camvid",
            "--records",
            tmp_path,
        ): "root: missing, expected the folder of camvid",
        ("reproduce", "edges", "--task", "normals"): "task: found 'normals', expected edges for edges",
        ("reproduce", "table1", "--data", "bsds500"): "task: found 'segmentation' with bsds500, which has no classes",
        (
            "report",
            "table1",
            "--records",
            tmp_path / "none",
        ): "found no such records; make them with `pixelnet reproduce table1`",
    }
    for arguments, expected in cases.items():
        status, _, message = run(*arguments)
        assert status == 2, arguments
        assert expected in " ".join(message.split()), arguments
        assert message.rstrip("\n").count("\n") <= message.count("\r"), arguments


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_missing_weights_are_noticed_before_the_first_step(run, rooms, tmp_path, monkeypatch, more):
    monkeypatch.setenv("PIXELNET_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(schedule, "perform", lambda *_: pytest.fail("a run was begun"))
    monkeypatch.setattr(schedule, "measure", lambda *_: pytest.fail("a step was measured"))
    status, _, message = run("reproduce", "tabula_rasa", "--root", rooms, "--records", tmp_path / "r", *more)
    assert status == 2
    assert "missing; `python data_scripts/weights.py hed` fetches these weights" in " ".join(message.split())
    assert not (tmp_path / "r").exists()


def test_without_own_records_the_packages_are_reported(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, _ = run("report", "table1")
    assert status == 0
    assert "segmentation-rooms-laptop (records of the package)" in out
    assert (tmp_path / "runs/experiments/table1/segmentation-rooms-laptop.png").is_file()
    assert run("report", "table1", "--records", tmp_path / "none")[0] == 2
