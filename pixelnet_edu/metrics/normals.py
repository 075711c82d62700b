"""Angular errors of surface normals, pooled over all valid pixels of all images.

Source: the protocol used on NYU Depth v2 (the released code of Marr Revisited, CVPR 2016): both vectors made unit
length, the angle between them in degrees, then mean, median, root mean square, and the share of pixels strictly below
11.25, 22.5 and 30 degrees.

Shapes: B images, H x W pixels, M valid pixels of all images together.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

THRESHOLDS = {"within_11_25": 11.25, "within_22_5": 22.5, "within_30": 30.0}
_BINS = np.concatenate([np.arange(0, 30, 0.5), np.arange(30, 181, 5)])  # borders, in degrees


class NormalErrors:
    """Collect the angular error of every valid pixel, image after image; then score.

    Examples
    --------
    >>> errors = NormalErrors()
    >>> up, ahead = torch.tensor([0.0, -1, 0]).view(1, 3, 1, 1), torch.tensor([0.0, 0, -1]).view(1, 3, 1, 1)
    >>> errors.update(up, ahead, torch.ones(1, 1, 1, dtype=torch.bool))
    >>> errors.scores()["mean"]
    90.0
    """

    def __init__(self) -> None:
        self.degrees: list[Tensor] = []

    def update(self, predictions: Tensor, targets: Tensor, valid: Tensor) -> None:
        """Add predicted and true normals (B, 3, H, W) at the valid pixels (B, H, W).

        Raises
        ------
        ValueError
            For unequal shapes, or a normal at a valid pixel that is not finite.
        """
        if predictions.shape != targets.shape or valid.shape != targets[:, 0].shape:
            shapes = [tuple(t.shape) for t in (predictions, valid, targets, targets[:, 0])]
            raise ValueError(f"predictions, valid: found shapes {shapes[:2]}, expected {shapes[2:]}")
        valid = valid.bool()
        if not (predictions.isfinite().all(1) & targets.isfinite().all(1))[valid].all():
            raise ValueError("predictions, targets: found a normal that is not finite, expected unit vectors")
        cosine = (F.normalize(predictions.double(), dim=1) * F.normalize(targets.double(), dim=1)).sum(1)
        self.degrees.append(cosine[valid].clamp(-1, 1).acos().rad2deg().float().cpu())

    def scores(self) -> dict:
        """Return ``mean``, ``median``, ``rmse`` in degrees, and ``within_11_25``, ``_22_5``, ``_30`` in per cent.

        Raises
        ------
        ValueError
            If no pixel was valid.
        """
        degrees = torch.cat(self.degrees) if self.degrees else torch.empty(0)
        if not len(degrees):
            raise ValueError("valid: found no valid pixel in any image, expected at least one; check the masks")
        middle = degrees.kthvalue((len(degrees) + 1) // 2)[0], degrees.kthvalue(len(degrees) // 2 + 1)[0]
        mean, rmse = degrees.double().mean(), degrees.double().square().mean().sqrt()
        scores = {"mean": float(mean), "median": float(sum(middle) / 2), "rmse": float(rmse)}
        return scores | {name: 100 * float((degrees < t).double().mean()) for name, t in THRESHOLDS.items()}

    def image_counts(self) -> np.ndarray:
        """Return for each update how many pixels have errors in each bin of 0.5 or 5 degrees, (M, bins)."""
        return np.stack([np.histogram(degrees.numpy(), _BINS)[0] for degrees in self.degrees])


def pooled_median(counts: np.ndarray) -> np.ndarray:
    """Return the median, in degrees, of sums of `NormalErrors.image_counts`, on a straight line within a bin.

    Examples
    --------
    >>> counts = np.zeros(len(_BINS) - 1, dtype=int)
    >>> counts[14] = 4  # four pixels between 7 and 7.5 degrees
    >>> float(pooled_median(counts))
    7.25
    """
    below = counts.cumsum(-1)
    half = below[..., -1:] / 2
    bin_ = (below < half).sum(-1, keepdims=True)
    here, until = (np.take_along_axis(values, bin_, -1) for values in (counts, below))
    share = 1 - (until - half) / np.maximum(here, 1)
    return (_BINS[bin_] + share * np.diff(_BINS)[bin_])[..., 0]


def normal_scores(predictions: Tensor, targets: Tensor, valid: Tensor) -> dict:
    """Score predicted normals (B, 3, H, W) against true ones at the valid pixels (B, H, W).

    Returns
    -------
    dict
        ``mean``, ``median``, ``rmse`` in degrees; ``within_11_25``, ``within_22_5``, ``within_30`` in per cent.

    Examples
    --------
    >>> n = torch.tensor([0.0, 0.6, -0.8]).view(1, 3, 1, 1)
    >>> normal_scores(2 * n, n, torch.ones(1, 1, 1, dtype=torch.bool))["within_11_25"]
    100.0
    """
    errors = NormalErrors()
    errors.update(predictions, targets, valid)
    return errors.scores()
