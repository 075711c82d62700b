"""What the paper printed, as far as it could be recovered, to stand beside what is measured here.

Source: tables 1 and 4 of PixelNet (arXiv 1702.06506), segmentation of PASCAL VOC 2012 and normals of NYUv2, copied
from a slide review of the paper; the paper itself was not at hand. The other experiments' numbers were not recovered.
"""

SOURCE = "paper: PixelNet (arXiv 1702.06506), VOC 2012 and NYUv2, from a slide review of it"


def _normals(*values: float) -> dict[str, tuple[float]]:
    """Name the scores of a row about normals, at the last reading."""
    names = ("mean", "median", "rmse", "within_11_25", "within_22_5", "within_30")
    return {name: (value,) for name, value in zip(names, values, strict=True)}


_ROWS = {  # a score's values are those of the readings, one after the other
    ("table1", "segmentation", "all-pixels"): {"miou": (44.4,)},
    ("table1", "segmentation", "uniform-4"): {"miou": (44.6,)},
    ("table4", "segmentation", "1x40000"): {"miou": (7.9, 15.5)},
    ("table4", "segmentation", "5x2000"): {"miou": (38.4, 47.9)},
    ("table1", "normals", "all-pixels"): _normals(25.6, 19.9, 32.5, 29.1, 54.9, 66.8),
    ("table1", "normals", "uniform-4"): _normals(25.7, 20.1, 32.5, 28.9, 54.7, 66.7),
    ("table4", "normals", "1x40000"): _normals(24.8, 19.5, 31.6, 29.7, 56.1, 68.5),
    ("table4", "normals", "5x2000"): _normals(23.4, 17.2, 30.5, 33.9, 60.6, 71.8),
}


_READ = {  # after which training, as far as it is known, in the order of the readings
    ("table1", "segmentation"): ("10 epochs",),
    ("table1", "normals"): ("10k steps",),
    ("table4", "segmentation"): ("10k steps", "20k steps"),
}


def paper_reading(experiment: str, task: str, from_last: int = 0) -> str:
    """Return when the paper read its score, such as "20k steps"; "" where that is not known.

    Examples
    --------
    >>> paper_reading("table4", "segmentation", from_last=1)
    '10k steps'
    """
    read = _READ.get((experiment, task), ())
    return read[-1 - from_last] if from_last < len(read) else ""


def paper_value(experiment: str, task: str, arm: str, score: str, from_last: int = 0) -> float | None:
    """Return the paper's number, or None where it has none or it was not recovered.

    Parameters
    ----------
    experiment, task, arm, score : str
    from_last : int
        Which reading: 0 for the last, 1 for the one before.

    Examples
    --------
    >>> paper_value("table4", "segmentation", "5x2000", "miou", from_last=1)
    38.4
    """
    values = _ROWS.get((experiment, task, arm), {}).get(score, ())
    return values[-1 - from_last] if from_last < len(values) else None
