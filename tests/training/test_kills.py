"""Killed at any moment, on a disk that is full or not, a run that continues ends as if nothing had happened."""

import os
import random
import shutil
import signal
import subprocess
import time

import pytest
import torch
from safetensors.torch import load_file

from pixelnet_edu import LinearHead, PixelNet, RoomScenes, SemanticSegmentation, SmallVGG, TrainingConfig, fit
from pixelnet_edu.data import reading
from pixelnet_edu.sampling.other_samplers import HardPixelSampler
from pixelnet_edu.training.checkpoints import MODEL, MOMENTUM, checkpoints

ROOMS = RoomScenes(32, 8, seed=0)
TASK = SemanticSegmentation(RoomScenes.classes, RoomScenes.palette)
CONFIG = TrainingConfig(
    steps=30,
    images_per_step=2,
    points_per_image=50,
    learning_rate=0.1,
    schedule="onecycle",
    checkpoint_every=3,
    log_every=4,
)


def train(folder, resume=False):
    torch.manual_seed(0)
    backbone = SmallVGG((4, 8))
    net = PixelNet(backbone, LinearHead(backbone.hypercolumn_channels, 7))
    fit(net, TASK, ROOMS, HardPixelSampler(), CONFIG, folder=folder, resume=resume, progress=False)


def end_of(folder):
    """Return weights, momentum, and the log but for its seconds."""
    (last,) = checkpoints(folder)
    rows = [line.rsplit(",", 1)[0] for line in (folder / "log.csv").read_text().splitlines()]
    return load_file(last / MODEL), load_file(last / MOMENTUM), rows


def assert_same(folder, whole):
    for found, expected in zip(end_of(folder), whole, strict=True):
        if isinstance(found, dict):
            assert found.keys() == expected.keys()
            assert all(torch.equal(found[name], expected[name]) for name in expected)
        else:
            assert found == expected
    assert sorted(path.name for path in folder.iterdir()) == [f"checkpoint-{CONFIG.steps:07d}", "log.csv"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Train without interruption; return the end, and the seconds that it took."""
    folder = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    train(folder)
    return end_of(folder), time.monotonic() - began


def forked(action):
    """Do something in a process of its own; return its number."""
    if process := os.fork():
        return process
    try:
        action()
    finally:
        os._exit(0)


def finish(folder):
    """Continue as a person would: from a checkpoint if there is one, else anew, where what is left is overwritten."""
    if checkpoints(folder):
        train(folder, resume=True)
    else:
        shutil.rmtree(folder, ignore_errors=True)
        train(folder)


@pytest.mark.parametrize("seed", range(25))
def test_killed_at_a_random_moment(tmp_path, whole, seed):
    expected, seconds = whole
    process = forked(lambda: train(tmp_path / "run"))
    time.sleep(random.Random(seed).uniform(0.02, 0.98) * seconds)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    finish(tmp_path / "run")
    assert_same(tmp_path / "run", expected)


@pytest.mark.parametrize("write", [1, 4, 9, 12])
def test_killed_while_a_checkpoint_is_written(tmp_path, whole, monkeypatch, write):
    """At the end of the n-th file, before it has its name."""

    def kill(path, left=[write]):  # noqa: B006
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(reading, "_to_disk", kill)
    os.waitpid(forked(lambda: train(tmp_path / "run")), 0)
    monkeypatch.undo()
    finish(tmp_path / "run")
    assert_same(tmp_path / "run", whole[0])


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 2 MB, which only the system's owner may."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("found no right to mount a disk of 2 MB")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill_and_train(disk, ballast):
    """Train again and again, each time with 4 kB less."""
    while True:
        train(disk / "run")
        shutil.rmtree(disk / "run")
        with ballast.open("ab") as file:
            file.write(bytes(4096))


@pytest.mark.parametrize("free", [0, 5, 20, 40, 80])
def test_a_full_disk_is_one_line_and_leaves_what_was_there(small_disk, whole, free):
    """With so many kB left: for nothing, for part of a checkpoint, for the first ones."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes((2048 - free) << 10))
    with pytest.raises(OSError, match=r"disk is full|No space left"):
        fill_and_train(small_disk, ballast)
    assert not list((small_disk / "run").glob(".*"))
    ballast.unlink()
    finish(small_disk / "run")
    assert_same(small_disk / "run", whole[0])
