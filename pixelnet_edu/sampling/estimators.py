"""How far a sample's mean is off: exact variances of designs, and estimates that use a guess known everywhere.

All variances are those of the estimated mean of one image, over all samples that the design could draw; no sample is
drawn for them. Divide that of a uniform sample by another one: so many times smaller may the other sample be.
Source: Cochran, Sampling Techniques, 1977: stratified samples in chapter 5, difference and regression estimates in
chapter 7, systematic samples in chapter 8.

Shapes: B images, H x W pixels, S strata, n pixels drawn.
"""

import torch
from torch import Tensor

from pixelnet_edu.sampling.point_sets import cell_size


def uniform_variance(values: Tensor, n: int) -> Tensor:
    """Return the variance of the mean of ``n`` uniform pixels: (1 - n / N) S^2 / n.

    Parameters
    ----------
    values : Tensor (B, H, W)
    n : int

    Returns
    -------
    Tensor (B,), float64

    Examples
    --------
    >>> uniform_variance(torch.tensor([[[0.0, 0.0, 2.0, 2.0]]]), 2).item()  # 1/3 of all pairs is off by 1, both ways
    0.3333333333333333
    """
    pixels = values.flatten(1).double()
    return (1 - n / pixels.shape[1]) * pixels.var(1) / n


def stratified_variance(values: Tensor, strata: Tensor, quotas: Tensor) -> Tensor:
    """Return the variance of the mean estimated from ``quotas`` pixels of each stratum, each weighted by its size.

    Parameters
    ----------
    values, strata : Tensor (B, H, W)
        The strata from 0 to S - 1; none is void.
    quotas : Tensor (B, S)
        Pixels drawn of each stratum.

    Returns
    -------
    Tensor (B,), float64

    Raises
    ------
    ValueError
        If a stratum that has pixels gives none: no weight repairs that.

    Examples
    --------
    >>> values = torch.tensor([[[0.0, 0.0, 2.0, 4.0]]])
    >>> stratified_variance(values, torch.tensor([[[0, 0, 1, 1]]]), torch.tensor([[1, 1]])).item()
    0.25
    """
    pixels, members = values.flatten(1).double(), strata.flatten(1)
    quotas = quotas.double()
    sizes = torch.zeros_like(quotas).scatter_add(1, members, torch.ones_like(pixels))
    if ((quotas < 1) & (sizes > 0)).any():
        raise ValueError("quotas: found 0 for a stratum that has pixels, expected at least 1; merge it with another")
    means = torch.zeros_like(quotas).scatter_add(1, members, pixels) / sizes.clamp(min=1)
    deviations = (pixels - means.gather(1, members)).square()
    spreads = torch.zeros_like(quotas).scatter_add(1, members, deviations) / (sizes - 1).clamp(min=1)
    parts = (sizes / pixels.shape[1]).square() * (1 - quotas / sizes.clamp(min=1)) * spreads / quotas.clamp(min=1)
    return parts.sum(1)


def jittered_variance(values: Tensor, rows: int, columns: int) -> Tensor:
    """Return the variance of the mean of one random pixel in each cell of a grid.

    Parameters
    ----------
    values : Tensor (B, H, W)
        H and W multiples of ``rows`` and ``columns``.
    rows, columns : int

    Returns
    -------
    Tensor (B,), float64

    Raises
    ------
    ValueError
        If the grid does not divide the image.

    Examples
    --------
    >>> jittered_variance(torch.tensor([[[0.0, 2.0, 5.0, 5.0]]]), 1, 2).item()
    0.25
    """
    cells = _cells(values, rows, columns)
    return cells.var((2, 4), correction=0).mean((1, 2)) / (rows * columns)


def grid_variance(values: Tensor, rows: int, columns: int) -> Tensor:
    """Return the variance of the mean over a regular grid with a random start; arguments as `jittered_variance`.

    Examples
    --------
    >>> grid_variance(torch.tensor([[[0.0, 2.0, 0.0, 2.0]]]), 1, 2).item()  # all 0 or all 2
    1.0
    """
    means = _cells(values, rows, columns).mean((1, 3))  # one for each start
    return means.var((1, 2), correction=0)


def regression_slope(values: Tensor, guesses: Tensor) -> float:
    """Return by how much values rise with their guesses, by least squares within images.

    Parameters
    ----------
    values, guesses : Tensor (B, H, W)

    Examples
    --------
    >>> values = torch.tensor([[[1.0, 2.0]], [[7.0, 9.0]]])
    >>> regression_slope(2 * values + 1, values)
    2.0
    """
    values, guesses = values.flatten(1).double(), guesses.flatten(1).double()
    guesses = guesses - guesses.mean(1, keepdim=True)
    return float((values * guesses).sum() / guesses.square().sum())


def difference_mean(values: Tensor, guesses: Tensor, guess_means: Tensor, slope: float = 1.0) -> Tensor:
    """Estimate a mean from a guess known at every pixel, corrected at the drawn ones; unbiased for a fixed slope.

    Parameters
    ----------
    values, guesses : Tensor (..., n)
        The value and the guess at the drawn pixels, all equally likely.
    guess_means : Tensor (...)
        Mean of the guess over all pixels.
    slope : float
        How much of the guess is trusted: 1 is the difference estimate, 0 the plain mean.

    Returns
    -------
    Tensor (...)

    Examples
    --------
    >>> difference_mean(torch.tensor([3.0, 5.0]), torch.tensor([2.0, 4.0]), torch.tensor(10.0)).item()
    11.0
    """
    return slope * guess_means + (values - slope * guesses).mean(-1)


def _cells(values: Tensor, rows: int, columns: int) -> Tensor:
    """Split maps into cells, (B, H, W) -> (B, rows, h, columns, w)."""
    height, width = cell_size(tuple(values.shape[1:]), rows, columns)
    return values.double().view(len(values), rows, height, columns, width)
