"""The boundary benchmark of BSDS500: thinned detections matched one to one with what people drew.

Source: Martin et al., TPAMI 2004, and Arbelaez et al., TPAMI 2011, as their released code computes it. At each of 99
thresholds: keep the pixels at or above it, thin them, and match them one to one, within 0.0075 of the image diagonal,
with the boundaries of each annotator. Recall counts the matched pixels of all annotators; a detection is correct if any
annotator's boundary took it.

Ours: among the matchings with the most pairs the benchmark takes one of least total distance, approximately. We match
the nearest first and then add pairs until there cannot be more. On the benchmark's own five test images precision and
recall differ from its printed ones by less than 0.001.

Shapes: A annotators, H x W pixels, T thresholds.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from pixelnet_edu.metrics.matching import match, partners_within
from pixelnet_edu.metrics.thinning import thin
from pixelnet_edu.stopping import unheard


class BoundaryCurve:
    """Match the boundaries of one image after the other at every threshold; then score.

    Parameters
    ----------
    thresholds : int
        Number T of thresholds, evenly spaced from 1 / (T + 1) to T / (T + 1).
    max_distance : float
        How far apart a detection and its partner may be, as a share of the image diagonal.
    workers : int
        With 1, ``update`` matches before it returns. With more, as many processes match while the caller predicts the
        next image; then a script must make its calls below ``if __name__ == "__main__":``. The scores are the same.

    Raises
    ------
    ValueError
        If there would be no threshold, no worker, or a negative distance.

    Examples
    --------
    >>> drawn = torch.zeros(3, 30, 40, dtype=torch.bool)
    >>> drawn[:, 15] = True
    >>> curve = BoundaryCurve(thresholds=9)
    >>> curve.update(0.55 * drawn[0], drawn)
    >>> curve.scores()["f"]
    [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    """

    def __init__(self, thresholds: int = 99, max_distance: float = 0.0075, workers: int = 1) -> None:
        limits = ("thresholds", thresholds, 1), ("max_distance", max_distance, 0), ("workers", workers, 1)
        for name, value, least in limits:
            if not value >= least:
                raise ValueError(f"{name}: found {value}, expected at least {least}")
        self.thresholds = np.linspace(1 / (thresholds + 1), 1 - 1 / (thresholds + 1), thresholds)
        self.max_distance, self.workers = max_distance, workers
        self._counts: list[np.ndarray | Future] = []
        self._pool: ProcessPoolExecutor | None = None

    def update(self, soft_map: Tensor | np.ndarray, annotations: Tensor | np.ndarray) -> None:
        """Add the soft map of an image (H, W) in [0, 1], or bool, and its annotators' boundaries (A, H, W), bool.

        Raises
        ------
        ValueError
            For unequal sizes, no annotator, annotations that aren't bool, or values outside [0, 1].
        """
        soft_map = torch.as_tensor(soft_map).detach().cpu().double().numpy()
        annotations = torch.as_tensor(annotations).cpu().numpy()
        _check(f"image {len(self._counts)}", soft_map, annotations)
        job = soft_map, annotations, self.thresholds, self.max_distance
        self._counts.append(_count(*job) if self.workers == 1 else self._submit(*job))

    def scores(self) -> dict:
        """Return the scores of all images so far.

        Returns
        -------
        dict
            ``ods``: best F of the summed counts, linearly interpolated between thresholds, and its ``best_threshold``.
            ``ois``: F of the counts summed at each image's own best threshold. ``ap``: area under precision against
            recall, read at recalls 0, 0.01, ..., 1, as 0 outside the measured ones. By threshold: ``thresholds``,
            ``precision``, ``recall``, ``f``, and ``counts``, a dict of ``recalled`` and ``annotated`` pixels of all
            annotators, ``correct`` and ``detected`` pixels. ``images``: each one's best ``threshold``, ``recall``,
            ``precision`` and ``f``. A share of nothing is 0, as in the benchmark: nothing detected is precision 0.

        Raises
        ------
        ValueError
            If no image was added.
        RuntimeError
            If a worker process died; ``update`` may find it first.
        """
        by_image = self._finished()
        total = by_image.sum(0)
        own_best = [counts[:, _shares(counts)[2].argmax()] for counts in by_image]
        recall, precision, f = _shares(total)
        best = _best(self.thresholds, total)
        curve = {"thresholds": self.thresholds, "precision": precision, "recall": recall, "f": f}
        return {
            "ods": best["f"],
            "ois": float(_shares(np.sum(own_best, 0))[2]),
            "ap": _area(recall, precision),
            "best_threshold": best["threshold"],
            **{name: values.tolist() for name, values in curve.items()},
            "counts": dict(zip(("recalled", "annotated", "correct", "detected"), total.tolist(), strict=True)),
            "images": [_best(self.thresholds, counts) for counts in by_image],
        }

    def image_counts(self) -> np.ndarray:
        """Return the counts of each image, in the order of ``scores()["counts"]``, (M, 4 T)."""
        return self._finished().reshape(len(self._counts), -1)

    def _finished(self) -> np.ndarray:
        """Wait for the workers; return the counts of each image, (M, 4, T)."""
        if not self._counts:
            raise ValueError("scores: found no images, expected at least one; call update first")
        with _explained(self.workers):
            self._counts = [counts.result() if isinstance(counts, Future) else counts for counts in self._counts]
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        return np.stack(self._counts)

    def _submit(self, *job: object) -> Future:
        """Hand an image to the workers, at the latest when each has one more waiting."""
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"))
        unfinished = [counts for counts in self._counts if isinstance(counts, Future) and not counts.done()]
        if len(unfinished) >= 2 * self.workers:
            wait(unfinished, return_when=FIRST_COMPLETED)
        with _explained(self.workers), unheard():
            return self._pool.submit(_count, *job)


@contextmanager
def _explained(workers: int) -> Iterator[None]:
    """Say in one line what to do when a worker process died."""
    try:
        yield
    except BrokenProcessPool as error:
        cure = 'pass workers=1, or put the calls of the script below if __name__ == "__main__":'
        raise RuntimeError(f"workers: found a process that died, expected all {workers} to finish; {cure}") from error


def boundary_scores(
    soft_maps: Sequence[Tensor | np.ndarray],
    annotations: Sequence[Tensor | np.ndarray],
    thresholds: int = 99,
    max_distance: float = 0.0075,
    workers: int = 1,
    progress: bool = False,
) -> dict:
    """Score soft boundary maps as the BSDS500 benchmark does.

    Parameters
    ----------
    soft_maps : sequence of (H, W) Tensor or array
        Boundary strength in [0, 1], one map an image, sizes may differ; run ``non_maximum_suppression`` before. One
        annotator's own map measures people against people.
    annotations : sequence of (A, H, W) Tensor or array, bool
        The boundaries that each annotator drew.
    thresholds, max_distance, workers
        As for `BoundaryCurve`, whose ``scores`` this returns: ``ods``, ``ois``, ``ap`` and the curve behind them.
    progress : bool
        Whether to draw a progress bar.

    Raises
    ------
    ValueError
        For unequal numbers of maps and annotations, or none; and as `BoundaryCurve` does.

    Examples
    --------
    >>> drawn = torch.eye(40, dtype=torch.bool)[None]
    >>> scores = boundary_scores([0.8 * drawn[0]], [drawn])
    >>> scores["ods"], round(scores["images"][0]["recall"], 2)
    (1.0, 1.0)
    """
    if len(soft_maps) != len(annotations):
        raise ValueError(f"annotations: found {len(annotations)}, expected {len(soft_maps)}, as many as soft maps")
    curve = BoundaryCurve(thresholds, max_distance, workers)
    images = zip(soft_maps, annotations, strict=True)
    for soft_map, drawn in tqdm(images, total=len(soft_maps), desc="boundaries", disable=not progress, leave=False):
        curve.update(soft_map, drawn)
    return curve.scores()


def pooled_f(counts: np.ndarray) -> np.ndarray:
    """Return the best F at one of the thresholds, of sums of `BoundaryCurve.image_counts`, (..., 4 T) to (...).

    Examples
    --------
    >>> drawn = torch.eye(40, dtype=torch.bool)[None]
    >>> curve = BoundaryCurve(thresholds=3)
    >>> curve.update(0.8 * drawn[0], drawn)
    >>> float(pooled_f(curve.image_counts().sum(0)))
    1.0
    """
    return _shares(np.moveaxis(counts.reshape(*counts.shape[:-1], 4, -1), -2, 0))[2].max(-1)


def _check(image: str, soft_map: np.ndarray, annotations: np.ndarray) -> None:
    """Raise one clear error for a soft map or annotations that cannot be scored."""
    if soft_map.ndim != 2 or annotations.shape[1:] != soft_map.shape:
        found = f"a soft map {soft_map.shape} and annotations {annotations.shape}"
        raise ValueError(f"{image}: found {found}, expected (H, W) and (A, H, W) of one size; resize the soft map")
    if not len(annotations) or annotations.dtype != bool:
        found = f"{len(annotations)} {annotations.dtype} annotations"
        raise ValueError(f"{image}: found {found}, expected at least 1, bool")
    if not ((soft_map >= 0) & (soft_map <= 1)).all():
        found = f"a soft map from {soft_map.min():g} to {soft_map.max():g}"
        raise ValueError(f"{image}: found {found}, expected 0 to 1 without NaN; apply a sigmoid, or divide by 255")


def _count(soft_map: np.ndarray, annotations: np.ndarray, thresholds: np.ndarray, max_distance: float) -> np.ndarray:
    """Return how many pixels of an image are recalled, annotated, correct and detected at each threshold, (4, T)."""
    detections = np.stack([thin(soft_map >= threshold) for threshold in thresholds])
    ever = detections.any(0)
    partners = [partners_within(ever, drawn, max_distance * np.hypot(*ever.shape)) for drawn in annotations]
    counts = np.zeros((4, len(thresholds)), dtype=np.int64)
    for k, chosen in enumerate(detections[:, ever]):
        if k and np.array_equal(detections[k], detections[k - 1]):
            counts[:, k] = counts[:, k - 1]
            continue
        matched = np.stack([match(one[chosen]) for one in partners])
        counts[:, k] = matched.sum(), annotations.sum(), matched.any(0).sum(), chosen.sum()
    return counts


def _shares(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return recall, precision and F of counts (4, ...)."""
    recalled, annotated, correct, detected = counts
    recall, precision = recalled / np.maximum(annotated, 1), correct / np.maximum(detected, 1)
    return recall, precision, _f(recall, precision)


def _f(recall: np.ndarray, precision: np.ndarray) -> np.ndarray:
    """Return the harmonic mean of recall and precision, 0 where both are."""
    return 2 * recall * precision / np.maximum(recall + precision, np.finfo(float).eps)


def _best(thresholds: np.ndarray, counts: np.ndarray) -> dict:
    """Return the best F of counts (4, T), looked for at the benchmark's 100 points from each threshold to the next."""
    recall, precision, _ = _shares(counts)
    known = np.arange(len(thresholds))
    points = np.arange(99 * known[-1] + 1) / 99
    threshold, recall, precision = (np.interp(points, known, values) for values in (thresholds, recall, precision))
    f = _f(recall, precision)
    best = f.argmax()
    names = {"threshold": threshold, "recall": recall, "precision": precision, "f": f}
    return {name: float(values[best]) for name, values in names.items()}


def _area(recall: np.ndarray, precision: np.ndarray) -> float:
    """Return the benchmark's area under precision against recall: 101 points, each 0.01 wide."""
    known, first = np.unique(recall, return_index=True)
    if len(known) == 1:
        return 0.0
    return float(np.interp(np.arange(101) / 100, known, precision[first], left=0, right=0).sum() / 100)
