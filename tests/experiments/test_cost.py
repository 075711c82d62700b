"""The bench: its clock, its memory, its ratios, and the record that it leaves."""

import json
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from calling import call, make_camvid

from pixelnet_edu import MLPHead, PixelNet, SemanticSegmentation, SmallVGG
from pixelnet_edu import segmentation_scores as score
from pixelnet_edu.experiments.cost import adaptive, curves, memory, ratios, run, workloads
from pixelnet_edu.experiments.cost.plans import FULL, QUICK, Curve
from pixelnet_edu.experiments.cost.report import RATIOS, once, row, table
from pixelnet_edu.experiments.cost.timing import interleaved
from pixelnet_edu.experiments.cost.workloads import Workload
from pixelnet_edu.model.geometry import pixel_grid
from pixelnet_edu.training import config, presets, recipes, runs
from pixelnet_edu.training.checkpoints import save_weights


@pytest.fixture
def net():
    torch.manual_seed(0)
    backbone = SmallVGG((4, 6, 8, 8, 8))
    return PixelNet(backbone, MLPHead(backbone.hypercolumn_channels, 5, hidden=(16, 12), dropout=0.0))


@pytest.mark.parametrize(
    ("kind", "ours", "peer", "goal", "ratio", "reached"),
    [
        ("times", 2.0, 10.0, 5, 5.0, True),
        ("times", 2.0, 9.9, 5, 4.95, False),
        ("share", 6.6, 10.0, 0.66, 0.66, True),
        ("share", 6.7, 10.0, 0.66, 0.67, False),
        ("lost", 77.5, 77.7, 0.25, 0.2, True),
        ("lost", 78.0, 77.0, 0.2, -1.0, True),
        ("added", 7.8, 7.5, 0.2, 0.3, False),
        ("times", 2.0, 10.0, None, 5.0, None),
        ("times", -4096.0, 10.0, 5, None, None),
    ],
)
def test_ratio_and_goal(kind, ours, peer, goal, ratio, reached):
    found = row("it", kind, "s", once(ours), once(peer), goal)
    assert found["ratio"] == (None if ratio is None else pytest.approx(ratio))
    assert found["reached"] is reached


def test_row_without_a_peer_is_printed():
    assert table([row("it", "times", "bytes", once(2e6), None, 5)]).split("\n")[1].split() == [
        "it",
        "2",
        "MB",
        "-",
        "-",
        ">=",
        "5",
        "x",
        "-",
    ]


def test_limit_is_the_backbone_and_three_products():
    limit = ratios.limit(backbone=4.0, product=1.0, side=4096, head_macs=4096**3)
    assert limit == pytest.approx(4 + 3)


def test_sides_take_turns():
    calls = []
    sides = {"a": lambda: (calls.append("a"), time.sleep(0.03)), "b": lambda: (calls.append("b"), time.sleep(0.05))}
    times = interleaved(sides, seconds=0.3)
    assert calls == ["a", "b"] * (1 + times["a"]["runs"])
    assert times["a"]["runs"] == times["b"]["runs"] == 5
    assert 0.03 <= times["a"]["median"] < times["b"]["median"]


def touch(megabytes):
    before = memory.peak_bytes()
    np.ones(megabytes << 17)
    return memory.peak_bytes() - before


def test_peak_of_a_fresh_process_is_its_own():
    np.ones(100 << 20)  # 800 MB that this process had, and the next one must not report
    for megabytes in (50, 200):
        assert memory.in_fresh_process(partial(touch, megabytes)) == pytest.approx(megabytes << 20, rel=0.05)


def test_getrusage_counts_kilobytes_but_bytes_on_macos(monkeypatch, tmp_path):
    exact = memory.peak_bytes()
    monkeypatch.setattr(memory, "Path", lambda _: tmp_path / "no-proc")
    kilobytes = memory.peak_bytes()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert memory.peak_bytes() * 1024 == kilobytes
    assert kilobytes >= 0.9 * exact


def end_process():
    import os

    os._exit(1)


def test_process_that_was_ended_is_told():
    with pytest.raises(ChildProcessError, match="the system ended a measuring process"):
        memory.in_fresh_process(end_process)


@pytest.mark.parametrize(("seconds", "calls"), [(0, 1), (1e-9, 2)])
def test_first_run_warms_up_where_time_is_asked_for(seconds, calls):
    seen = []
    found = memory._measure(seen.append, Workload("tiny", (32, 32), 1, 5), seconds)
    assert (len(seen), found["runs"]) == (calls, 1)


def fake_measure(operation, workload, seconds):
    work = workload.images * workload.size[0] * workload.size[1]
    if workload.points == 13:
        raise ChildProcessError
    return {"seconds": work / 1e4, "runs": 1, "before_bytes": 0, "peak_bytes": 1e5 * work}


