"""The script that trains the shipped networks for photographs: what it writes is what the package reads."""

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from trees import voc

from pixelnet_edu.training.runs import load_run, read_config, recorded

pytest.importorskip("timm")
SCRIPTS = Path(__file__).parents[2] / "data_scripts"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return importlib.import_module("photograph_networks")


def test_it_writes_a_run_folder_of_the_predictor_in_half_precision(script, tmp_path, monkeypatch):
    voc(tmp_path)
    quick = {"size": (8, 8), "hidden": (8,), "points_per_image": 3, "steps": 2}
    monkeypatch.setitem(script.NETWORKS, "segmentation", ("voc", quick))
    script.main(["segmentation", "--root", str(tmp_path), "--out", str(tmp_path / "run")])
    (checkpoint,) = (tmp_path / "run").glob("checkpoint-*")
    assert [path.name for path in checkpoint.iterdir()] == ["model.safetensors"]
    tensors = load_file(checkpoint / "model.safetensors")
    assert not [name for name in tensors if ".body." in name]
    assert {t.dtype for t in tensors.values() if t.is_floating_point()} == {torch.float16}
    recipe, root, net, _ = load_run(tmp_path / "run")
    assert (recipe.frozen, root, net.head.first.weight.dtype) == (True, None, torch.float32)
    assert "miou" in json.loads((tmp_path / "run" / "scores.json").read_text())


@pytest.mark.parametrize("task", ["segmentation", "normals", "edges"])
def test_the_shipped_networks_are_of_these_recipes(script, task):
    shipped, ours = read_config(recorded(f"photograph-{task}"))[0], script.recipe_of(task)
    assert replace(shipped, training=replace(shipped.training, precision=ours.training.precision)) == ours


def test_a_missing_data_set_is_one_line_and_nothing_is_written(script, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        script.main(["segmentation", "--root", str(tmp_path), "--out", str(tmp_path / "run")])
    assert stopped.value.code == 2
    assert "PASCAL VOC 2012" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
