"""What a hand may type wrongly: one line, status 2, nothing written."""

import os
import signal
import subprocess
import sys
import time

import pytest
from calling import call

TRAIN = ("train", "--task", "segmentation", "--data", "rooms")
COMMANDS = {
    "unknown command": ("training",),
    "unknown option": (*TRAIN, "--sped", "3"),
    "unknown task": ("train", "--task", "colours", "--data", "rooms"),
    "unknown data": ("train", "--task", "segmentation", "--data", "imagenet"),
    "no data": ("train", "--task", "segmentation"),
    "no root": ("train", "--task", "segmentation", "--data", "camvid"),
    "root nowhere": ("train", "--task", "segmentation", "--data", "camvid", "--root", "nowhere"),
    "task without data": ("train", "--task", "normals", "--data", "camvid", "--root", "nowhere"),
    "steps 0": (*TRAIN, "--steps", "0"),
    "steps 2.5": (*TRAIN, "--steps", "2.5"),
    "steps many": (*TRAIN, "--steps", "many"),
    "steps too many": (*TRAIN, "--steps", "99999999999"),
    "seed -1": (*TRAIN, "--seed", "-1"),
    "seed too large": (*TRAIN, "--seed", str(2**70)),
    "out here": (*TRAIN, "--out", ""),
    "preset": (*TRAIN, "--preset", "fast"),
    "backbone": (*TRAIN, "--backbone", "vgg99"),
    "weights": (*TRAIN, "--weights", "imagenet"),
    "resume nowhere": (*TRAIN, "--out", "nowhere", "--resume"),
    "evaluate nothing": ("evaluate",),
    "evaluate nowhere": ("evaluate", "nowhere"),
    "evaluate a file": ("evaluate", __file__),
    "evaluate run and task": ("evaluate", "nowhere", "--task", "edges"),
    "evaluate run and data": ("evaluate", "nowhere", "--data", "camvid"),
    "evaluate run and reference": ("evaluate", "nowhere", "--reference", "people"),
    "evaluate split": ("evaluate", "nowhere", "--split", "val"),
    "reference without root": ("evaluate", "--task", "edges"),
    "reference of rooms": ("evaluate", "--task", "edges", "--data", "camvid", "--root", "nowhere"),
    "predict nothing": ("predict",),
    "predict nowhere": ("predict", "nowhere.jpg", "--task", "edges"),
    "predict three": ("predict", "a", "b", "c"),
    "predict run and task": ("predict", "run", "a.jpg", "--task", "edges"),
    "predict out of many": ("predict", "a.jpg", "--out", "b.png"),
    "predict an empty folder": ("predict", "--task", "edges", "."),
    "check nothing": ("data", "check"),
    "check rooms": ("data", "check", "rooms", "--root", "."),
    "check nowhere": ("data", "check", "voc", "--root", "nowhere"),
    "check another folder": ("data", "check", "voc", "--root", "."),
    "reproduce nothing": ("reproduce",),
    "reproduce unknown": ("reproduce", "table9"),
    "reproduce arm": ("reproduce", "table4", "--arms", "9x9"),
    "reproduce arm twice": ("reproduce", "table4", "--arms", "5x2000,5x2000"),
    "reproduce seeds text": ("reproduce", "table4", "--seeds", "many"),
    "reproduce seeds 0": ("reproduce", "table4", "--seeds", "0"),
    "reproduce seeds 00": ("reproduce", "table4", "--seeds", "00"),
    "reproduce seeds -1": ("reproduce", "table4", "--seeds", "-1"),
    "reproduce seeds twice": ("reproduce", "table4", "--seeds", "3,3"),
    "reproduce too many seeds": ("reproduce", "table4", "--seeds", "3000000", "--dry-run"),
    "reproduce far too many": ("reproduce", "table4", "--seeds", "9" * 5000),
    "reproduce seeds Arabic": ("reproduce", "table4", "--seeds", "1,٢x"),
    "reproduce jobs 0": ("reproduce", "table4", "--jobs", "0"),
    "reproduce time -1": ("reproduce", "table4", "--time-limit", "-1"),
    "reproduce gpu": ("reproduce", "table4", "--gpu"),
    "reproduce no root": ("reproduce", "table1", "--data", "voc", "--dry-run"),
    "reproduce records a file": ("reproduce", "table4", "--records", __file__, "--seeds", "1"),
    "report nothing": ("report",),
    "report unknown": ("report", "table9"),
    "report nowhere": ("report", "table4", "--records", "nowhere"),
    "report against nowhere": ("report", "table4", "--against", "nowhere"),
    "study unknown": ("study", "luck", "--out", "x.json"),
    "study without out": ("study", "leak"),
    "study without root": ("study", "leak", "--out", "x.json"),
    "bench root alone": ("bench", "--root", "."),
    "bench nowhere": ("bench", "--quick", "--out", "nowhere/deep/x.json"),
    "nul": ("predict", "--task", "edges", "a\0b.jpg"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_it_is_one_line(refused, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    if case == "reproduce gpu":
        monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    refused(*COMMANDS[case])
    assert not list(tmp_path.rglob("*"))


def test_the_version_is_told(capsys):
    assert call("--version") == 0
    assert capsys.readouterr().out.startswith("pixelnet 0.")


def start(*arguments, **options):
    command = [sys.executable, "-m", "pixelnet_edu.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.mark.parametrize("variables", [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_terminal_without_all_signs_gets_the_table(tmp_path, variables):
    done = start("report", "table4", cwd=tmp_path, env=os.environ | variables)
    assert done.returncode == 0, done.stderr
    assert "5x2000" in done.stdout


def test_no_home_is_one_line(tmp_path):
    code = "import pwd, sys\ndef no(u): raise KeyError(u)\npwd.getpwuid = no\nfrom pixelnet_edu import cli\ncli.main()"
    command = [sys.executable, "-c", code, *TRAIN, "--steps", "1", "--out", str(tmp_path / "r")]
    variables = {name: value for name, value in os.environ.items() if name != "HOME"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=variables, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "say --root DIR" in done.stderr


def test_two_trainings_of_one_folder_are_one_and_a_refusal(tmp_path, camvid):
    arguments = ["train", "--task", "segmentation", "--data", "camvid", "--root", camvid, "--out", tmp_path / "r"]
    command = [sys.executable, "-m", "pixelnet_edu.cli", *map(str, arguments)]
    both = [
        subprocess.Popen([*command, "--steps", steps, "--seed", steps], stderr=subprocess.PIPE, text=True)
        for steps in ("40", "41")
    ]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2]
    refusal = errors[[process.returncode for process in both].index(2)]
    assert "found another process at this run" in refusal or "found a run in it" in refusal


def interrupted(seconds, folder, *arguments):
    """Start the command, press Ctrl-C after a time as a terminal does, in all of its processes; return what it says."""
    command = [sys.executable, "-m", "pixelnet_edu.cli", *map(str, arguments)]
    how = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": folder}
    process = subprocess.Popen(command, **how, start_new_session=True)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=120)
    return process.returncode, error


REAL = pytest.param("evaluate", marks=pytest.mark.real_data)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.4, 1.5, 4])
@pytest.mark.parametrize("command", ["train", "reproduce", "bench", REAL, "report"])
def test_ctrl_c_at_any_moment_is_one_line_and_130(tmp_path, camvid, data_root, command, seconds):
    arguments = {
        "train": [*TRAIN[:3], "--data", "camvid", "--root", camvid, "--out", "r"],
        "reproduce": ["reproduce", "table1", "--steps", 60, "--jobs", 2, "--seeds", 1],
        "bench": ["bench", "--quick"],
        "evaluate": ["evaluate", "--task", "edges", "--reference", "people", "--root", data_root / "bsds500"],
        "report": ["report", "table1"],
    }[command]
    status, error = interrupted(seconds, tmp_path, *arguments)
    assert "Traceback" not in error
    if status:  # else it was done before
        assert status in (130, -signal.SIGINT)  # a shell shows both as 130; Python chooses the second within `exec`
        if status == 130 or error:  # else Python itself was not yet, or no longer, there
            assert error.replace("\r", "\n").splitlines()[-1].startswith("pixelnet: stopped;")


def test_our_own_fault_is_one_line_and_status_1(monkeypatch, capsys):
    def fault(*_, **__):
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr("pixelnet_edu.commands.check_dataset", fault)
    assert call("data", "check", "voc", "--root", ".") == 1
    error = capsys.readouterr().err
    assert error.startswith("pixelnet: a fault of this program: ZeroDivisionError: of ours; --debug")
    assert error.count("\n") == 1
