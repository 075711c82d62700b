"""The networks that colour a reader's photograph: they see what is on it, and score what their records say."""

import json

import pytest
import skimage.data
import torch
from torch.utils.data import Subset

from pixelnet_edu.data.pascal import VOC_CLASSES
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training.evaluation import evaluate
from pixelnet_edu.training.photo import predict_photo
from pixelnet_edu.training.recipes import build_data
from pixelnet_edu.training.runs import RECORDS, load_run, recorded, trained

pytest.importorskip("timm")
NAMES = [f"photograph-{task}" for task in TASKS]
FOLDERS = {"voc": "voc2012_small", "nyud": "nyuv2_small", "bsds500": "bsds500"}


def photo(name):
    return torch.from_numpy(getattr(skimage.data, name)().copy()).permute(2, 0, 1) / 255


def shares(name):
    """Return the share of each class of VOC in the coloured photograph, by name."""
    recipe, _, net, task = load_run(recorded("photograph-segmentation"))
    colors = predict_photo(net, task, photo(name), recipe.size)
    palette = zip(VOC_CLASSES, task.palette, strict=True)
    return {kind: (colors == color.view(3, 1, 1)).all(0).float().mean().item() for kind, color in palette}


@pytest.mark.parametrize(
    ("name", "kind", "at_least"), [("astronaut", "person", 0.3), ("chelsea", "cat", 0.5), ("rocket", "background", 0.8)]
)
def test_it_names_what_is_there(name, kind, at_least):
    assert shares(name)[kind] > at_least


def test_a_floor_faces_up_and_a_wall_does_not():
    """In the garage the lower part is floor: its normals point up, in the camera's frame y down."""
    net, _ = trained("photograph-normals")
    left, _, _ = skimage.data.stereo_motorcycle()
    small = torch.nn.functional.interpolate(
        torch.from_numpy(left.copy()).permute(2, 0, 1)[None] / 255, (112, 166), mode="bilinear", antialias=True
    )
    outputs = net.predict(small)[0]
    y = (outputs / outputs.norm(dim=0))[1]
    assert y[-8:].mean() < -0.7 < y[:30].mean()


@pytest.mark.real_data
@pytest.mark.parametrize("name", NAMES)
def test_the_recorded_scores_are_found_again(name, data_root):
    recipe, _, net, task = load_run(recorded(name))
    scores = json.loads((recorded(name) / "scores.json").read_text())
    test = build_data(recipe, data_root / FOLDERS[recipe.data], "test")
    if recipe.task == "edges":  # matching all 20 takes a minute
        found = evaluate(net, task, Subset(test, range(2)))["images"]
        assert [image["f"] for image in found] == pytest.approx([i["f"] for i in scores["images"][:2]], abs=0.01)
        return
    assert evaluate(net, task, test)[task.score] == pytest.approx(scores[task.score], abs=0.005 * scores[task.score])


def test_they_are_small():
    files = [file for name in NAMES for file in (RECORDS / name).rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < 8e6
