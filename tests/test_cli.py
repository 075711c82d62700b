"""The command as a person meets it: a whole run on a small set, and errors in one line with exit status 2."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
import typer
from calling import call, make_camvid
from PIL import Image
from typer.testing import CliRunner

from pixelnet_edu import commands
from pixelnet_edu.data.catalog import CATALOG
from pixelnet_edu.data.reading import GAP, read_photo, tile
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training import photo, presets, recipes


@pytest.fixture
def run():
    return call


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Train a few steps once for all tests below."""
    root = make_camvid(tmp_path_factory.mktemp("camvid"))
    out = tmp_path_factory.mktemp("runs") / "one"
    arguments = ["train", "--task", "segmentation", "--data", "camvid", "--root", root, "--out", out, "--steps", 3]
    assert call(*arguments) == 0
    return out, root


def test_run_folder_is_complete(trained):
    out, root = trained
    assert sorted(p.name for p in out.iterdir()) == [
        "checkpoint-0000003",
        "config.json",
        "log.csv",
        "predictions.png",
        "scores.json",
    ]
    config = json.loads((out / "config.json").read_text())
    assert config["recipe"]["task"] == "segmentation"
    assert config["root"] == str(root)
    assert len(json.loads((out / "scores.json").read_text())["iou"]) == 11
    with open(out / "log.csv") as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["3"]
    assert read_photo(out / "predictions.png").shape[0] == 3


def test_evaluate_gives_the_same_scores_again(trained, run):
    out, _ = trained
    before = json.loads((out / "scores.json").read_text())
    assert run("evaluate", out) == 0
    assert json.loads((out / "scores.json").read_text()) == before


@pytest.mark.parametrize(
    ("mode", "size"), [("RGB", (61, 37)), ("L", (20, 90)), ("RGBA", (33, 33)), ("I;16", (40, 30)), ("RGB", (3, 200))]
)
def test_predict_writes_a_picture_of_the_same_size(trained, run, tmp_path, mode, size):
    shape = (size[1], size[0], *{"RGB": (3,), "RGBA": (4,)}.get(mode, ()))
    array = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint16 if mode == "I;16" else np.uint8)
    Image.fromarray(array).save(tmp_path / "photo.png")
    assert run("predict", trained[0], tmp_path / "photo.png") == 0
    with Image.open(tmp_path / "photo-segmentation.png") as picture:
        assert picture.size == size


def test_predict_turns_a_photograph_as_exif_says(trained, run, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (50, 30), "red").save(tmp_path / "photo.jpg", exif=exif)
    assert run("predict", trained[0], tmp_path / "photo.jpg", "--out", tmp_path / "new" / "p.png") == 0
    with Image.open(tmp_path / "new" / "p.png") as picture:
        assert picture.size == (30, 50)


@pytest.mark.parametrize("chosen", [(), ("--task", "normals")])
def test_predict_without_a_run_uses_the_shipped_networks(run, tmp_path, chosen):
    pytest.importorskip("timm")
    Image.new("RGB", (50, 30), "red").save(tmp_path / "photo.jpg")
    assert run("predict", tmp_path / "photo.jpg", *chosen) == 0
    pictures = sorted(path.stem.removeprefix("photo-") for path in tmp_path.glob("*.png"))
    assert pictures == (["normals"] if chosen else ["edges", "normals", "segmentation"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "photo.jpg", "--task", "edges"), "predict: expected RUN and PHOTO; or PHOTO, with or without --task"),
        (("run", "run", "photo.jpg"), "predict: expected RUN and PHOTO; or PHOTO, with or without --task"),
        (("photo.jpg", "--out", "o.png"), "out: found without RUN and --task, expected one of them"),
    ],
)
def test_predict_says_what_it_expects(run, tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (50, 30), "red").save("photo.jpg")
    assert run("predict", *arguments) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_bad_input_is_one_line_and_exit_status_2(trained, run, tmp_path, capsys):
    out, root = trained
    (tmp_path / "text.png").write_text("no picture")
    new = tmp_path / "new"
    train = ["train", "--task", "segmentation", "--data", "camvid", "--out", new]
    cases = {
        ("train", "--task", "colour", "--data", "rooms"): "'colour' is not one of",
        ("train", "--task", "segmentation", "--data", "rooms", "--preset", "big"): "'big' is not one of",
        tuple(train): "root: missing, expected the folder of camvid",
        (*train, "--root", tmp_path / "none"): "none/train: no such folder",
        (*train, "--root", root, "--weights", "hed"): "weights: found 'hed' with small-vgg, expected none",
        ("train", "--task", "normals", *train[3:], "--root", root): "task: SurfaceNormals needs 'normals'",
        (*train[:-1], out, "--root", root): "found a run in it, expected a new folder",
        ("predict", out, tmp_path / "text.png"): "text.png: cannot be read as an image",
        ("predict", out, tmp_path / "no.png"): "no.png: no such file",
        ("evaluate", tmp_path): "config.json: missing",
    }
    for arguments, expected in cases.items():
        assert run(*arguments) == 2, arguments
        message = capsys.readouterr().err
        assert expected in message, arguments
        assert message.count("\n") == 1
    assert not new.exists()


