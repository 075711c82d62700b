"""Copies of the nearest frame: by hand, on a small video, and the record on the real one."""

import numpy as np
import pytest
import torch
from calling import call
from PIL import Image

from pixelnet_edu.experiments.studies.leak import (
    FRAMES_PER_SECOND,
    Frames,
    allowed_by_gap,
    make_record,
    measure,
    nearest_frames,
    place_of,
    read_frames,
    recorded_leak,
    score_copies,
    thumbnails_of,
)


def write_video(root, size=(18, 24)):
    """Write two drives of CamVid's layout; a frame resembles its neighbours in time, picture and labels alike."""
    for split, sequence, numbers in (
        ("train", "0001AB", range(0, 300, 30)),
        ("train", "0002CD", range(0, 600, 30)),
        ("test", "0001AB", range(300, 600, 30)),
    ):
        for number in numbers:
            labels = np.full(size, 3 if sequence == "0001AB" else 6, np.uint8)
            labels[:, : number // 30 + 1] = 1
            labels[0, 0] = 11
            name = f"{sequence}_{number:05d}.png"
            for folder, array in ((split, np.repeat(labels[..., None] * 20, 3, 2)), (f"{split}annot", labels)):
                (root / folder).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(root / folder / name)
    return root


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / "video")


def test_names_of_frames():
    assert place_of("Seq05VD_f00030") == ("Seq05VD", 30)
    assert place_of("0001TP_008550") == ("0001TP", 8550)
    with pytest.raises(ValueError, match="name: found 'street', expected a sequence and a frame"):
        place_of("street")


def test_nearest_frame_is_the_one_of_a_loop():
    generator = torch.Generator().manual_seed(0)
    thumbnails = thumbnails_of(torch.rand(9, 3, 40, 52, generator=generator))
    allowed = torch.rand(4, 9, generator=generator) < 0.6
    found = nearest_frames(thumbnails[:4], thumbnails, allowed)
    for row in range(4):
        apart = {k: (thumbnails[row] - thumbnails[k]).square().sum().item() for k in range(9) if allowed[row, k]}
        assert found[row] == min(apart, key=apart.get)
    with pytest.raises(ValueError, match="allowed: found no frame that query 1 may use"):
        nearest_frames(thumbnails[:2], thumbnails, torch.tensor([[True] * 9, [False] * 9]))


def test_void_of_a_copy_becomes_its_commonest_class_and_void_of_a_test_does_not_count():
    labels = torch.tensor([[[0, 1, 255, 1]], [[0, 255, 0, 1]]], dtype=torch.uint8)
    scores = score_copies(labels, torch.tensor([0]), torch.tensor([1]), num_classes=2)
    assert scores["iou"] == [0.5, 0.5]  # void is predicted as class 0, which is wrong there
    assert scores["accuracy"] == pytest.approx(2 / 3)


def test_gap_is_symmetric_and_leaves_the_frame_itself_out():
    allowed = allowed_by_gap(["a", "a", "b"], torch.tensor([0, 30, 0]), 30)
    assert allowed.tolist() == [[False, True, True], [True, False, True], [True, True, False]]
    assert allowed_by_gap(["a", "a", "b"], torch.tensor([0, 30, 0]), None)[0].tolist() == [False, False, True]


def test_the_closer_the_frames_the_better_the_copies(video):
    frames = read_frames(video)
    assert frames.labels.shape == (40, 18, 24)
    assert frames.is_test.sum() == 10
    result = measure(frames)
    assert [gap["seconds"] for gap in result["gaps"]] == [1, 2, 5, 10, 30, None]
    scores = [gap["miou"] for gap in result["gaps"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.8 > 0.5 > scores[-1]
    assert min(found["miou"] for found in result["random"]) > result["official"]["miou"]
    assert result["official"]["by_sequence"].keys() == {"0001AB"}


def test_unrelated_frames_leak_nothing():
    """Where neighbours in time are no more alike than others, the gap changes nothing much."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 11, (60, 6, 8), generator=generator).byte()
    sequences, numbers = ["a"] * 30 + ["b"] * 30, torch.arange(30).repeat(2) * FRAMES_PER_SECOND
    result = measure(Frames(torch.rand(60, 12, generator=generator), labels, sequences, numbers, torch.arange(60) > 40))
    scores = [gap["miou"] for gap in result["gaps"]]
    assert max(scores) - min(scores) < 0.02


def test_command_writes_the_record_and_errors_are_one_line(video, tmp_path, monkeypatch, capsys):
    out = tmp_path / "new" / "leak.json"
    study = ["study", "leak", "--out", out, "--root"]
    assert call(*study, video) == 0
    printed = capsys.readouterr().out
    assert "mIoU of copies: official split" in printed
    assert f"wrote {out}" in printed
    assert out.read_text().count('"seed"') == 5
    (video / "test" / "0001AB_00300.png").rename(video / "test" / "street.png")
    (video / "testannot" / "0001AB_00300.png").rename(video / "testannot" / "street.png")
    for arguments, message in (
        ([video], "name: found 'street'"),
        ([tmp_path / "none"], "train: no such folder; expected CamVid"),
        ([video, "--data", "voc"], "data: found 'voc', expected camvid"),
    ):
        assert call(*study, *arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.startswith("pixelnet: ")
        assert error.count("\n") == 1


def test_frames_of_several_sizes_are_named(video):
    for folder in ("train", "trainannot"):
        path = video / folder / "0001AB_00000.png"
        Image.open(path).resize((12, 9), Image.Resampling.NEAREST).save(path)
    with pytest.raises(ValueError, match=r"found frames of sizes \[\(9, 12\), \(18, 24\)\], expected one size"):
        read_frames(video)


@pytest.mark.slow
@pytest.mark.real_data
def test_the_record_is_what_the_photographs_give(data_root):
    record, found = recorded_leak(), make_record("camvid", data_root / "camvid")
    for key in ("experiment", "data", "size", "thumbnail", "frames"):
        assert found[key] == record[key]
    pairs = [(found[key], record[key]) for key in ("official", "every_fifth_of_train")]
    for key in ("random", "gaps"):
        pairs += zip(found[key], record[key], strict=True)
    for ours, stored in pairs:
        for name in ("tested", "miou", "accuracy", "same_sequence", "any_frame"):
            assert ours[name] == pytest.approx(stored[name], abs=0.005)
