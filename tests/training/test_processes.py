"""Two processes take the steps that one would take: each case below runs in one and in two, and must end the same."""

import csv
import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as multiprocessing
from accelerate import Accelerator
from torch import nn

from pixelnet_edu import (
    HardPixelSampler,
    MLPHead,
    PixelNet,
    RoomScenes,
    SemanticSegmentation,
    SmallVGG,
    StratifiedSampler,
    SurfaceNormals,
    TrainingConfig,
    UniformSampler,
    fit,
)
from pixelnet_edu.experiments import experiment
from pixelnet_edu.experiments.design import base_recipe, vary
from pixelnet_edu.experiments.plan import choose_arms, plan_runs
from pixelnet_edu.experiments.records import read_record
from pixelnet_edu.experiments.schedule import execute, measure
from pixelnet_edu.model.level_norm import NormalizedLevels
from pixelnet_edu.sampling.other_samplers import AnyPixelSampler
from pixelnet_edu.training import step
from pixelnet_edu.training.batches import Batches
from pixelnet_edu.training.distributed import all_rows, on_main, own_rows, processes, share_network, sum_gradients
from pixelnet_edu.training.step import draw_points, mean_loss_backward

pytestmark = pytest.mark.slow
SCENES = [RoomScenes(size=32, num_scenes=3, seed=3)[k] for k in range(3)]
IMAGES = torch.stack([scene["image"] for scene in SCENES])
SEGMENTATION = SemanticSegmentation(RoomScenes.classes, RoomScenes.palette)
CONFIG = TrainingConfig(
    steps=6, images_per_step=3, points_per_image=60, learning_rate=0.02, checkpoint_every=2, log_every=2
)


def network(outputs=7, normalized=True):
    torch.manual_seed(processes().process_index)  # processes that disagree, until the network is shared
    backbone = SmallVGG((4, 8, 8), convs=1)
    if normalized:
        backbone = NormalizedLevels(backbone)
    else:
        for stage in backbone.stages:
            stage[-2] = nn.Identity()
    return PixelNet(backbone, MLPHead(20, outputs, hidden=(8,), dropout=0.0))


def gradients(task, normalized, at_once):
    """Return the loss, gradients and buffers of a step in which 0, 100 and 78 % of an image's pixels are void."""
    targets = torch.stack([scene[task.target] for scene in SCENES]).clone()
    for k, columns in enumerate((0, 32, 25)):
        targets[k, ..., :columns] = 0 if task.target == "normals" else 255
    model = network(task.num_outputs, normalized).double()  # where rounding leaves nothing to doubt
    share_network(model)
    generator, one = torch.Generator().manual_seed(0), Accelerator(cpu=True)
    points = draw_points(model, task, AnyPixelSampler(), own_rows(IMAGES), own_rows(targets), 300, generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "POINTS_AT_ONCE", at_once)
        loss = mean_loss_backward(one, model.train(), task, own_rows(IMAGES).double(), own_rows(targets), points)
    sum_gradients(model.parameters())
    return {"loss": loss, "gradients": [p.grad for p in model.parameters()], "statistics": list(model.buffers())}


def draws(sampler):
    """Return the images and points of a few steps, this process's own and those of all."""
    pairs = list(Batches(length=4, size=3, steps=3, start=1, seed=5))
    model = network()
    share_network(model)
    targets, generator = torch.stack([scene["labels"] for scene in SCENES]), torch.Generator().manual_seed(0)
    own = draw_points(model, SEGMENTATION, sampler, own_rows(IMAGES), own_rows(targets), 40, generator)
    return {"pairs": pairs, "own": own, "all": all_rows(own)}


def training(folder, steps=6, resume=False):
    """Return the log and the weights of a run that leaves checkpoints."""
    model, told = network(), []
    log = fit(
        model,
        SEGMENTATION,
        SCENES,
        UniformSampler(),
        replace(CONFIG, steps=steps),
        validation=SCENES,
        folder=folder,
        resume=resume,
        progress=False,
        on_step=lambda step, *_: told.append(step),
    )
    return {"log": log, "weights": list(model.state_dict().values()), "told": told}


def record(folder):
    """Return the path of the record that the runner leaves."""
    small = {"size": (32, 32), "widths": (8, 8, 16), "hidden": (16,), "test_images": 3, "points_per_image": 100}
    base = vary(base_recipe("normals", "rooms", "laptop", steps=4), **small, precision="no", checkpoint_every=2)
    chosen = experiment("table4")
    runs = plan_runs(
        chosen, base, choose_arms(chosen, base, ["5x2000"]), [0], folder / "records", folder.parent / "rooms"
    )
    costs = measure(runs)
    assert execute(runs, progress=False) == execute(runs, progress=False) == []  # the second finds it finished
    return {"record": runs[0].record, "arms": list(costs)}


def complaint(act):
    """Return what is wrong, in one line."""
    with pytest.raises(ValueError, match=r".") as error:
        act()
    return str(error.value)


def fail():
    raise ValueError("only the main process fails")


def train_on_one_image():
    fit(network(), SEGMENTATION, SCENES, UniformSampler(), replace(CONFIG, images_per_step=1), progress=False)


CASES = {
    "segmentation": lambda _: gradients(SEGMENTATION, normalized=True, at_once=1 << 16),
    "normals": lambda _: gradients(SurfaceNormals(), normalized=True, at_once=1 << 16),
    "no batch norm": lambda _: gradients(SEGMENTATION, normalized=False, at_once=1 << 16),
    "parts": lambda _: gradients(SEGMENTATION, normalized=True, at_once=150),
    "parts in one process only": lambda _: gradients(SEGMENTATION, normalized=True, at_once=400),
    "stratified": lambda _: draws(StratifiedSampler("square-root")),
    "hard": lambda _: draws(HardPixelSampler()),
    "training": lambda folder: training(folder / "whole"),
    "half": lambda folder: training(folder / "half", steps=4),
    "record": record,
}


