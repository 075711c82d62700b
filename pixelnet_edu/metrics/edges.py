"""Precision and recall of edge probabilities, pixel by pixel, with no tolerance for misplaced edges.

A quick score for training. The boundary benchmark (Arbelaez et al., TPAMI 2011) thins the edges and forgives small
displacements, so its numbers are higher and not comparable with these.

Shapes: B images, H x W pixels, T thresholds.
"""

import torch
from torch import Tensor

BINS = 1000


class PixelPrecisionRecall:
    """Collect how many edge and other pixels have each probability, image after image; then score.

    Examples
    --------
    >>> curve = PixelPrecisionRecall()
    >>> curve.update(torch.tensor([0.9, 0.8, 0.1]), torch.tensor([1, 0, 0]))
    >>> curve.scores()["best_f"]
    1.0
    """

    def __init__(self) -> None:
        self.counts = torch.zeros(2, BINS, dtype=torch.int64)  # pixels by (target, probability bin)

    def update(self, probabilities: Tensor, targets: Tensor) -> None:
        """Add probabilities in [0, 1] and targets 0, 1 or 255 (void) of equal shape."""
        bins = (probabilities * BINS).long().clamp(0, BINS - 1)
        for target in (0, 1):
            self.counts[target] += bins[targets == target].cpu().bincount(minlength=BINS)

    def scores(self) -> dict:
        """Return ``best_f``, its ``threshold``, and ``average_precision``, the area under precision against recall."""
        false, true = self.counts.flip(1).cumsum(1).double()  # pixels at or above each threshold, from 1 down to 0
        precision, recall = true / (true + false).clamp(min=1), true / true[-1].clamp(min=1)
        f = 2 * precision * recall / (precision + recall).clamp(min=1e-12)
        step = recall.diff(prepend=torch.zeros(1, dtype=recall.dtype))
        best = int(f.argmax())
        return {
            "best_f": float(f[best]),
            "threshold": 1 - (best + 1) / BINS,
            "average_precision": float((precision * step).sum()),
        }
