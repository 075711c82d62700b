"""A finished run of three steps on made-up photographs, and the command in this process."""

import shutil

import numpy as np
import pytest
from calling import call
from PIL import Image


@pytest.fixture(scope="session")
def camvid(tmp_path_factory):
    """Make a folder of CamVid's layout: the class of a pixel is its brightness."""
    root, rng = tmp_path_factory.mktemp("camvid"), np.random.default_rng(0)
    for split in ("train", "test"):
        for k in range(4):
            labels = np.kron(rng.integers(0, 11, (6, 8)), np.ones((8, 8))).astype(np.uint8)
            for folder, array in ((split, np.repeat(labels[..., None] * 23, 3, 2)), (f"{split}annot", labels)):
                (root / folder).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array.astype(np.uint8)).save(root / folder / f"{k}.png")
    return root


@pytest.fixture(scope="session")
def finished(camvid, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    arguments = ["--task", "segmentation", "--data", "camvid", "--root", camvid, "--out", out, "--steps", 3]
    assert call("train", *arguments) == 0
    return out


@pytest.fixture
def run(finished, tmp_path):
    """Copy the finished run."""
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def refused(capfd):
    """Run a command that has to end with status 2 and one line; return the line."""

    def refuse(*arguments):
        capfd.readouterr()
        assert call(*arguments) == 2
        lines = [line for line in capfd.readouterr().err.replace("\r", "\n").splitlines() if "pixelnet:" in line]
        assert len(lines) == 1, lines
        return lines[0]

    return refuse