def in_two(rank, port, folder):
    """Run all cases as one of two processes, and what only two can do."""
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    torch.set_num_threads(1)
    found = {name: case(folder / "two") for name, case in CASES.items()}
    found["resumed"] = training(folder / "one" / "half", resume=True)
    found["too few"] = complaint(train_on_one_image)
    found["main fails"] = complaint(lambda: on_main(fail))
    found["jobs"] = complaint(lambda: execute([], jobs=2))
    torch.save(found, folder / f"{rank}.pt")


@pytest.fixture(scope="module")
def one_and_two(tmp_path_factory):
    """Return what all cases give in one process, and in each of two."""
    folder = tmp_path_factory.mktemp("distributed")
    one = {name: case(folder / "one") for name, case in CASES.items()}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.start_processes(in_two, (port, folder), nprocs=2, start_method="spawn")
    two = [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(2)]
    one["resumed"] = training(folder / "two" / "half", resume=True)
    return one, two, folder


def close(found, expected, relative):
    """Check lists of tensors against each other, each to a share of its largest number."""
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=relative * max(1e-3, float(b.abs().max())))


@pytest.mark.parametrize("case", ["segmentation", "normals", "no batch norm", "parts", "parts in one process only"])
def test_gradients_are_those_of_one_process(one_and_two, case):
    one, two, _ = one_and_two
    for found in (both[case] for both in two):
        assert float(found["loss"]) == pytest.approx(float(one[case]["loss"]), rel=1e-6)
        close(found["gradients"], one[case]["gradients"], 1e-6)
        close(found["statistics"], one[case]["statistics"], 1e-6)
    assert max(float(gradient.abs().max()) for gradient in one[case]["gradients"]) > 0.01


@pytest.mark.parametrize("case", ["stratified", "hard"])
def test_images_and_points_are_shared_out(one_and_two, case):
    one, (first, second), _ = one_and_two
    for whole, a, b in zip(one[case]["pairs"], first[case]["pairs"], second[case]["pairs"], strict=True):
        assert (whole[0::2], whole[1::2]) == (a, b)
    points = one[case]["own"]
    assert points[0::2].equal(first[case]["own"])
    assert points[1::2].equal(second[case]["own"])
    assert all(both[case]["all"].equal(points) for both in (first, second))


@pytest.mark.parametrize("case", ["training", "half"])
def test_training_ends_with_the_network_of_one(one_and_two, case):
    one, two, folder = one_and_two
    for found in (both[case] for both in two):
        close(found["weights"], one[case]["weights"], 1e-4)
        same_log(found["log"], one[case]["log"])
    assert two[0][case]["told"] == one[case]["told"]
    assert two[1][case]["told"] == []  # the main process alone
    files = [sorted(str(path.relative_to(top)) for path in top.rglob("*")) for top in (folder / "one", folder / "two")]
    assert files[0] == files[1]


def same_log(found, expected):
    for a, b in zip(found, expected, strict=True):
        a, b = ({**row, "seconds": 0, "score": row["score"] or -1} for row in (a, b))
        assert a == pytest.approx(b, rel=1e-4)


def test_resumed_by_another_number_of_processes(one_and_two):
    one, two, _ = one_and_two
    for found in (one["resumed"], *(both["resumed"] for both in two)):
        close(found["weights"], one["training"]["weights"], 1e-4)
        assert [row["step"] for row in found["log"]] == [2, 4, 6]
    assert one["resumed"]["told"] == two[0]["resumed"]["told"] == [5, 6]


def test_record_is_that_of_one_process(one_and_two):
    one, two, _ = one_and_two
    assert two[0]["record"]["arms"] == two[1]["record"]["arms"] == ["5x2000"]
    expected, found = (read_record(outcome["record"]["record"]) for outcome in (one, two[0]))
    assert found.made == {**expected.made, "processes": 2}
    assert found.recipe == expected.recipe
    assert found.loss == [pytest.approx(pair, rel=1e-3) for pair in expected.loss]
    for a, b in zip(found.readings, expected.readings, strict=True):
        assert a["step"] == b["step"]
        assert a["scores"] == pytest.approx(b["scores"], abs=0.2)  # degrees and per cent


def test_what_several_processes_cannot_do(one_and_two):
    _, two, _ = one_and_two
    for both in two:
        assert both["too few"].startswith("images_per_step: found 1 for 2 processes, expected at least one for each")
        assert both["main fails"] == "only the main process fails"
        assert both["jobs"] == "jobs: found 2 where 2 processes share each run, expected 1"


LAUNCHERS = {
    "torchrun": ["torchrun", "--nproc-per-node", "2"],
    "accelerate": ["accelerate", "launch", "--multi_gpu", "--num_processes", "2"],
}


@pytest.mark.parametrize("name", LAUNCHERS)
def test_the_commands_of_the_page(name, tmp_path):
    """Two steps of two processes, started as `scale_out.md` says, have the losses of one process."""
    train = ["-m", "pixelnet_edu.cli", "train", "--task", "segmentation", "--data", "rooms", "--steps", "2"]
    program, *options = LAUNCHERS[name]
    commands = {
        "one": [sys.executable, *train],
        "two": [Path(sys.executable).with_name(program), *options, *train],
    }
    losses = {}
    for folder, command in commands.items():
        out = ["--out", tmp_path / folder]
        done = subprocess.run([*command, *out], capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stderr
        with (tmp_path / folder / "log.csv").open() as file:
            losses[folder] = [float(row["loss"]) for row in csv.DictReader(file)]
    assert losses["one"]
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-3)
