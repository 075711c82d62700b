"""Shares and thinness of classes: against a loop over pixels, by hand, and the records on the real labels."""

import json
import math

import pytest
import torch
import trees
from calling import call

from pixelnet_edu.experiments.studies.shapes import class_shapes, make_record, recorded_shapes


def by_loop(labels, k):
    """Return the share of a class and its IoU when it is a pixel too wide, pixel by pixel."""
    height, width = labels.shape
    true = wide = 0
    for y in range(height):
        for x in range(width):
            around = labels[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
            true += int(labels[y, x] == k)
            wide += int(bool((around == k).any()) and labels[y, x] != 255)
    return true / int((labels != 255).sum()), true / wide if wide else math.nan


def test_shapes_are_those_of_a_loop():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 3, (13, 17), generator=generator).repeat_interleave(3, 1)
    labels[4:6] = 255
    found = class_shapes([labels], 4)
    for k in range(3):
        assert (found["share"][k], found["wide_iou"][k]) == pytest.approx(by_loop(labels, k))
    assert found["share"][3] == 0
    assert math.isnan(found["wide_iou"][3])


def test_images_of_several_sizes_are_pooled():
    one, other = torch.zeros(5, 5, dtype=torch.int64), torch.ones(3, 10, dtype=torch.int64)
    found = class_shapes([one, other], 2)
    assert found == {"share": pytest.approx([25 / 55, 30 / 55]), "wide_iou": [1.0, 1.0]}


def test_a_void_border_forgives_a_pixel():
    labels = torch.zeros(20, 20, dtype=torch.int64)
    labels[5:15, 5:15] = 255
    labels[6:14, 6:14] = 1
    assert class_shapes([labels], 2)["wide_iou"] == [1.0, 1.0]


def test_void_alone_is_an_error():
    with pytest.raises(ValueError, match="labels: found no pixel with a class"):
        class_shapes([torch.full((4, 4), 255)], 2)


def test_command_writes_the_record_and_errors_are_one_line(tmp_path, monkeypatch, capsys):
    trees.camvid(tmp_path)
    out = tmp_path / "new" / "shapes.json"
    study = ["study", "shapes", "--data", "camvid", "--out", out, "--root"]
    assert call(*study, tmp_path / "CamVid") == 0
    assert capsys.readouterr().out == f"3 train and 2 test label maps\nwrote {out}\n"
    assert json.loads(out.read_text())["train"]["images"] == 3
    assert call(*study, tmp_path / "none") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_records_are_whole():
    for data in ("camvid", "voc"):
        record = recorded_shapes(data)
        for split in ("train", "test"):
            assert sum(record[split]["share"]) == pytest.approx(1, abs=1e-3)
            assert len(record[split]["wide_iou"]) == len(record["classes"])
    with pytest.raises(ValueError, match="data: found 'mars', expected one of camvid, voc"):
        recorded_shapes("mars")


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(("data", "folder"), [("camvid", "camvid"), ("voc", "voc2012_small")])
def test_the_record_is_what_the_labels_give(data_root, data, folder):
    found, record = make_record(data, data_root / folder), recorded_shapes(data)
    for split in ("train", "test"):
        assert found[split]["share"] == record[split]["share"]