def test_checkpoint_of_another_architecture(trained, run, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(trained[0], copy)
    config = json.loads((copy / "config.json").read_text())
    config["recipe"]["widths"] = [8, 8, 8, 8, 8]
    (copy / "config.json").write_text(json.dumps(config))
    assert run("evaluate", copy) == 2
    assert "the checkpoint is of another architecture" in capsys.readouterr().err


def test_damaged_checkpoint_and_configuration(trained, run, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(trained[0], copy)
    weights = copy / "checkpoint-0000003" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert run("evaluate", copy) == 2
    assert "the checkpoint is damaged" in capsys.readouterr().err
    config = copy / "config.json"
    config.write_text(config.read_text().replace('"segmentation"', '"colours"'))
    assert run("evaluate", copy) == 2
    assert "task: found 'colours'" in capsys.readouterr().err


def test_resume_of_another_run_is_refused(trained, run, capsys):
    out, root = trained
    assert run("train", "--task", "edges", "--data", "camvid", "--root", root, "--out", out, "--resume") == 2
    assert "task: found 'edges' for a run of 'segmentation'" in capsys.readouterr().err


def test_scores_of_the_training_part_stand_beside_the_others(trained, run):
    out, _ = trained
    assert run("evaluate", out, "--split", "train") == 0
    assert (out / "scores-train.json").is_file()
    (out / "scores-train.json").unlink()
    (out / "predictions-train.png").unlink()


def test_debug_shows_where_an_error_comes_from(run, tmp_path):
    with pytest.raises(FileNotFoundError):
        run("--debug", "evaluate", tmp_path)


def test_resume_continues(trained, run, tmp_path):
    root = trained[1]
    arguments = ["train", "--task", "segmentation", "--data", "camvid", "--root", root, "--out", tmp_path / "r"]
    assert run(*arguments, "--steps", 2) == 0
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    config["recipe"]["training"]["steps"] = 4
    (tmp_path / "r" / "config.json").write_text(json.dumps(config))
    assert run(*arguments, "--resume") == 0
    assert [p.name for p in (tmp_path / "r").glob("checkpoint-*")] == ["checkpoint-0000004"]


STOPPED = "pixelnet: stopped; `train` continues with --resume, `reproduce` when it is started again\n"


@pytest.mark.parametrize(
    ("end", "status", "line"),
    [(KeyboardInterrupt(), 130, STOPPED), (typer.Abort(), 130, STOPPED), (typer.Exit(3), 3, ""), (typer.Exit(), 0, "")],
)
def test_however_a_command_is_stopped_its_status_says_so(run, monkeypatch, capsys, end, status, line):
    def stop(folder):
        raise end

    monkeypatch.setattr("pixelnet_edu.training.runs.load_run", stop)
    assert run("predict", "run", "photo.jpg") == status
    assert capsys.readouterr().err == line


def test_training_that_ctrl_c_stops_says_how_it_continues(trained, tmp_path):
    train = ["train", "--task", "segmentation", "--data", "camvid", "--root", trained[1], "--out", tmp_path / "r"]
    process = subprocess.Popen([sys.executable, "-m", "pixelnet_edu.cli", *train], stderr=subprocess.PIPE, text=True)
    bar = ""
    while not re.search(r"\d(it/s|s/it)", bar):  # until it has taken a step
        bar += (letter := process.stderr.read(1))
        assert letter, bar
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest.endswith(f"\n{STOPPED}")
    assert "Traceback" not in rest


def test_help_teaches():
    text = CliRunner().invoke(commands.app, ["train", "--help"]).output
    assert "--preset" in text
    assert "pixelnet train --task segmentation --data rooms" in text


@pytest.mark.parametrize(
    ("has_bf16", "has_amx", "precision"), [(True, False, "bf16"), (False, True, "bf16"), (False, False, "no")]
)
def test_a_laptop_trains_in_bf16_only_where_its_processor_has_it(has_bf16, has_amx, precision, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    assert presets.preset("segmentation", "rooms", "laptop").training.precision == precision


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("data", CATALOG)
@pytest.mark.parametrize("name", recipes.PRESETS)
def test_every_recipe_builds(task, data, name):
    recipe = presets.preset(task, data, name, seed=3)
    if task == "segmentation" and data == "bsds500":
        with pytest.raises(ValueError, match="task: found 'segmentation' with bsds500, which has no classes"):
            recipes.build_task(recipe)
        return
    if name == "photographs" and data != "camvid":
        return  # its network is the same for all, and takes a second to measure
    with torch.device("meta"):  # shapes without numbers: the paper's 134 million parameters cost nothing
        model = recipes.build_model(recipe, pretrained=False)
    assert model.head.num_outputs == recipes.build_task(recipe).num_outputs
    assert recipe.training.seed == 3
    recipes.build_sampler(recipe), recipes.build_augment(recipe)


def test_paper_recipe_is_the_papers():
    recipe = presets.preset("segmentation", "voc-aug", "paper")
    training = recipe.training
    assert (recipe.backbone, recipe.weights, recipe.context) == ("vgg16", "imagenet", True)
    assert (training.images_per_step, training.points_per_image, recipe.size) == (5, 2000, (224, 224))
    assert (training.learning_rate, training.momentum, training.weight_decay) == (1e-3, 0.9, 5e-4)
    assert (recipe.hidden, recipe.dropout, recipe.sampler) == ((4096, 4096), 0.5, "uniform")


def test_the_narrow_network_begins_with_no_weights_in_any_preset():
    assert presets.preset("segmentation", "voc", "photographs", backbone="small-vgg").weights == "none"
    assert presets.preset("segmentation", "voc", "photographs", backbone="resnet18").weights == "imagenet"
    assert presets.preset("segmentation", "voc", "laptop", backbone="resnet18").weights == "none"


@pytest.mark.parametrize(
    ("weights", "backbone", "frozen"),
    [
        (None, None, True),
        ("none", None, False),
        (None, "resnet18", True),
        ("none", "resnet18", False),
        (None, "small-vgg", False),
        ("imagenet", "vgg16", False),
    ],
)
def test_random_weights_are_never_frozen(weights, backbone, frozen):
    assert presets.preset("segmentation", "voc", "photographs", weights, backbone=backbone).frozen == frozen


def test_pictures_of_standing_and_lying_photographs_are_tiled():
    """White fills what a smaller picture leaves, and nothing is cut."""
    lying, standing = torch.zeros(3, 2, 5), torch.full((3, 4, 3), 0.5)
    sheet = tile([lying, standing], dim=1)
    assert sheet.shape == (3, 2 + GAP + 4, 5)
    assert sheet[:, :2].equal(lying)
    assert sheet[:, 2 + GAP :, :3].equal(standing)
    assert (sheet[:, 2 + GAP :, 3:] == 1).all()


def test_predicted_photo_has_its_own_size():
    recipe = presets.preset("edges", "rooms", "laptop")
    model, task = recipes.build_model(recipe).eval(), recipes.build_task(recipe)
    assert photo.predict_photo(model, task, torch.rand(3, 500, 7), recipe.size).shape == (3, 500, 7)
