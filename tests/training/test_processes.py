"""Two processes train one network, as the page says: the batch grows, they agree, a stopped run continues."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from pixelnet_edu import MLPHead, PixelNet, RoomScenes, SemanticSegmentation, SmallVGG, TrainingConfig, UniformSampler
from pixelnet_edu.training import chunks, fit
from pixelnet_edu.training.batches import Batches, mix
from pixelnet_edu.training.config import seeded
from pixelnet_edu.training.step import draw_points, mean_loss_backward

pytestmark = pytest.mark.slow
LAUNCHERS = {
    "torchrun": ["torchrun", "--nproc-per-node", "2"],
    "accelerate": ["accelerate", "launch", "--multi_gpu", "--num_processes", "2"],
}
SCENES = [RoomScenes(32, 6, seed=3)[k] for k in range(6)]
CONFIG = TrainingConfig(
    steps=6, images_per_step=1, points_per_image=60, learning_rate=0.05, checkpoint_every=2, log_every=1
)


def launch(name, *arguments):
    """Start a script or a module in two processes; return what it printed."""
    program, *options = LAUNCHERS[name]
    command = [Path(sys.executable).with_name(program), *options, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def log_of(folder):
    with (folder / "log.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", LAUNCHERS)
def test_the_command_trains_and_scores(name, tmp_path):
    train = ["-m", "pixelnet_edu.cli", "train", "--task", "segmentation", "--data", "rooms", "--steps", "2"]
    done = launch(name, *train, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("scored on 200 images") == 1  # by the main process alone
    (row,) = log_of(tmp_path)
    assert (row["step"], float(row["score"]) > 0) == ("2", True)
    assert (tmp_path / "predictions.png").is_file()


def network():
    torch.manual_seed(0)
    return PixelNet(SmallVGG((4, 8, 8), convs=1), MLPHead(20, 7, hidden=(8,), dropout=0.0))


def train(folder, stop=0):
    """Train as one process of those that were launched; end without a word after so many steps."""
    net = network()

    def watch(step, seconds, model):
        if step == stop:
            sys.exit(3)

    task = SemanticSegmentation(RoomScenes.classes, RoomScenes.palette)
    resume = any(folder.glob("checkpoint-*"))
    log = fit(net, task, SCENES, UniformSampler(), CONFIG, None, None, folder, resume, False, watch)
    torch.save(dict(net.named_parameters()), folder / f"rank{torch.distributed.get_rank()}.pt")
    return log


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the folder of a training in two processes that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    done = launch("torchrun", __file__, folder, "0", "1000")
    assert done.returncode == 0, done.stderr
    return folder


def test_two_processes_agree_and_a_stopped_run_continues_bit_for_bit(whole, tmp_path):
    for stop in ("5", "0"):
        done = launch("torchrun", __file__, tmp_path, stop, "1000")
        assert (done.returncode == 0) == (stop == "0"), done.stderr
    ends = [torch.load(path) for folder in (whole, tmp_path) for path in sorted(folder.glob("rank*.pt"))]
    assert len(ends) == 4
    assert all(torch.equal(end[name], ends[0][name]) for end in ends for name in end)
    stored = load_file(whole / "checkpoint-0000006" / "model.safetensors")
    assert all(torch.equal(stored[name], value) for name, value in ends[0].items())
    logs = [[(row["step"], row["loss"]) for row in log_of(folder)] for folder in (whole, tmp_path)]
    assert logs[0] == logs[1]


def test_the_batch_grows_with_the_processes(whole, tmp_path):
    """The first loss of two processes is the mean of the losses on the first two batches, in chunks too."""
    done = launch("torchrun", __file__, tmp_path, "0", "25")
    assert done.returncode == 0, done.stderr
    logs = [[float(row["loss"]) for row in log_of(folder)] for folder in (whole, tmp_path)]
    assert logs[0] == pytest.approx(logs[1], rel=1e-4)
    losses = [first_loss(batch[0][0], k) for k, batch in enumerate(Batches(len(SCENES), 1, 0, 2, CONFIG.seed))]
    assert logs[0][0] == pytest.approx(sum(losses) / 2, rel=1e-5)


def first_loss(index, k):
    """Return the loss of the untrained network on an image that is the k-th to be shown."""
    task, net = SemanticSegmentation(RoomScenes.classes, RoomScenes.palette), network().train()
    images, targets = SCENES[index]["image"][None], SCENES[index]["labels"][None]
    first = mix(CONFIG.seed, k)
    with seeded(mix(first, 1)):
        generator = torch.Generator().manual_seed(mix(first, 2))
        sample = draw_points(net, task, UniformSampler(), images, targets, 60, generator)
        return float(mean_loss_backward(Accelerator(cpu=True), net, task, images, targets, sample))


def test_two_processes_reproduce_nothing(tmp_path):
    done = launch("torchrun", "-m", "pixelnet_edu.cli", "reproduce", "table4", "--records", tmp_path)
    assert done.returncode != 0
    assert "reproduce: found 2 processes started together, expected 1, since the batch would grow" in done.stderr
    assert not list(tmp_path.iterdir())


if __name__ == "__main__":
    torch.set_num_threads(1)
    out, stop, chunks.POINTS_AT_ONCE = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    train(out, stop)
