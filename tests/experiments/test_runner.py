"""Runs leave the same records whatever stops them, and never repeat or overwrite anything."""

import errno
import io
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
from filelock import FileLock

from pixelnet_edu import SurfaceNormals, evaluate
from pixelnet_edu.experiments import EXPERIMENTS, records, runner, schedule
from pixelnet_edu.experiments.cost.costs import paper_cost, step_cost
from pixelnet_edu.experiments.design import base_recipe, vary
from pixelnet_edu.experiments.plan import choose_arms, is_finished, plan_runs
from pixelnet_edu.experiments.records import read_record, read_records
from pixelnet_edu.experiments.runner import perform
from pixelnet_edu.experiments.schedule import execute, forecast
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import build_augment, build_data, build_model, build_sampler, build_task
from pixelnet_edu.training.trainer import fit


def stopped_at(run, step):
    """Perform a run until it is interrupted after so many steps."""
    steps = []

    def count():
        steps.append(1)
        if len(steps) == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        perform(run, 1, count)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, rooms, tiny):
    """Return the record of one run that nothing stopped."""
    base = tiny("normals")
    chosen = EXPERIMENTS["table4"]
    (run,) = plan_runs(chosen, base, choose_arms(chosen, base, ["5x2000"]), [3], tmp_path_factory.mktemp("w"), rooms)
    perform(run, 1)
    return read_record(run.record)


def test_record_holds_what_training_and_scoring_by_hand_give(whole, plan, rooms):
    recipe = plan(arms=["5x2000"], seeds=[3])[0].recipe
    model, task = build_model(recipe), build_task(recipe)
    fit(
        model,
        task,
        build_data(recipe, rooms, "train"),
        build_sampler(recipe),
        recipe.training,
        build_augment(recipe),
        progress=False,
    )
    scores = evaluate(model, task, build_data(recipe, rooms, "test"))
    assert whole.readings[-1]["scores"] == scores
    assert [reading["step"] for reading in whole.readings] == [3, 6]
    assert whole.readings[0]["scores"] != whole.readings[1]["scores"]
    assert [step for step, _ in whole.loss] == [2, 4, 6]
    assert (whole.experiment, whole.arm, whole.seed) == ("table4", "5x2000", 3)
    assert whole.recipe["training"]["seed"] == 3
    assert len(whole.timing["seconds"]) == 2
    assert whole.timing["seconds"] == sorted(whole.timing["seconds"])


def test_record_holds_what_each_test_image_adds(whole):
    counts = whole.image_counts()
    assert len(counts) == 3  # test images
    assert SurfaceNormals.pooled(counts.sum(0)) == pytest.approx(whole.score("median"), abs=1.5)  # a bin has 5 degrees
    assert counts.sum() == 3 * 32 * 32
    assert len(whole.image_counts(0)) == 0  # only at the end


def test_record_holds_the_products_of_a_step(whole):
    """By hand: convolutions of 3 x 3 on 5 images of 32 x 32, and 41 points of each (4 %) through 32 -> 16 -> 3."""
    backbone = 9 * (3 * 8 + 8 * 8) * 32**2 + 9 * (8 * 8 + 8 * 8) * 16**2 + 9 * (8 * 16 + 16 * 16) * 8**2
    assert whole.made["step_macs"] == 3 * 5 * (backbone + 41 * (32 * 16 + 16 * 3))


