"""How much of a score comes from frames that a split of a video has on both sides.

A program that learns nothing copies the labels of the stored frame that looks most alike. What it scores with one
split of the frames, and with another, tells how much of the test the training frames give away.
Data: CamVid (Brostow et al., Pattern Recognition Letters 2009), filmed at 30 frames a second; its file names carry the
sequence and the number of the frame. The official split is that of SegNet.

    pixelnet study leak --root camvid --out camvid-leak.json

Shapes: N frames, T of them tested, K classes, H x W pixels, h x w pixels of a thumbnail.
"""

import json
import re
from collections import Counter
from itertools import compress
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.data.camvid import CamVid
from pixelnet_edu.metrics import ConfusionMatrix
from pixelnet_edu.training.runs import RECORDS, provenance

RECORD = RECORDS / "leak" / "camvid.json"
THUMBNAIL = (18, 24)
FRAMES_PER_SECOND = 30
GAPS = (30, 60, 150, 300, 900)  # frames: 1, 2, 5, 10 and 30 seconds
SEEDS = 5


class Frames(NamedTuple):
    """Labelled frames of videos.

    Parameters
    ----------
    thumbnails : Tensor (N, 3 h w)
    labels : Tensor (N, H, W) uint8
        255 for void.
    sequences : list of N str
    numbers, is_test : Tensor (N,)
        The number of the frame in its sequence; whether the official split tests it.
    """

    thumbnails: Tensor
    labels: Tensor
    sequences: list[str]
    numbers: Tensor
    is_test: Tensor


def place_of(name: str) -> tuple[str, int]:
    """Return the sequence and the number of a frame of CamVid.

    Raises
    ------
    ValueError
        For another name.

    Examples
    --------
    >>> place_of("0006R0_f00930"), place_of("0016E5_07959")
    (('0006R0', 930), ('0016E5', 7959))
    """
    found = re.fullmatch(r"([0-9A-Za-z]+)_f?([0-9]+)", name)
    if not found:
        raise ValueError(f"name: found {name!r}, expected a sequence and a frame as in 0016E5_07959; take CamVid's own")
    return found[1], int(found[2])


def thumbnails_of(images: Tensor, size: tuple[int, int] = THUMBNAIL) -> Tensor:
    """Reduce images (N, 3, H, W) to the numbers of small ones, (N, 3 h w).

    Examples
    --------
    >>> thumbnails_of(torch.rand(5, 3, 48, 64)).shape
    torch.Size([5, 1296])
    """
    return F.interpolate(images, size, mode="bilinear", antialias=True).flatten(1)


def nearest_frames(queries: Tensor, stored: Tensor, allowed: Tensor) -> Tensor:
    """For each query find the stored frame that looks most alike, among those that it may use.

    Parameters
    ----------
    queries : Tensor (T, D)
        Thumbnails of the tested frames.
    stored : Tensor (N, D)
        Thumbnails of the others.
    allowed : Tensor (T, N) bool

    Returns
    -------
    Tensor (T,)
        Indices of stored frames at the least Euclidean distance; of several, the first.

    Raises
    ------
    ValueError
        If a query may use none.

    Examples
    --------
    >>> frames = torch.tensor([[0.0], [1.0], [3.0]])
    >>> nearest_frames(frames, frames, ~torch.eye(3, dtype=torch.bool))
    tensor([1, 0, 1])
    """
    empty = (~allowed.any(1)).nonzero()
    if len(empty):
        raise ValueError(f"allowed: found no frame that query {int(empty[0])} may use, expected one; allow more")
    apart = torch.cdist(queries.double(), stored.double())
    return apart.masked_fill(~allowed, torch.inf).argmin(1)


def score_copies(labels: Tensor, tested: Tensor, copied: Tensor, num_classes: int) -> dict:
    """Score the labels of some frames as predictions of others.

    Where the copied frame is void, its commonest class stands in.

    Parameters
    ----------
    labels : Tensor (N, H, W)
        255 for void.
    tested, copied : Tensor (T,)
        Indices of frames: whose labels are to be predicted, and whose are the prediction.

    Returns
    -------
    dict
        ``miou``, ``accuracy`` and ``iou`` of all tested frames together.

    Examples
    --------
    >>> labels = torch.tensor([[[0, 1, 1]], [[0, 0, 1]]])
    >>> score_copies(labels, torch.tensor([0]), torch.tensor([1]), num_classes=2)["miou"]
    0.5
    """
    matrix = ConfusionMatrix(num_classes)
    for test, copy in zip(tested.tolist(), copied.tolist(), strict=True):
        commonest = int(labels[copy].flatten().bincount(minlength=256)[:num_classes].argmax())
        matrix.update(labels[copy].masked_fill(labels[copy] == VOID, commonest), labels[test])
    return matrix.scores()


def allowed_by_gap(sequences: list[str], numbers: Tensor, gap: int | None) -> Tensor:
    """Allow all frames of other sequences, and those of the same one that are at least ``gap`` frames away.

    Parameters
    ----------
    sequences : list of N str
    numbers : Tensor (N,)
    gap : int, optional
        At least 1; None leaves the same sequence out altogether.

    Returns
    -------
    Tensor (N, N) bool
        Row by tested frame.

    Examples
    --------
    >>> allowed_by_gap(["a", "a", "b"], torch.tensor([0, 30, 30]), 60).int().tolist()
    [[0, 0, 1], [0, 0, 1], [1, 1, 0]]
    """
    index = {name: k for k, name in enumerate(dict.fromkeys(sequences))}
    ids = torch.tensor([index[name] for name in sequences])
    other = ids[:, None] != ids
    return other if gap is None else other | ((numbers[:, None] - numbers).abs() >= gap)


