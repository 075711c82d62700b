"""Damaged, edited and hostile files in a run folder: nothing is run, and one line says what is wrong."""

import json
import pickle
import shutil
import zipfile

import pytest
import torch
from calling import call
from safetensors.torch import load_file, save_file

from pixelnet_edu.training.checkpoints import MODEL, MOMENTUM, STATE
from pixelnet_edu.training.runs import load_run

NEWEST = "checkpoint-0000003"


class Hostile:
    """What unpickling it would do."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return open, (str(self.mark), "w")


def plain_pickle(path, mark):
    path.write_bytes(pickle.dumps(Hostile(mark)))


def torch_zip(path, mark):
    torch.save({"state": Hostile(mark)}, path)


def numpy_objects(path, mark):
    """Write the form in which NumPy keeps objects."""
    import numpy as np

    with path.open("wb") as file:
        np.save(file, np.array([Hostile(mark)], dtype=object), allow_pickle=True)


LEGACY = ("optimizer.bin", "scheduler.bin", "custom_checkpoint_0.pkl", "random_states_0.pkl", "pytorch_model.bin")
FILES = [f"{NEWEST}/{name}" for name in (MODEL, MOMENTUM, STATE, *LEGACY)]
FILES += ["config.json", "log.csv", "scores.json", "predictions.png", "model.pt", "readings.json"]
HOSTILE = {"plain pickle": plain_pickle, "torch zip": torch_zip, "numpy": numpy_objects}


@pytest.fixture
def train(camvid):
    return lambda run, *more: (
        *("train", "--task", "segmentation", "--data", "camvid", "--root", camvid, "--out", run, *more),
    )


@pytest.fixture
def unfinished(run):
    """Make the finished run one that has three of five steps left."""
    for path, place in ((run / "config.json", ("recipe", "training")), (run / NEWEST / STATE, ("config",))):
        content = inner = json.loads(path.read_text())
        for name in place:
            inner = inner[name]
        inner["steps"] = 5
        path.write_text(json.dumps(content))
    return run


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", FILES)
def test_nothing_in_a_run_folder_is_executed(unfinished, train, tmp_path, name, kind):
    mark = tmp_path / "executed"
    HOSTILE[kind](unfinished / name, mark)
    photo = tmp_path / "photo.png"
    shutil.copy(next((unfinished.parent / "run").glob("predictions.png")), photo)
    for arguments in (train(unfinished, "--resume"), ("evaluate", unfinished), ("predict", unfinished, photo)):
        assert call(*arguments) in (0, 2)
        assert not mark.exists()


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path):
    path.write_bytes(b"")


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 + 40] ^= 0xFF
    path.write_bytes(content)


def zipped(path):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x", "y")


def random(path):
    path.write_bytes(torch.randint(256, (3000,), generator=torch.Generator().manual_seed(1)).byte().numpy().tobytes())


DAMAGE = {"cut": cut, "emptied": emptied, "zipped": zipped, "random": random, "missing": lambda path: path.unlink()}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("name", [MODEL, MOMENTUM, STATE])
def test_a_damaged_checkpoint_is_named_when_it_is_continued(unfinished, train, refused, name, how):
    DAMAGE[how](unfinished / NEWEST / name)
    assert f"{NEWEST}/{name}" in refused(*train(unfinished, "--resume"))


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_damaged_weights_are_named_when_they_are_used(run, refused, command, how):
    DAMAGE[how](run / NEWEST / MODEL)
    photo = [run / "predictions.png"] if command == "predict" else []
    assert f"{NEWEST}/{MODEL}" in refused(command, run, *photo)


@pytest.mark.parametrize("name", [MODEL, MOMENTUM])
def test_one_changed_byte_is_found(unfinished, train, refused, name):
    flipped(unfinished / NEWEST / name)
    assert "its checksum does not fit" in refused(*train(unfinished, "--resume"))


def weights(change):
    """Change the tensors of a checkpoint and what it knows of them, as a person would who means it."""

    def apply(run):
        folder = run / NEWEST
        tensors = load_file(folder / MODEL)
        change(tensors)
        save_file(tensors, folder / MODEL)
        state = json.loads((folder / STATE).read_text())
        state["checksums"] = {}
        (folder / STATE).write_text(json.dumps(state))

    return apply


def state(**changes):
    """Change entries of a checkpoint's state."""

    def apply(run):
        path = run / NEWEST / STATE
        content = json.loads(path.read_text()) | changes
        path.write_text(json.dumps({name: value for name, value in content.items() if value is not ...}))

    return apply


def first(tensors):
    return next(name for name in tensors if tensors[name].dim() == 4)


MEANT = {
    "nan weights": weights(lambda t: t[first(t)].fill_(float("nan"))),
    "infinite weights": weights(lambda t: t[first(t)].fill_(float("inf"))),
    "whole weights": weights(lambda t: t.update({first(t): t[first(t)].long()})),
    "a tensor less": weights(lambda t: t.pop(first(t))),
    "a tensor more": weights(lambda t: t.update(more=torch.zeros(3))),
    "another shape": weights(lambda t: t.update({first(t): torch.zeros(3)})),
}
STATES = {
    "step -5": state(step=-5),
    "step beyond the end": state(step=99),
    "step a text": state(step="3"),
    "step missing": state(step=...),
    "seed a list": state(seed=[]),
    "log a text": state(log="x"),
    "log of numbers": state(log=[1, 2]),
    "losses missing": state(losses=...),
    "losses of texts": state(losses=["x"]),
    "losses null": state(losses=None),
    "schedule empty": state(schedule={}),
    "schedule with more": state(schedule={"__class__": "x"}),
    "schedule a list": state(schedule=[]),
    "rates a text": state(rates=["x", 1]),
    "checksums missing": state(checksums=...),
    "another learning rate": state(config={"learning_rate": 7.0}),
    "config a list": state(config=[]),
}


