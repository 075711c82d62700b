"""A finished run of three steps on made-up photographs, and the command in this process."""

import shutil

import pytest
from calling import call, make_camvid


@pytest.fixture(scope="session")
def camvid(tmp_path_factory):
    return make_camvid(tmp_path_factory.mktemp("camvid"))


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