@pytest.mark.parametrize(
    ("curve", "values", "stopped"),
    [
        (Curve("step", "side", (100, 200), Workload("tiny", (1, 1), 1, 1)), [100, 200], None),
        (Curve("step", "side", (100, 500), Workload("tiny", (1, 1), 1, 1)), [100], "500: expected 25 GB, room for 24"),
        (Curve("step", "images", (1, 2, 9), Workload("tiny", (100, 100), 1, 1)), [1, 2], "9: expected 18 s, of 12 s"),
        (Curve("step", "points", (1, 13), Workload("tiny", (9, 9), 1, 1)), [1], "13: the process was ended"),
    ],
)
def test_curve_ends_before_it_takes_too_much(monkeypatch, curve, values, stopped):
    monkeypatch.setattr(curves, "measure", fake_measure)
    monkeypatch.setattr(curves, "available_bytes", lambda: 10**12)
    found = curves.growth(curve, seconds=12)
    assert [point["value"] for point in found["points"]] == values
    assert (found["stopped"] or "").startswith(stopped or "")
    assert (found["stopped"] is None) == (stopped is None)


class EverySecondPixel(PixelNet):
    """A stand-in for adaptive prediction that computes a quarter of the pixels."""

    def predict(self, images, mode="exact", task=None):
        outputs = super().predict(images)
        if mode == "exact":
            return outputs
        points = pixel_grid(*images.shape[-2:]).view(*images.shape[-2:], 2)[::2, ::2].reshape(1, -1, 2)
        with torch.no_grad():
            coarse = self.eval()(images, points.expand(len(images), -1, -1))
        return F.interpolate(coarse.mT.unflatten(2, [side // 2 for side in images.shape[-2:]]), scale_factor=2)


def test_adaptive_prediction_is_compared_by_score_and_pixels(net):
    stub = EverySecondPixel(net.backbone, net.head).eval()
    task = SemanticSegmentation("abcde", torch.zeros(5, 3))
    samples = [{"image": torch.rand(3, 32, 48), "labels": torch.randint(5, (32, 48))} for _ in range(2)]
    _, lost, computed = adaptive.compare("stub", stub, task, samples, QUICK)
    images, labels = (torch.stack([sample[key] for sample in samples]) for key in ("image", "labels"))
    exact, coarse = (
        100 * score(stub.predict(images, mode).argmax(1), labels, 5)["miou"] for mode in ("exact", "adaptive")
    )
    assert lost["ratio"] == pytest.approx(exact - coarse)
    # the stub also predicts exactly first, which is what the count must notice
    assert computed["ratio"] == pytest.approx(1.25)


def test_plan_is_the_papers():
    assert FULL.step == Workload("paper", (224, 224), 5, 2000)
    with torch.device("meta"):
        head = workloads.build_network("paper").head
    assert sum(p.numel() for p in head.parameters()) == 39_677_973


@pytest.fixture(scope="module")
def camvid_run(tmp_path_factory):
    """Make a run folder as training leaves it, without training."""
    root, folder = make_camvid(tmp_path_factory.mktemp("camvid")), tmp_path_factory.mktemp("runs") / "one"
    recipe = presets.preset("segmentation", "camvid", "laptop")
    runs.create_folder(folder, replace(recipe, widths=(4, 4, 4), hidden=(8,)), root)
    (folder / "checkpoint-0000001").mkdir()
    net = recipes.build_model(runs.read_config(folder)[0])
    save_weights(net, folder / "checkpoint-0000001" / "model.safetensors")
    return folder, root


@pytest.mark.slow
def test_quick_bench_leaves_a_whole_record(camvid_run, tmp_path, monkeypatch, capsys):
    run, root = camvid_run
    out = tmp_path / "bench.json"
    arguments = ["bench", "--quick", "--out", out, "--camvid", run, "--root", root]
    assert call(*arguments) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]
    record, text = json.loads(out.read_text()), out.read_text()
    assert record["quick"] is True
    assert set(record) >= {"machine", "fast_bf16", "memory", "versions", "date", "seconds", "costs"}
    assert set(record["machine"]) == {"processor", "cores", "threads", "memory_bytes", "gpu", "system"}
    assert '"/' not in text
    assert f'"{platform.node()}"' not in text
    printed = capsys.readouterr().out
    for found in record["rows"]:
        check_row(found)
        assert found["name"] in printed
    goals = Counter(found["goal"] for found in record["rows"] if "training step in bf16" not in found["name"])
    assert goals == {5: 9, 0.66: 1, 1.08: 1, 10: 2, 15: 1, 2: 1, 1e-4: 1, 0.01: 2, 0.2: 6, None: 12}
    assert sum(found["name"].startswith("EfficientNet-Lite0, ") for found in record["rows"]) >= 3
    for curve in record["curves"]:
        assert {"operation", "axis", "network", "stopped"} <= set(curve)
        assert all(point["peak_bytes"] > point["before_bytes"] > 1e8 for point in curve["points"])
        assert all(point["seconds"] > 0 for point in curve["points"])


def check_row(found):
    assert found["kind"] in RATIOS
    for side in (found["ours"], found["peer"]):
        assert set(side) == {"median", "iqr", "runs"}
        assert side["runs"] == 1 or side["iqr"] >= 0
    if found["ratio"] is not None:
        assert found["ratio"] == pytest.approx(RATIOS[found["kind"]](found["ours"]["median"], found["peer"]["median"]))
    if found["ratio"] is not None and found["goal"] is not None:
        least = found["kind"] == "times"
        assert found["reached"] == (found["ratio"] >= found["goal"] if least else found["ratio"] <= found["goal"])


def test_bench_without_timm_has_no_rows_of_its_networks(monkeypatch):
    assert "photographs" in run._parts(QUICK, None)
    monkeypatch.setattr(run, "find_spec", lambda name: None)
    assert "photographs" not in run._parts(QUICK, None)


def test_bad_input_is_one_line_before_anything_is_measured(camvid_run, tmp_path, monkeypatch, capsys):
    (tmp_path / "file").touch()
    monkeypatch.setattr("pixelnet_edu.commands.run_bench", None)
    cases = {
        ("--out", tmp_path / "none" / "b.json"): "expected the name of a file in a folder that exists",
        ("--out", tmp_path / "file" / "b.json"): "expected the name of a file in a folder that exists",
        ("--out", tmp_path): "expected the name of a file in a folder that exists",
        ("--out", tmp_path / "b.json", "--root", tmp_path): "root: found without --camvid",
    }
    for arguments, expected in cases.items():
        assert call("bench", "--quick", *arguments) == 2, arguments
        message = capsys.readouterr().err
        assert expected in message
        assert message.count("\n") == 1


def test_process_that_is_to_use_a_gpu_is_not_forked(monkeypatch):
    methods, get_context = [], multiprocessing.get_context
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(multiprocessing, "get_context", lambda method: methods.append(method) or get_context(method))
    assert memory.in_fresh_process(os.getpid) != os.getpid()
    assert methods == ["spawn"]


def test_bench_that_is_cut_short_leaves_what_it_measured(tmp_path, monkeypatch, capsys):
    def cut_short(keep, *arguments):
        keep({"rows": [1]})
        keep({"rows": [1, 2]})
        raise ChildProcessError("ended")

    monkeypatch.setattr("pixelnet_edu.commands.run_bench", cut_short)
    (tmp_path / "b.json").write_text("an older record")
    assert call("bench", "--out", tmp_path / "b.json") != 0
    assert json.loads((tmp_path / "b.part.json").read_text()) == {"rows": [1, 2]}
    assert (tmp_path / "b.json").read_text() == "an older record"


@pytest.mark.parametrize(("fast", "precision"), [(True, "bf16"), (False, "no")])
def test_richer_network_is_trained_in_the_precision_of_this_machine(net, monkeypatch, fast, precision):
    recipe = presets.preset("segmentation", "rooms", "laptop")
    recipe = replace(recipe, training=replace(recipe.training, precision="no" if fast else "bf16"))
    configs = []
    monkeypatch.setattr(config, "has_fast_bf16", lambda: fast)
    monkeypatch.setattr(adaptive, "fit", lambda *arguments, **options: configs.append(arguments[4]))
    adaptive.enrich(net, recipes.build_task(recipe), recipe, [], QUICK.rich)
    assert [config.precision for config in configs] == [precision]


def test_disk_that_is_full_is_told_before(tmp_path, monkeypatch, capsys):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pixelnet_edu.experiments.cost.run.tempfile.TemporaryFile", full)
    assert call("bench", "--quick", "--out", tmp_path / "b.json") == 2
    assert "b.json cannot be written (No space left on device)" in capsys.readouterr().err


@pytest.mark.parametrize("case", ["missing", "another task", "no photographs"])
def test_camvid_runs_that_cannot_serve(camvid_run, tmp_path, case):
    run, root, expected = {
        "missing": (tmp_path, None, "config.json: missing"),
        "another task": (runs.recorded("rooms-edges"), None, "found a run of edges on rooms, expected segmentation"),
        "no photographs": (camvid_run[0], tmp_path, "no such folder; expected CamVid"),
    }[case]
    with pytest.raises((ValueError, FileNotFoundError), match=expected):
        adaptive.camvid_run(run, root)
