"""Records that are damaged, edited, copied, or signed but impossible: `report` and `reproduce` say so in one line."""

import json
import pickle
import shutil

import pytest
from calling import call
from test_bad_checkpoints import HOSTILE

from pixelnet_edu.experiments.records import SHIPPED, _checksum, read_record, read_records

SETTING = "table4/segmentation-rooms-laptop"
NAME = "1x40000-seed0.json"


@pytest.fixture
def records(tmp_path):
    """Copy a few records of the package; return the folder that commands take."""
    folder = tmp_path / "records" / SETTING
    folder.mkdir(parents=True)
    for arm in ("1x40000", "5x2000"):
        for seed in (0, 1):
            shutil.copy(SHIPPED / SETTING / f"{arm}-seed{seed}.json", folder)
    return tmp_path / "records"


def rewrite(path, change, signed=True):
    content = json.loads(path.read_text())
    content = change(content) or content
    content.pop("checksum", None)
    path.write_text(json.dumps(content | {"checksum": _checksum(content) if signed else "0" * 64}))


def put(*place, value):
    """Return what changes one entry of a record; ... removes it."""

    def change(content):
        for key in place[:-1]:
            content = content[key]
        if value is ...:
            del content[place[-1]]
        else:
            content[place[-1]] = value

    return change


SIGNED = {
    "score in per cent": put("readings", -1, "scores", "miou", value=57.0),
    "score infinite": put("readings", -1, "scores", "miou", value=float("inf")),
    "score negative": put("readings", -1, "scores", "miou", value=-0.5),
    "score a text": put("readings", -1, "scores", "miou", value="good"),
    "score missing": put("readings", -1, "scores", "miou", value=...),
    "scores a list": put("readings", -1, "scores", value=[]),
    "no readings": put("readings", value=[]),
    "reading a number": put("readings", 0, value=3),
    "step a text": put("readings", 0, "step", value="3"),
    "recipe empty": put("recipe", value={}),
    "recipe without training": put("recipe", "training", value=...),
    "recipe of another task": put("recipe", "task", value="colours"),
    "rate -1": put("recipe", "training", "learning_rate", value=-1),
    "timing without seconds": put("timing", "seconds", value=...),
    "seconds a number": put("timing", "seconds", value=3),
    "arm with escapes": put("arm", value="\x1b[31mred"),
    "arm a path": put("arm", value="../../x"),
    "seed a text": put("seed", value="0"),
    "schema 99": put("schema", value=99),
    "field more": put("more", value=1),
    "field less": put("loss", value=...),
    "experiment a number": put("experiment", value=4),
}


@pytest.mark.parametrize("case", SIGNED)
def test_a_signed_but_impossible_record_is_named(records, refused, case):
    path = records / SETTING / NAME
    rewrite(path, SIGNED[case])
    line = refused("report", "table4", "--records", records)
    assert NAME in line
    assert "\x1b" not in line


FILES = {
    "empty": lambda path: path.write_text(""),
    "half": lambda path: path.write_text(path.read_text()[: path.stat().st_size // 2]),
    "a list": lambda path: path.write_text("[]"),
    "null": lambda path: path.write_text("null"),
    "deep": lambda path: path.write_text("[" * 100_000),
    "bytes": lambda path: path.write_bytes(b"\xff\xfe\x00"),
    "html": lambda path: path.write_text("<html>"),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "unsigned": lambda path: rewrite(path, put("seed", value=0), signed=False),
    "edited": lambda path: path.write_text(path.read_text().replace('"seed": 0', '"seed": 7', 1)),
    "pickle": lambda path: path.write_bytes(pickle.dumps({})),
}


@pytest.mark.parametrize("case", FILES)
def test_a_damaged_record_is_named(records, refused, case):
    FILES[case](records / SETTING / NAME)
    assert NAME in refused("report", "table4", "--records", records)


@pytest.mark.parametrize(
    "name", ["1x40000-seed5.json", "1x40000-seed0 (1).json", "5x2000-seed7.json", "1x40000-seed00.json"]
)
def test_a_copy_is_no_new_seed(records, refused, name):
    shutil.copy(records / SETTING / NAME, records / SETTING / name)
    assert "a copy is no new seed" in refused("report", "table4", "--records", records)


@pytest.mark.parametrize("name", ["._1x40000-seed0.json", ".DS_Store", "notes.txt", "table.png"])
def test_other_files_are_left_alone(records, name):
    (records / SETTING / name).write_bytes(b"\0\5\x16\7")
    assert len(read_records(records / SETTING)) == 4


@pytest.mark.parametrize("kind", HOSTILE)
def test_nothing_in_a_records_folder_is_executed(records, tmp_path, kind):
    mark = tmp_path / "executed"
    for name in (NAME, "1x40000-seed3.json", "1x40000-seed3/config.json", "1x40000-seed3/readings.json"):
        (records / SETTING / name).parent.mkdir(exist_ok=True)
        HOSTILE[kind](records / SETTING / name, mark)
        assert call("report", "table4", "--records", records) == 2
        if "seed3" in name:
            assert call("reproduce", "table4", "--arms", "1x40000", "--seeds", "3,", "--records", records) == 2
        assert not mark.exists()


def test_a_good_record_is_read(records):
    assert read_record(records / SETTING / NAME).seed == 0