def read_frames(root: str | Path) -> Frames:
    """Read the train and the test frames of CamVid.

    Raises
    ------
    FileNotFoundError, ValueError
        If something is missing, unreadable, of several sizes, or named in another way.
    """
    read = [
        (thumbnails_of(sample["image"][None]), sample["labels"].byte(), *place_of(sample["name"]), split == "test")
        for split in ("train", "test")
        for sample in CamVid(root, split)
    ]
    thumbnails, labels, sequences, numbers, is_test = zip(*read, strict=True)
    sizes = {tuple(label.shape) for label in labels}
    if len(sizes) > 1:
        raise ValueError(f"{root}: found frames of sizes {sorted(sizes)}, expected one size; take the original files")
    numbers, is_test = torch.tensor(numbers), torch.tensor(is_test)
    return Frames(torch.cat(thumbnails), torch.stack(labels), list(sequences), numbers, is_test)


def measure(frames: Frames) -> dict:
    """Score copies of the nearest frame with the official split, with random ones, and by the gap in time.

    ``any_frame`` is the control: copies of a random training frame.
    """
    test, gaps = frames.is_test, []
    fifth = torch.zeros_like(test)
    fifth[(~test).nonzero()[::5]] = True
    for gap in (*GAPS, None):
        allowed = allowed_by_gap(frames.sequences, frames.numbers, gap)
        seconds = None if gap is None else gap / FRAMES_PER_SECOND
        gaps.append({"seconds": seconds} | _scores(frames, allowed, torch.ones_like(test)))
    return {
        "official": _scores(frames, ~test, test) | {"by_sequence": _by_sequence(frames)},
        "random": [_random(frames, seed) for seed in range(SEEDS)],
        "every_fifth_of_train": _scores(frames, ~(fifth | test), fifth),
        "gaps": gaps,
    }


def _random(frames: Frames, seed: int) -> dict:
    """Test as many frames as the official split does, drawn at random from all."""
    order = torch.randperm(len(frames.is_test), generator=torch.Generator().manual_seed(seed))
    tested = torch.zeros_like(frames.is_test)
    tested[order[: frames.is_test.sum()]] = True
    return {"seed": seed} | _scores(frames, ~tested, tested, seed)


def _by_sequence(frames: Frames) -> dict:
    """Score the tested frames of each sequence alone."""
    names = dict.fromkeys(compress(frames.sequences, frames.is_test))
    masks = {name: torch.tensor([s == name for s in frames.sequences]) & frames.is_test for name in names}
    return {name: _scores(frames, ~frames.is_test, mask) for name, mask in masks.items()}


def _scores(frames: Frames, allowed: Tensor, is_tested: Tensor, seed: int = 0) -> dict:
    """Score copies of the nearest frame, and of any, of those that are allowed for all (N,), or for each (N, N)."""
    tested = is_tested.nonzero()[:, 0]
    allowed = allowed.expand(len(is_tested), -1)[tested]
    nearest = nearest_frames(frames.thumbnails[tested], frames.thumbnails, allowed)
    anyone = torch.multinomial(allowed.double(), 1, generator=torch.Generator().manual_seed(seed))[:, 0]
    scores = score_copies(frames.labels, tested, nearest, CamVid.num_classes)
    same = [frames.sequences[a] == frames.sequences[b] for a, b in zip(tested, nearest, strict=True)]
    return {
        "tested": len(tested),
        "miou": round(scores["miou"], 4),
        "accuracy": round(scores["accuracy"], 4),
        "same_sequence": round(sum(same) / len(same), 4),
        "any_frame": round(score_copies(frames.labels, tested, anyone, CamVid.num_classes)["miou"], 4),
    }


def make_record(data: str, root: str | Path) -> dict:
    """Measure CamVid at ``root``, and say what was measured with which versions; errors as of `read_frames`."""
    if data != "camvid":
        raise ValueError(f"data: found {data!r}, expected camvid, whose names tell the time of a frame")
    frames = read_frames(root)
    splits = {"train": ~frames.is_test, "test": frames.is_test}
    counts = {split: dict(Counter(compress(frames.sequences, of))) for split, of in splits.items()}
    about = {"experiment": "leak", "data": data, "size": list(frames.labels.shape[1:]), "thumbnail": list(THUMBNAIL)}
    return about | {"frames": counts} | measure(frames) | provenance()


def recorded_leak() -> dict:
    """Return the record that the package ships, made from photographs of half the usual size.

    Examples
    --------
    >>> recorded_leak()["frames"]["test"]
    {'0001TP': 62, 'Seq05VD': 171}
    """
    return json.loads(RECORD.read_text())


def summary(record: dict) -> str:
    """Say the main numbers of a record in one line."""
    random = [found["miou"] for found in record["random"]]
    official, mean = record["official"]["miou"], sum(random) / len(random)
    return f"mIoU of copies: official split {official:.3f}, random split {mean:.3f}"
