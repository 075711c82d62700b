"""Training learns, repeats itself, resumes as if it had never stopped, and fails with one clear line."""

import contextlib
import csv
import pickle
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelnet_edu import (
    EdgeDetection,
    LinearHead,
    MLPHead,
    PixelNet,
    RoomScenes,
    SemanticSegmentation,
    SmallVGG,
    SurfaceNormals,
    TrainingConfig,
    UniformSampler,
    evaluate,
    fit,
    seed_everything,
    stopping,
)
from pixelnet_edu.data.transforms import Augment
from pixelnet_edu.training.batches import Batches
from pixelnet_edu.training.checkpoints import MODEL, MOMENTUM, STATE
from pixelnet_edu.training.config import build_optimizer
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import build_model
from pixelnet_edu.training.runs import trained

SCENES = list(RoomScenes(size=32, num_scenes=6, seed=3))
SEGMENTATION = SemanticSegmentation(RoomScenes.classes, RoomScenes.palette)
CONFIG = TrainingConfig(
    steps=6,
    images_per_step=2,
    points_per_image=50,
    learning_rate=0.05,
    checkpoint_every=3,
    log_every=2,
    schedule="onecycle",
)


def small_net(outputs=RoomScenes.num_classes):
    torch.manual_seed(0)
    backbone = SmallVGG((8, 8, 16), convs=1)
    return PixelNet(backbone, MLPHead(backbone.hypercolumn_channels, outputs, hidden=(16,), dropout=0.2))


def run(net, config=CONFIG, sampler=None, **options):
    sampler = sampler or UniformSampler()
    return fit(net, SEGMENTATION, SCENES, sampler, config, Augment(), progress=False, **options)