@pytest.mark.parametrize("step", [1, 3, 5, 6])
def test_stopped_run_continues_to_the_same_record(whole, plan, step):
    (run,) = plan(arms=["5x2000"], seeds=[3])
    stopped_at(run, step)
    assert not is_finished(run)
    left = []
    perform(run, 1, lambda: left.append(1))
    assert len(left) == 6 - 2 * ((step - 1) // 2)  # from the newest checkpoint, every second step
    assert read_record(run.record).same_result(whole)
    assert [path.name for path in run.folder.iterdir() if not path.name.startswith(".")] == [run.record.name]


def test_killed_process_continues_to_the_same_record(whole, plan, tmp_path):
    (run,) = plan(arms=["5x2000"], seeds=[3])
    (tmp_path / "run").write_bytes(pickle.dumps(run))
    code = (
        "import pickle, sys, time; from pixelnet_edu.experiments.runner import perform; "
        "perform(pickle.load(open(sys.argv[1], 'rb')), 1, lambda: time.sleep(0.5))"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "run")])
    deadline = time.monotonic() + 120
    while not any(run.folder.glob("*/checkpoint-0000002")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not run.record.exists()
    left = []
    perform(run, 1, lambda: left.append(1))
    assert 0 < len(left) <= 4
    assert read_record(run.record).same_result(whole)


def test_finished_runs_are_not_repeated(plan, monkeypatch):
    runs = plan(seeds=[0], steps=2)
    assert execute(runs[:1], progress=False) == []
    before = runs[0].record.read_bytes()
    performed = []
    monkeypatch.setattr("pixelnet_edu.experiments.schedule.perform", lambda run, *_: performed.append(run.name))
    execute(runs, progress=False)
    assert performed == ["5x2000-seed0"]
    assert runs[0].record.read_bytes() == before


def test_two_processes_give_the_records_of_one(plan, tmp_path):
    one, two = (plan(seeds=[0, 1], arms=["5x2000"], records=tmp_path / name) for name in ("one", "two"))
    execute(one, progress=False)
    assert execute(two, jobs=2, progress=False) == []
    for a, b in zip(read_records(one[0].folder), read_records(two[0].folder), strict=True):
        assert a.same_result(b)


def test_an_error_in_another_process_is_one_line(plan):
    (run,) = plan(arms=["5x2000"])
    broken = replace(run, recipe=vary(run.recipe, points_per_image=2000))
    with pytest.raises(ValueError, match="found 1024 pixels with a target, expected at least 2000"):
        execute([broken], jobs=2, progress=False)


def test_time_limit_begins_no_more_runs(plan):
    runs = plan(seeds=[0, 1], steps=2)
    assert execute(runs, minutes=0, progress=False) == runs
    assert not any(run.record.exists() for run in runs)


JOBS = """
import os, pickle, sys, time
from pixelnet_edu.experiments import schedule

schedule._count = lambda price: {each_step}  # also in the processes, which import this file

if __name__ == "__main__":
    schedule.execute(pickle.load(open(sys.argv[1], "rb")), jobs=2, progress=False)
"""


@pytest.mark.slow
def test_killed_command_takes_its_processes_along(plan, tmp_path):
    """Killed with two processes at work and started again, it gives the records of an undisturbed one."""
    killed, whole = (plan(seeds=[0, 1], arms=["5x2000"], records=tmp_path / name) for name in ("killed", "whole"))
    (tmp_path / "slow.py").write_text(JOBS.format(each_step="time.sleep(0.5)"))
    (tmp_path / "runs").write_bytes(pickle.dumps(killed))
    process = subprocess.Popen([sys.executable, str(tmp_path / "slow.py"), str(tmp_path / "runs")])
    deadline = time.monotonic() + 120
    while len(list(killed[0].folder.glob("*/checkpoint-0000002"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    for run in killed:
        with FileLock(run.folder / f".{run.name}.lock").acquire(timeout=30):
            assert not run.record.exists()
    execute(killed, jobs=2, progress=False)
    execute(whole, progress=False)
    for a, b in zip(read_records(killed[0].folder), read_records(whole[0].folder), strict=True):
        assert a.same_result(b)


def test_process_that_is_killed_is_one_clear_error(plan, tmp_path):
    runs = plan(seeds=[0, 1, 2], arms=["5x2000"])
    (tmp_path / "killed.py").write_text(JOBS.format(each_step="os._exit(1)"))
    (tmp_path / "runs").write_bytes(pickle.dumps(runs))
    command = [sys.executable, str(tmp_path / "killed.py"), str(tmp_path / "runs")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert "OSError: jobs: a process was killed, perhaps for memory; run the same command again" in result.stderr
    assert not any(run.record.exists() for run in runs)


def test_killed_after_the_record_leaves_nothing_behind(plan, monkeypatch):
    (run,) = plan(arms=["5x2000"])
    with monkeypatch.context() as patch:
        patch.setattr(runner.shutil, "rmtree", lambda *_, **__: None)
        perform(run, 1)
    assert run.work.exists()
    execute([run], progress=False)
    assert [path.name for path in run.folder.iterdir() if not path.name.startswith(".")] == [run.record.name]


def test_stopped_run_in_bf16_continues_to_the_same_record(plan, tmp_path):
    (stopped,), (whole,) = (plan(arms=["5x2000"], records=tmp_path / name, precision="bf16") for name in ("a", "b"))
    stopped_at(stopped, 3)
    perform(stopped, 1)
    perform(whole, 1)
    assert read_record(stopped.record).recipe["training"]["precision"] == "bf16"
    assert read_record(stopped.record).same_result(read_record(whole.record))


def test_a_run_is_made_with_what_it_was_begun_with(plan, monkeypatch):
    (run,) = plan(arms=["5x2000"])
    with monkeypatch.context() as patch:
        patch.setattr(records, "commit", lambda: "the first")
        stopped_at(run, 1)
    monkeypatch.setattr(records, "commit", lambda: "the second")
    perform(run, 1)
    assert read_record(run.record).made["commit"] == "the first"


@pytest.mark.parametrize("name", ["config.json", "readings.json"])
def test_damaged_file_of_a_run_in_progress_is_one_line(plan, name):
    (run,) = plan(arms=["5x2000"])
    stopped_at(run, 1)
    (run.work / name).write_text('{"recipe"')
    with pytest.raises(
        ValueError, match=rf"{name}: found no whole file of a run in progress.* remove the folder 5x2000-seed0, then"
    ):
        perform(run, 1)
    assert not run.record.exists()


def test_other_threads_later_change_nothing(plan):
    (run,) = plan(arms=["5x2000"])
    stopped_at(run, 1)
    perform(run, 2)
    assert read_record(run.record).made["threads"] == 1


@pytest.mark.parametrize("name", sorted(set(EXPERIMENTS) - {"tabula_rasa", "pretraining"}))
def test_every_arm_trains(plan, name):
    task = "edges" if name == "edges" else "segmentation"
    runs = plan(name, arms=["every"], task=task, steps=2, test_images=1, points_per_image=70)
    execute(runs, progress=False)
    found = read_records(runs[0].folder)
    assert {record.arm for record in found} == {run.arm for run in runs}
    assert all(0 < loss < 10 for record in found for _, loss in record.loss)


@pytest.mark.slow
def test_vgg16_trains_from_scratch(plan):
    runs = plan("tabula_rasa", arms=["scratch", "scratch-all"], task="segmentation", steps=2, test_images=1)
    execute(runs, progress=False)
    assert all(0 < loss < 10 for record in read_records(runs[0].folder) for _, loss in record.loss)


def test_arms_from_scratch_and_pretrained_have_vgg16(tiny):
    arms = {arm.name: arm.recipe for arm in EXPERIMENTS["tabula_rasa"].arms(tiny())}
    assert (arms["scratch"].weights, arms["hed"].weights, arms["imagenet"].weights) == ("none", "hed", "imagenet")
    assert [level.channels for level in build_model(arms["scratch"]).backbone.levels] == [64, 128, 256, 512, 512]
    assert arms["scratch-all"].training.points_per_image == 32 * 32


def test_paper_arms_are_the_papers_numbers():
    base = preset("segmentation", "voc", "paper")
    arms = {arm.name: arm.recipe for name in ("table1", "table4") for arm in EXPERIMENTS[name].arms(base)}
    batches = {k: (a.training.images_per_step, a.training.points_per_image, a.sampler) for k, a in arms.items()}
    assert batches["uniform-4"] == batches["5x2000"] == (5, 2000, "uniform")
    assert batches["1x40000"] == (1, 40_000, "any")
    assert batches["all-pixels"] == (5, 224 * 224, "any")
    control = ("1x10000", "2x5000", "5x2000", "10x1000", "1x10000-patch", "5x2000-patch")
    assert {images * points for images, points, _ in map(batches.get, control)} == {10_000}


def test_every_arm_of_table_4_keeps_its_budget():
    """Equal images, or equal products of this network or of the paper's, up to the rounding of steps."""
    base = base_recipe("segmentation", "rooms", "laptop")
    arms = {arm.name: arm.recipe for arm in EXPERIMENTS["table4"].arms(base)}
    net = build_model(base)
    few = arms["5x2000"]

    def spent(recipe, budget, longer):
        training = recipe.training
        images, points = training.images_per_step, training.points_per_image
        if budget == "images":
            return images * training.steps / longer
        ours = step_cost(net.backbone, net.head, base.size, images, points)["step_macs"]
        paper = paper_cost(images, round(points / 0.1836734))["step_macs"]  # 96^2 / 224^2
        return training.steps / longer * {"products": ours, "paper-products": paper}.get(budget, 1)

    for name, recipe in arms.items():
        *_, budget = ["steps", *[b for b in ("paper-products", "products", "images") if b in name][:1]]
        longer = int(name[-1]) if name[-2:] in ("-2", "-4") else 1
        assert spent(recipe, budget, longer) == pytest.approx(spent(few, budget, 1), rel=0.005), name
        assert recipe.fresh_rooms
    assert arms["1x2000-images-4"].training.steps == 4 * 5 * few.training.steps


def test_rooms_follow_from_the_seed_where_they_are_to(rooms, tiny):
    fresh = vary(tiny(), seed=3, fresh_rooms=True)
    assert build_data(vary(tiny(), seed=3), rooms, "train").seed == 0
    assert build_data(fresh, rooms, "train").seed == 3000
    assert build_data(fresh, rooms, "test").dataset.seed == 1
    assert base_recipe("normals", "rooms", "laptop").fresh_rooms
    assert not base_recipe("normals", "nyud", "photographs").fresh_rooms


@pytest.mark.parametrize("jobs", [1, 2])
def test_bar_counts_what_is_left_at_its_price(plan, jobs, monkeypatch):
    """A run that was stopped after 5 of 6 steps has a checkpoint of 4."""
    bars = []

    class Bar(schedule.tqdm):
        def __init__(self, **options):
            super().__init__(**options | {"disable": False, "file": io.StringIO()})
            bars.append(self)

    monkeypatch.setattr(schedule, "tqdm", Bar)
    runs = plan(arms=["5x2000", "1x40000"], seeds=[0])
    stopped_at(runs[0], 5)
    few, many = (runner.step_macs(run.recipe) for run in runs)
    assert few != many
    execute(runs, jobs=jobs)
    assert bars[0].total == 2 * few + 6 * many
    assert bars[0].n == bars[0].total


def test_dry_run_writes_nothing_and_adds_up(plan):
    runs = plan(seeds=range(5))
    text = forecast(runs)
    assert "1x40000" in text
    assert "10 runs left" in text
    assert not runs[0].folder.exists()


def test_lock_of_another_process(plan):
    (run,) = plan(arms=["5x2000"])
    run.folder.mkdir(parents=True)
    with (
        FileLock(run.folder / f".{run.name}.lock"),
        pytest.raises(ValueError, match="found another process at this run"),
    ):
        perform(run, 1)
    assert not run.record.exists()


def test_record_or_folder_of_another_recipe_is_left_alone(plan):
    (run,), (longer,) = plan(arms=["5x2000"]), plan(arms=["5x2000"], steps=8)
    stopped_at(run, 1)
    with pytest.raises(ValueError, match=r"config.json: found steps 6, expected 8; it is of another recipe"):
        perform(longer, 1)
    perform(run, 1)
    before = run.record.read_bytes()
    with pytest.raises(ValueError, match=r"5x2000-seed0.json: found steps 6, expected 8"):
        execute([longer], progress=False)
    assert run.record.read_bytes() == before


def test_damaged_record_stops_before_anything_is_trained(plan):
    runs = plan(seeds=[0, 1], arms=["5x2000"])
    runs[0].folder.mkdir(parents=True)
    runs[1].record.write_text('{"schema": 1')
    with pytest.raises(ValueError, match=r"seed1.json: found no whole record"):
        execute(runs, progress=False)
    assert runs[1].record.read_text() == '{"schema": 1'
    assert not runs[0].record.exists()


def test_full_disk_is_one_line_and_the_run_continues(plan, whole, monkeypatch):
    (run,) = plan(arms=["5x2000"], seeds=[3])

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(records.os, "link", full)
        with pytest.raises(OSError, match=r"seed3.json: cannot be written \(No space left on device\); make room"):
            perform(run, 1)
    assert not list(run.folder.glob("*.json"))
    perform(run, 1)
    assert read_record(run.record).same_result(whole)


def test_full_disk_in_a_checkpoint_is_one_line(plan, monkeypatch):
    (run,) = plan(arms=["5x2000"])

    def fail(*_, **__):
        raise RuntimeError("PytorchStreamWriter failed writing file")

    with monkeypatch.context() as patch:
        patch.setattr(runner.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        patch.setattr(runner, "fit", fail)
        with pytest.raises(OSError, match="the disk is full"):
            perform(run, 1)
    assert not run.record.exists()


def test_seeds_and_arms_that_cannot_be(plan):
    for seeds in ([0, 3, 3], [-1]):
        with pytest.raises(ValueError, match="expected whole numbers from 0, each once"):
            plan(seeds=seeds)
    with pytest.raises(ValueError, match="arms: found 'hard', expected some of 1x40000, 1x2000"):
        plan(arms=["hard"])
    with pytest.raises(ValueError, match="expected each arm once"):
        plan(arms=["5x2000", "5x2000"])


def test_experiment_of_another_task(tiny):
    with pytest.raises(ValueError, match="task: found 'segmentation', expected edges for edges"):
        choose_arms(EXPERIMENTS["edges"], tiny())