@pytest.mark.parametrize("case", MEANT)
def test_weights_that_are_no_network_are_refused_everywhere(run, train, refused, case):
    MEANT[case](run)
    assert f"{NEWEST}/{MODEL}" in refused("evaluate", run)
    assert f"{NEWEST}/{MODEL}" in refused("predict", run, run / "predictions.png")


@pytest.mark.parametrize("case", STATES)
def test_a_state_that_is_none_is_refused(unfinished, train, refused, case):
    STATES[case](unfinished)
    assert NEWEST in refused(*train(unfinished, "--resume"))


def config(**changes):
    def apply(run):
        path = run / "config.json"
        content = json.loads(path.read_text())
        content["recipe"] |= changes
        path.write_text(json.dumps(content))

    return apply


def written(text):
    return lambda run: (run / "config.json").write_text(text)


def training(**changes):
    def apply(run):
        path = run / "config.json"
        content = json.loads(path.read_text())
        content["recipe"]["training"] |= changes
        path.write_text(json.dumps(content))

    return apply


CONFIGS = {
    "empty": written(""),
    "a list": written("[]"),
    "null": written("null"),
    "deep": written("[" * 100_000),
    "recipe a list": written('{"recipe": [], "root": null}'),
    "recipe null": written('{"recipe": null, "root": null}'),
    "recipe a text": written('{"recipe": "x", "root": null}'),
    "root a number": written('{"recipe": {}, "root": 3}'),
    "no root": written('{"recipe": {}}'),
    "task": config(task="colours"),
    "data": config(data="nowhere"),
    "task a list": config(task=[]),
    "sampler": config(sampler="best"),
    "widths empty": config(widths=[]),
    "widths negative": config(widths=[-1, 4]),
    "widths real": config(widths=[2.5]),
    "widths huge": config(widths=[10**12]),
    "widths other": config(widths=[4, 4]),
    "hidden huge": config(hidden=[10**9]),
    "hidden text": config(hidden="many"),
    "size of three": config(size=[9, 9, 9]),
    "size zero": config(size=[0, 0]),
    "test images -3": config(test_images=-3),
    "dropout 2": config(dropout=2),
    "scale 0": config(scale=[0, 0]),
    "unknown field": config(colour="red"),
    "rate text": training(learning_rate="fast"),
    "rate -1": training(learning_rate=-1),
    "momentum 5": training(momentum=5),
    "steps 2.5": training(steps=2.5),
    "unknown training field": training(colour="red"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_a_configuration_that_is_none_is_refused(run, refused, case):
    CONFIGS[case](run)
    assert str(run) in refused("evaluate", run) or case == "widths other"


STRAY = [
    "checkpoint-old",
    "checkpoint-0000003.zip",
    "checkpoint-0000003 (copy)",
    "checkpoint-best",
    "checkpoint-",
    "writing-9",
]


@pytest.mark.parametrize("name", STRAY)
def test_a_name_that_is_no_checkpoint_is_left_alone(run, name):
    (run / name).mkdir()
    assert call("evaluate", run) == 0
    assert (run / name).is_dir()


def test_the_newest_checkpoint_is_that_of_the_most_steps(run, refused):
    for name in ("checkpoint-9999999", "checkpoint-10000000"):
        shutil.copytree(run / NEWEST, run / name)
    emptied(run / "checkpoint-10000000" / MODEL)
    emptied(run / "checkpoint-9999999" / MODEL)
    (run / NEWEST / MODEL).unlink()
    assert "checkpoint-10000000" in refused("evaluate", run)


def test_a_damaged_checkpoint_falls_back_to_the_one_before_and_says_so(run, recwarn):
    before = load_run(run)[2].state_dict()
    shutil.copytree(run / NEWEST, run / "checkpoint-0000009")
    cut(run / "checkpoint-0000009" / MODEL)
    after = load_run(run)[2].state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert any(f"{NEWEST} is taken instead" in str(warning.message) for warning in recwarn)


@pytest.mark.parametrize("made", [False, True])
def test_no_checkpoint_yet_says_what_to_do(finished, train, tmp_path, refused, made):
    out = tmp_path / "new"
    assert "missing, expected a run folder" in refused(*train(out, "--resume"))
    if made:
        out.mkdir()
        shutil.copy(finished / "config.json", out)
        assert "begin it without --resume" in refused(*train(out, "--resume"))


OPTIONS = {
    "steps": ("--steps", 9),
    "seed": ("--seed", 5),
    "weights": ("--weights", "imagenet"),
    "backbone": ("--backbone", "vgg16"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_that_a_run_was_not_begun_with_is_refused(unfinished, train, refused, name):
    assert f"{name}: found" in refused(*train(unfinished, "--resume", *OPTIONS[name]))


def test_a_moved_data_set_is_told_in_the_configuration(unfinished, camvid, tmp_path):
    moved = shutil.copytree(camvid, tmp_path / "moved")
    arguments = ["--task", "segmentation", "--data", "camvid", "--root", moved, "--out", unfinished, "--resume"]
    assert call("train", *arguments) == 0
    assert json.loads((unfinished / "config.json").read_text())["root"] == str(moved)


def test_an_edited_learning_rate_is_not_ignored(unfinished, train, refused):
    training(learning_rate=0.0001)(unfinished)
    assert "learning_rate" in refused(*train(unfinished, "--resume"))
