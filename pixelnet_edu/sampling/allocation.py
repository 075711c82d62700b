"""How many pixels of each stratum: a fixed sample divided by shares, in whole pixels.

Source: survey sampling; proportional and Neyman allocation (Neyman, JRSS 1934).

Shapes: B images, S strata, n pixels to draw in each image.
"""

import torch
from torch import Tensor

from pixelnet_edu.checks import check_whole


def fill_shares(shares: Tensor, sizes: Tensor, n: int) -> Tensor:
    """Divide ``n`` in proportion to ``shares`` (B, S) within ``sizes``; what does not fit goes to the others.

    The result, (B, S) float64, are real numbers that add up to ``n`` in each row; ValueError if the strata with a share
    hold fewer pixels.

    Examples
    --------
    >>> fill_shares(torch.tensor([[1.0, 1.0, 1.0]]), torch.tensor([[100, 100, 2]]), 12).tolist()
    [[5.0, 5.0, 2.0]]
    """
    _check_enough((sizes * (shares > 0)).sum(1), n)
    shares, sizes = shares.double(), sizes.double()
    full = (shares <= 0) | (sizes <= 0)
    quotas = torch.zeros_like(shares)
    while True:
        free = shares.masked_fill(full, 0)
        left = n - quotas.masked_fill(~full, 0).sum(1, keepdim=True)
        quotas = torch.where(full, quotas, free * left / free.sum(1, keepdim=True).clamp(min=1e-300))
        over = ~full & (quotas >= sizes)
        if not over.any():
            return quotas
        quotas, full = torch.where(over, sizes, quotas), full | over


def allocate(sizes: Tensor, n: int, shares: Tensor | None = None) -> Tensor:
    """Divide a sample of ``n`` pixels among the strata of each image, in whole pixels.

    Every stratum that has pixels and a share gives at least one; the rest follows the shares, rounded by largest
    remainders; no stratum gives more than it has.

    Parameters
    ----------
    sizes : Tensor (B, S)
        Pixels of each stratum.
    n : int
        Pixels to draw in each image; ValueError if it has fewer, or more strata than that.
    shares : Tensor (B, S), optional
        Relative shares; by default the sizes (proportional allocation).

    Returns
    -------
    Tensor (B, S), int64
        Adds up to ``n`` in each row.

    Examples
    --------
    >>> allocate(torch.tensor([[250, 125, 50]]), 17).tolist()
    [[10, 5, 2]]
    """
    shares = sizes.double() if shares is None else shares
    exact = fill_shares(shares, sizes, n)
    one = ((sizes > 0) & (shares > 0)).long()
    _check_room(one.sum(1), n)
    extra = (exact - one).clamp(min=0)
    left = n - one.sum(1, keepdim=True)
    extra = extra * (left / extra.sum(1, keepdim=True).clamp(min=1e-300))
    whole = (extra + 1e-9).floor()
    rank = (extra - whole).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return one + whole.long() + (rank < left - whole.sum(1, keepdim=True)).long()


def _check_enough(available: Tensor, n: int) -> None:
    """Raise ValueError where an image has fewer than ``n`` pixels to draw from; check ``n`` too."""
    check_whole("n", n, least=1)
    short = (available < n).nonzero().flatten().tolist()
    if short:
        most = f"{int(available[short[0]])}, all that image {short[0]} of the batch has"
        raise ValueError(f"n: found {n} pixels to draw, expected at most {most}; draw fewer, or leave the image out")


def _check_room(strata: Tensor, n: int) -> None:
    """Raise ValueError where an image has more strata than pixels to draw."""
    if (strata > n).any():
        found = f"{n} pixels to draw from {int(strata.max())} strata"
        raise ValueError(f"n: found {found}, expected at least one each; draw more, or merge strata")
