"""Records are whole, checked and never replaced."""

import json

import pytest

from pixelnet_edu.experiments.records import (
    VARIABLE,
    Record,
    made_with,
    read_record,
    read_records,
    recorded_settings,
    write_record,
)

RECORD = Record(
    "table1",
    "uniform-4",
    2,
    {"task": "segmentation", "data": "rooms", "name": "laptop", "training": {"steps": 6}},
    [{"step": 6, "scores": {"miou": 0.5, "iou": [0.5, None]}}],
    [[3, 1.5], [6, 1.25]],
    {"device": "cpu", "threads": 1},
    {"date": "2026-01-01", "seconds": [1.5]},
)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "setting" / "uniform-4-seed2.json"
    write_record(path, RECORD)
    return path


def test_record_comes_back_as_it_was(path):
    assert read_record(path) == RECORD
    assert read_records(path.parent) == [RECORD]
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_second_writer_is_refused_and_the_first_record_stays(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="found a record already, expected none; it was left as it is"):
        write_record(path, RECORD)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def edited(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_edited_record_is_refused(path):
    edited(path, lambda content: content["readings"][0]["scores"].update(miou=0.9))
    with pytest.raises(ValueError, match=r"seed2.json: found an edited record, its checksum does not fit"):
        read_record(path)


def test_edited_timing_is_refused_too(path):
    edited(path, lambda content: content["timing"].update(seconds=[0.1]))
    with pytest.raises(ValueError, match="edited record"):
        read_record(path)


def test_other_spacing_is_no_edit(path):
    edited(path, lambda content: None)
    assert read_record(path) == RECORD


def test_older_schema(path):
    edited(path, lambda content: content.update(schema=0))
    with pytest.raises(ValueError, match="found schema 0, expected 1"):
        read_record(path)


@pytest.mark.parametrize("keep", [0, 1, 100, -3])
def test_truncated_record(path, keep):
    path.write_text(path.read_text()[:keep])
    with pytest.raises(ValueError, match="found no whole record"):
        read_record(path)


@pytest.mark.parametrize("text", ["[]", "3", '"record"', "{}", "null"])
def test_other_json(path, text):
    path.write_text(text)
    with pytest.raises(ValueError, match="found no whole record"):
        read_record(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(seed="2"), "seed: found str, expected int"),
        (lambda c: c.update(more=1), r"found other fields than a record's \(more\)"),
        (lambda c: c.pop("loss"), r"found other fields than a record's \(loss\)"),
        (lambda c: c.update(readings=[]), r"readings: found \[\] of miou"),
        (lambda c: c.update(readings=[{"step": 3}]), r"found no whole record .KeyError"),
    ],
)
def test_content_of_other_types(path, change, message):
    from pixelnet_edu.experiments.records import _checksum

    def change_and_sign(content):
        content.pop("checksum")
        change(content)
        content["checksum"] = _checksum(content)

    edited(path, change_and_sign)
    with pytest.raises(ValueError, match=message):
        read_record(path)


def test_missing_records(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none.json: no such record"):
        read_record(tmp_path / "none.json")
    with pytest.raises(FileNotFoundError, match=r"found no record, expected ARM-seedK\.json"):
        read_records(tmp_path)


@pytest.mark.parametrize("name", ["uniform-4-seed5.json", "uniform-4-seed2 (1).json", "hard-seed2.json"])
def test_a_copy_is_no_new_seed(path, name):
    path.with_name(name).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="found the record of uniform-4-seed2"):
        read_records(path.parent)


def test_settings_are_found_by_their_folders(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    for setting in ("segmentation-voc-aug-laptop", "edges-rooms-laptop", "edges-rooms-paper"):
        write_record(tmp_path / "table1" / setting / "uniform-4-seed2.json", RECORD)
    (tmp_path / "table1" / "normals-rooms-laptop").mkdir()
    assert recorded_settings("table1") == [("edges", "rooms"), ("segmentation", "voc-aug")]


def test_unknown_score():
    with pytest.raises(ValueError, match="score: found 'ods', expected one of miou, iou"):
        RECORD.score("ods")


def test_record_says_what_it_is_made_with():
    made = made_with(threads=3)
    assert made.keys() == {"device", "threads", "versions", "commit"}
    assert made["threads"] == 3
