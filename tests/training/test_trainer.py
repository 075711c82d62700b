"""Training learns, repeats itself, resumes as if it had never stopped, and fails with one clear line."""

import csv
from dataclasses import replace

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
)
from pixelnet_edu.data.transforms import Augment
from pixelnet_edu.training.batches import Batches
from pixelnet_edu.training.config import build_optimizer

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
    pairs = [pair for batch in Batches(length=6, size=2, steps=6, start=0, seed=0) for pair in batch]
    assert sorted(index for index, _ in pairs[:6]) == list(range(6))
    assert len({seed for _, seed in pairs}) == len(pairs)
    assert [pair for batch in Batches(length=6, size=2, steps=6, start=2, seed=0) for pair in batch] == pairs[4:]


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
    import random

    import numpy as np

    def draw():
        seed_everything(11)
        return random.random(), float(np.random.rand()), float(torch.rand(1))

    assert draw() == draw()
