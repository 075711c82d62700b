"""Drawing pixels without replacement from every stratum of every image at once.

Shapes: B images, S strata, H x W pixels, n points an image.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from pixelnet_edu import VOID

KEY_BITS = 40
MARGIN = (5.0, 10)  # candidates beyond those needed: so many standard deviations, and so many more


class PixelSample(NamedTuple):
    """Drawn pixels: ``points`` (B, n, 2) as (x, y), and the inclusion ``probabilities`` (B, n) of each."""

    points: Tensor
    probabilities: Tensor


def draw(strata: Tensor, sizes: Tensor, quotas: Tensor, generator: torch.Generator | None) -> PixelSample:
    """Draw ``quotas`` (B, S) pixels of each stratum of each map (B, H, W), every subset equally likely.

    A random key for every pixel would cost more than the rest of the sampling. So one random byte a pixel picks a few
    more candidates than are needed, alike within a stratum, and only they get keys.

    Parameters
    ----------
    strata : Tensor (B, H, W)
        The stratum of each pixel; 255 is void.
    sizes, quotas : Tensor (B, S)
        Pixels of each stratum, and how many of them to draw.
    generator : torch.Generator or None
        Where the random numbers come from.
    """
    share = (quotas + MARGIN[0] * quotas.sqrt() + MARGIN[1]) / sizes.clamp(min=1)
    chosen = _draw_among(strata, share * (quotas > 0), quotas, generator)
    if chosen is None:  # hardly ever, by the margin
        chosen = _draw_among(strata, (quotas > 0).double(), quotas, generator)
        assert chosen is not None  # every pixel was a candidate
    probabilities = (quotas / sizes.clamp(min=1)).flatten().repeat_interleave(quotas.flatten())
    return PixelSample(points_of(chosen, strata.shape[2]), probabilities.view(chosen.shape).float())


def _draw_among(strata: Tensor, share: Tensor, quotas: Tensor, generator: torch.Generator | None) -> Tensor | None:
    """Draw from about that share (B, S) of each stratum the indices of pixels (B, n); None where it was too small."""
    pixels, groups = strata[0].numel(), quotas.numel()
    limits = torch.zeros(len(strata), VOID + 1, dtype=torch.uint8, device=strata.device)
    limits[:, : share.shape[1]] = (256 * share).ceil().clamp(max=255).to(torch.uint8)
    limit = limits.gather(1, strata.flatten(1)).flatten()
    candidates = (_random_bytes(limit, generator) < limit).nonzero().squeeze(1)
    image = candidates // pixels
    group = strata.flatten().index_select(0, candidates) + image * share.shape[1]
    spare = group.bincount(minlength=groups) - quotas.flatten()
    if (spare < 0).any():
        return None
    shuffled = _shuffled(group, candidates - image * pixels, groups, pixels, generator)
    skipped = (spare.cumsum(0) - spare).repeat_interleave(quotas.flatten())
    places = torch.arange(len(skipped), device=skipped.device).add_(skipped)
    return shuffled.index_select(0, places).view(len(strata), -1)


def _shuffled(group: Tensor, pixel: Tensor, groups: int, pixels: int, generator: torch.Generator | None) -> Tensor:
    """Return the pixels by group, in random order within each: one sort of numbers that hold group, key and pixel."""
    pixel_bits = pixels.bit_length()
    key_bits = min(KEY_BITS, 63 - pixel_bits - groups.bit_length())
    keys = (_random_words(len(pixel), pixel, generator) & 2**KEY_BITS - 1) >> KEY_BITS - key_bits
    packed = (((group << key_bits) + keys) << pixel_bits) + pixel
    if packed.is_cpu:
        packed.numpy().sort()  # takes a fourth of the time of torch's
    else:
        packed = packed.sort().values
    return packed & 2**pixel_bits - 1


def _random_bytes(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw a number from 0 to 254 for each entry; 254 twice as often, so that a limit of 255 lets all pass."""
    words = _random_words(-(-like.numel() // 8), like, generator)
    return words.view(torch.uint8)[: like.numel()].clamp_(max=254)


def _random_words(number: int, like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw 64 random bits a word, on the generator's device, then move them to that of ``like``."""
    device = like.device if generator is None else generator.device
    words = torch.empty(number, dtype=torch.int64, device=device)
    return words.random_(-(2**63), None, generator=generator).to(like.device)


def points_of(indices: Tensor, width: int) -> Tensor:
    """Turn row-major pixel indices (B, n) into points (B, n, 2)."""
    rows = indices // width
    return torch.stack([indices - rows * width, rows], -1).float()


def uniform_like(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw a random number in [0, 1) for each entry, on the generator's device, then move it."""
    device = like.device if generator is None else generator.device
    return torch.rand(like.shape, generator=generator, device=device).to(like.device)


def read_at(maps: Tensor, points: Tensor) -> Tensor:
    """Read maps (B, H, W, ...) at integer points (B, n, 2)."""
    x, y = points.long().unbind(-1)
    return maps[torch.arange(len(maps), device=maps.device)[:, None], y, x]
