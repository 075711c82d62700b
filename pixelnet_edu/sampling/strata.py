"""Maps as strata, and the number of pixels of each stratum.

Shapes: B images, S strata, H x W pixels.
"""

import torch
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.checks import check_tensor, unexpected

UNCLEAR = (torch.uint8, torch.int8)
LANES = 4  # neighbours, mostly of one stratum, are counted apart: no count has to wait for the one before it


def count_strata(strata: Tensor, num_strata: int | None = None) -> Tensor:
    """Count the pixels of each stratum, (B, H, W) -> (B, S); void pixels count nowhere.

    Strata are integers from 0 to ``num_strata`` - 1, by default to the largest one of the batch, or 255 for void;
    ValueError for others.

    Examples
    --------
    >>> count_strata(torch.tensor([[[0, 1, 1, 255]]])).tolist()
    [[1, 2]]
    """
    _check_range(strata, num_strata or VOID)
    B, _, W = strata.shape
    images, columns = (torch.arange(size, dtype=torch.int32, device=strata.device) for size in (B, W))
    bins = (columns % LANES * B + images[:, None, None]) * (VOID + 1)  # each image has some, of every value
    group = strata.to(torch.int32, copy=True).add_(bins)
    counts = group.flatten().bincount(minlength=LANES * B * (VOID + 1)).view(LANES, B, -1).sum(0)[:, :VOID]
    present = counts.any(0).nonzero().flatten()
    largest = int(present[-1]) if len(present) else 0
    if num_strata is not None and largest >= num_strata:
        _refuse(largest, num_strata)
    return counts[:, : num_strata or largest + 1]


def _check_range(strata: Tensor, num_strata: int) -> None:
    """Raise ValueError for a stratum below 0 or above 255."""
    lowest, highest = (int(value) for value in strata.aminmax())
    if lowest < 0 or highest > VOID:
        _refuse(lowest if lowest < 0 else highest, num_strata)


def _refuse(stratum: int, num_strata: int) -> None:
    """Raise ValueError for a stratum that is not one."""
    raise ValueError(f"strata: found {stratum}, expected 0 to {num_strata - 1}, or 255 for void pixels")


def one_stratum(maps: Tensor) -> Tensor:
    """Check a batch of maps (B, H, W) and merge all valid pixels into stratum 0; ValueError for other labels."""
    strata = as_strata(maps)
    _check_range(strata, VOID)
    return (strata == VOID) * VOID


def as_strata(maps: Tensor) -> Tensor:
    """Check a batch of maps (B, H, W) and return it as strata; a boolean map of valid pixels is one stratum.

    TypeError for no tensor; ValueError for real numbers, another shape, or bytes, which may be labels or a mask.
    """
    kind = check_tensor("strata", maps).dtype
    if maps.dim() != 3 or kind in UNCLEAR or kind.is_floating_point or kind.is_complex or maps.numel() == 0:
        cure = "say labels.long() or mask.bool()"
        raise unexpected("strata", f"{kind} of shape {tuple(maps.shape)}", "int64 or bool of shape (B, H, W)", cure)
    return torch.where(maps, 0, VOID) if maps.dtype == torch.bool else maps.long()