def same_weights(a, b):
    return all(x.equal(y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize(
    ("task", "better"),
    [
        (SEGMENTATION, lambda before, after: after["miou"] > before["miou"] + 0.1),
        (SurfaceNormals(), lambda before, after: after["median"] < 0.75 * before["median"]),
        (EdgeDetection(), lambda before, after: after["ap"] > before["ap"] + 0.02),
    ],
)
def test_fit_learns_every_task(task, better):
    net = small_net(task.num_outputs)
    before = evaluate(net, task, SCENES)
    config = replace(CONFIG, steps=100, points_per_image=200, learning_rate=0.1)
    log = fit(net, task, SCENES, UniformSampler(), config, progress=False)
    assert log[-1]["loss"] < log[0]["loss"]
    assert better(before, evaluate(net, task, SCENES))


def test_same_seed_same_weights():
    first, second, other = small_net(), small_net(), small_net()
    log = run(first)
    assert [row["loss"] for row in run(second)] == [row["loss"] for row in log]
    assert same_weights(first, second)
    run(other, replace(CONFIG, seed=1))
    assert not same_weights(first, other)


class Interrupt(UniformSampler):
    """Stops the run when it draws for the fifth time."""

    calls = 0

    def __call__(self, *arguments, **options):
        self.calls += 1
        if self.calls == 5:
            raise KeyboardInterrupt
        return super().__call__(*arguments, **options)


def test_resumed_run_ends_as_the_uninterrupted_one(tmp_path):
    whole, broken, resumed = small_net(), small_net(), small_net()
    expected = run(whole, folder=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(broken, sampler=Interrupt(), folder=tmp_path / "broken")
    assert [p.name for p in (tmp_path / "broken").glob("checkpoint-*")] == ["checkpoint-0000003"]
    log = run(resumed, folder=tmp_path / "broken", resume=True)
    assert same_weights(whole, resumed)
    assert [{**row, "seconds": 0} for row in log] == [{**row, "seconds": 0} for row in expected]


def test_folder_holds_log_and_one_checkpoint(tmp_path):
    log = run(small_net(), folder=tmp_path)
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [2, 4, 6]
    assert [float(row["loss"]) for row in rows] == [row["loss"] for row in log]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["checkpoint-0000006", "log.csv"]
    assert (tmp_path / "checkpoint-0000006" / "model.safetensors").is_file()


def test_validation_scores_stand_in_the_log():
    log = run(small_net(), replace(CONFIG, evaluate_every=4), validation=SCENES)
    assert [(row["step"], row["score"] is not None) for row in log] == [(2, False), (4, True), (6, True)]


def test_step_schedule_drops_the_rate():
    log = run(small_net(), replace(CONFIG, schedule="step", step_size=3, log_every=1))
    assert [row["learning_rate"] for row in log] == pytest.approx([0.05, 0.05, 0.005, 0.005, 0.005, 0.0005])


def test_biases_learn_twice_as_fast_and_do_not_decay():
    matrices, vectors = build_optimizer(small_net(), CONFIG).param_groups
    assert (matrices["lr"], matrices["weight_decay"]) == (0.05, 5e-4)
    assert (vectors["lr"], vectors["weight_decay"]) == (0.1, 0.0)


def test_every_image_once_an_epoch():
    pairs = [pair for batch in Batches(length=6, size=2, start=0, stop=6, seed=0) for pair in batch]
    assert sorted(index for index, _ in pairs[:6]) == list(range(6))
    assert len({seed for _, seed in pairs}) == len(pairs)
    assert [pair for batch in Batches(length=6, size=2, start=2, stop=6, seed=0) for pair in batch] == pairs[4:]


def test_checkpoint_of_another_architecture_is_named(tmp_path):
    run(small_net(), folder=tmp_path)
    backbone = SmallVGG((8, 8, 16), convs=1)
    other = PixelNet(backbone, LinearHead(backbone.hypercolumn_channels, 7))
    with pytest.raises(ValueError, match=r"model.safetensors: found head.* the checkpoint is of another architecture"):
        run(other, folder=tmp_path, resume=True)


def test_errors_are_one_clear_line(tmp_path):
    with pytest.raises(FileNotFoundError, match="found no checkpoint"):
        run(small_net(), folder=tmp_path, resume=True)
    with pytest.raises(ValueError, match="schedule: found 'cosine'"):
        TrainingConfig(schedule="cosine")
    with pytest.raises(ValueError, match="steps: found 0"):
        TrainingConfig(steps=0)
    with pytest.raises(ValueError, match="found 1024 pixels with a target, expected at least 2000"):
        run(small_net(), replace(CONFIG, points_per_image=2000))
    with pytest.raises(ValueError, match="loss: found nan"):
        run(small_net(), replace(CONFIG, learning_rate=1e30))
    with pytest.raises(ValueError, match="task: SurfaceNormals needs 'normals'"):
        evaluate(small_net(3), SurfaceNormals(), [{"image": torch.rand(3, 32, 32)}])


def test_seed_everything_seeds_all_three():
    def draw():
        seed_everything(11)
        return random.random(), float(np.random.rand()), float(torch.rand(1))

    assert draw() == draw()


def streams():
    """Return the next number of each global generator, which stays as it is."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    drawn = random.random(), float(np.random.rand()), float(torch.rand(1))
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    return drawn


@pytest.mark.parametrize("workers", [0, 2])
def test_the_callers_generators_are_neither_moved_nor_read(tmp_path, workers):
    seed_everything(11)
    before, nets = streams(), [small_net(), small_net()]
    seed_everything(11)
    first = run(nets[0], folder=tmp_path, workers=workers)
    assert streams() == before
    run(nets[0], replace(CONFIG, steps=8), folder=tmp_path, resume=True)
    build_model(preset("segmentation", "rooms", "laptop"))
    trained("rooms-edges")
    assert streams() == before
    seed_everything(12)
    assert [row["loss"] for row in run(nets[1], workers=workers)] == [row["loss"] for row in first]


def test_workers_change_no_bit():
    nets = [small_net(), small_net()]
    logs = [run(net, workers=workers) for net, workers in zip(nets, (0, 4), strict=True)]
    assert [[row["loss"] for row in log] for log in logs] == [[row["loss"] for row in logs[0]]] * 2
    assert same_weights(*nets)


def test_a_workers_error_is_the_one_line_of_its_sample():
    with pytest.raises(ValueError, match=r"^room-000000: found 1024 pixels.*lower points_per_image$"):
        fit(
            small_net(), SEGMENTATION, SCENES[:1], UniformSampler(), replace(CONFIG, points_per_image=2000), workers=2,
            progress=False,
        )  # fmt: skip


class Watch(UniformSampler):
    """Remembers the first points of each step."""

    def __init__(self):
        self.seen = []

    def __call__(self, *arguments, **options):
        sample = super().__call__(*arguments, **options)
        self.seen.append(sample.points[0, 0].tolist())
        return sample


def test_a_second_fit_draws_anew_and_says_so(capsys):
    net, watch = small_net(), Watch()
    for _ in range(2):
        fit(net, SEGMENTATION, SCENES, watch, CONFIG)
    assert net.steps_trained == 12
    assert watch.seen[:6] != watch.seen[6:]
    assert capsys.readouterr().out.count("fit: trained for 6 steps before; other images and pixels are drawn") == 1


def test_a_second_fit_is_resumed_as_itself(tmp_path):
    whole, broken, resumed = small_net(), small_net(), small_net()
    for net in (whole, broken):
        run(net)
    run(whole)
    with pytest.raises(KeyboardInterrupt):
        run(broken, sampler=Interrupt(), folder=tmp_path)
    run(resumed, folder=tmp_path, resume=True)
    assert same_weights(whole, resumed)


class Hostile:
    """Leaves a file behind wherever it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


HELD = ["custom_checkpoint_0.pkl", "random_states_0.pkl", "optimizer.bin", "scheduler.bin", "model.bin", MOMENTUM]


@pytest.mark.parametrize("name", [*HELD, "pytorch_model.bin", STATE, MODEL])
def test_nothing_in_a_checkpoint_runs_code(name, tmp_path):
    run(small_net(), folder=tmp_path)
    mark = tmp_path / "executed"
    (tmp_path / "checkpoint-0000006" / name).write_bytes(pickle.dumps(Hostile(mark)))
    with contextlib.suppress(ValueError):
        run(small_net(), replace(CONFIG, steps=8), folder=tmp_path, resume=True)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Hostile(mark)))
    assert mark.exists()


def test_a_checkpoint_of_an_earlier_version_is_named(tmp_path):
    run(small_net(), folder=tmp_path)
    (tmp_path / "checkpoint-0000006" / STATE).unlink()
    with pytest.raises(ValueError, match=r"state.json: found no whole checkpoint of this version"):
        run(small_net(), replace(CONFIG, steps=8), folder=tmp_path, resume=True)


def test_ctrl_c_ends_the_training_after_its_step_and_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setattr(stopping, "_state", {"asked": False, "trainings": 0})
    steps, whole, stopped = [], small_net(), small_net()

    def interrupted(step, seconds, model):
        steps.append(step)
        if step == 3:
            stopping._interrupt(2, None)

    with pytest.raises(KeyboardInterrupt):
        run(stopped, folder=tmp_path, on_step=interrupted)
    assert steps == [1, 2, 3]
    monkeypatch.setattr(stopping, "_state", {"asked": False, "trainings": 0})
    run(stopped, folder=tmp_path, resume=True)
    run(whole)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), stopped.parameters(), strict=True))


def test_the_second_ctrl_c_and_one_without_a_training_end_at_once(monkeypatch):
    monkeypatch.setattr(stopping, "_state", {"asked": False, "trainings": 0})
    with stopping.between_steps():
        stopping._interrupt(2, None)
        with pytest.raises(KeyboardInterrupt):
            stopping._interrupt(2, None)
    with pytest.raises(KeyboardInterrupt):
        stopping._interrupt(2, None)
