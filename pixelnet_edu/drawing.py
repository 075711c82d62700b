"""Drawing pixels without replacement from every stratum of every image at once.

Shapes: B images, S strata, H x W pixels, n points an image, G = B * (S + 1) groups: the strata of each image, and void.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu.allocation import VOID, count_strata


class PixelSample(NamedTuple):
    """Drawn pixels: ``points`` (B, n, 2) as (x, y), and the inclusion ``probabilities`` (B, n) of each."""

    points: Tensor
    probabilities: Tensor


def draw(strata: Tensor, quotas: Tensor, generator: torch.Generator | None) -> PixelSample:
    """Draw ``quotas`` (B, S) pixels of each stratum of each map (B, H, W), every subset equally likely.

    Each pixel has a random key; a stratum gives its pixels of the smallest keys. Sorting them all would be slow, so
    only keys that can be among the smallest are sorted.
    """
    B, S = quotas.shape
    sizes = count_strata(strata, S)
    first_group = torch.arange(B, device=strata.device).view(B, 1, 1) * (S + 1)
    group = (strata.where(strata != VOID, S) + first_group).flatten()
    key = uniform_like(strata, generator).flatten()
    enough = (quotas + 8 * quotas.sqrt() + 32) / sizes.clamp(min=1)
    chosen = _smallest(group, key, quotas, enough)
    if len(chosen) < quotas.sum():  # one chance in 10^12; then all keys are sorted
        chosen = _smallest(group, key, quotas, torch.full_like(enough, 2.0))
    chosen = chosen.view(B, -1) % (strata.shape[1] * strata.shape[2])
    probabilities = F.pad(quotas / sizes.clamp(min=1), (0, 1)).gather(
        1, strata.flatten(1).gather(1, chosen).clamp(max=S)
    )
    return PixelSample(points_of(chosen, strata.shape[2]), probabilities.float())


def _smallest(group: Tensor, key: Tensor, quotas: Tensor, threshold: Tensor) -> Tensor:
    """Return the flat indices of each group's ``quotas`` smallest keys, looking only at keys below its threshold."""
    limit = F.pad(threshold, (0, 1)).flatten().to(key.dtype)  # the last group of an image, void, has limit 0
    candidates = (key < limit[group]).nonzero().squeeze(1)
    candidates = candidates[(group[candidates] + key[candidates].double()).argsort()]
    groups = group[candidates]
    sizes = groups.bincount(minlength=len(limit))
    rank = torch.arange(len(groups), device=groups.device) - (sizes.cumsum(0) - sizes)[groups]
    return candidates[rank < F.pad(quotas, (0, 1)).flatten()[groups]]


def points_of(indices: Tensor, width: int) -> Tensor:
    """Turn row-major pixel indices (B, n) into points (B, n, 2)."""
    return torch.stack([indices % width, indices // width], -1).float()


def uniform_like(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw a random number in [0, 1) for each entry, on the generator's device, then move it."""
    device = like.device if generator is None else generator.device
    return torch.rand(like.shape, generator=generator, device=device).to(like.device)


def read_at(maps: Tensor, points: Tensor) -> Tensor:
    """Read maps (B, H, W, ...) at integer points (B, n, 2)."""
    x, y = points.long().unbind(-1)
    return maps[torch.arange(len(maps), device=maps.device)[:, None], y, x]
