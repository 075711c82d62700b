"""How far a sample's mean is off: exact variances of designs, and what clustering costs.

The variances are those of the estimated mean of one image, over all samples that the design could draw; no sample is
drawn for them. Divide that of a uniform sample by another one: so many times smaller may the other sample be.

Neighbouring pixels repeat each other, and so do pixels of one image. A survey that asks several people of one household
learns less than one that asks as many strangers; the pixels of an image are such a household. One number says how alike
they are, the intraclass correlation rho: the share of all variance that lies between images. Drawing m pixels of each
image then multiplies the variance of a mean by 1 + (m - 1) rho, the design effect, so that the sample is worth its size
divided by it.
Source: Cochran, Sampling Techniques, 1977: stratified samples in chapter 5, systematic ones in chapter 8; Kish, Survey
Sampling, 1965, section 5.4; the estimator of rho from an analysis of variance: Fisher, Statistical Methods for Research
Workers, 1925.

Shapes: B images, n pixels of each, D numbers a pixel (a loss: none; a gradient: its entries), H x W pixels, S strata.
"""

from collections.abc import Sequence

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
    return _cells(values, rows, columns).var((2, 4), correction=0).mean((1, 2)) / (rows * columns)


def grid_variance(values: Tensor, rows: int, columns: int) -> Tensor:
    """Return the variance of the mean over a regular grid with a random start; arguments as `jittered_variance`.

    Examples
    --------
    >>> grid_variance(torch.tensor([[[0.0, 2.0, 0.0, 2.0]]]), 1, 2).item()  # all 0 or all 2
    1.0
    """
    return _cells(values, rows, columns).mean((1, 3)).var((1, 2), correction=0)  # of the means, one for each start


def intraclass_correlation(values: Tensor) -> float:
    """Estimate which share of the variance lies between images.

    Parameters
    ----------
    values : Tensor (B, n) or (B, n, D)
        A number or a vector for each of n pixels of B images; the variance of vectors is the sum over their entries.

    Returns
    -------
    float
        1 where an image's pixels are all alike, 0 where images differ no more than chance makes them; at least
        -1 / (n - 1).

    Raises
    ------
    ValueError
        For fewer than two images or two pixels of each.

    Examples
    --------
    >>> intraclass_correlation(torch.tensor([[1.0, 1.0], [3.0, 3.0]]))
    1.0
    """
    if values.dim() not in (2, 3) or min(values.shape[:2]) < 2:
        raise ValueError(f"values: found shape {tuple(values.shape)}, expected (B, n) or (B, n, D) with B, n >= 2")
    values = values.double().flatten(2) if values.dim() == 3 else values.double()[..., None]
    B, n, _ = values.shape
    means = values.mean(1)
    between = n * (means - means.mean(0)).square().sum() / (B - 1)
    within = (values - means[:, None]).square().sum() / (B * (n - 1))
    return float((between - within) / (between + (n - 1) * within))


def design_effect(pixels: int, rho: float) -> float:
    """Return by how much clustering multiplies the variance of a mean: 1 + (m - 1) rho.

    Parameters
    ----------
    pixels : int
        Pixels m drawn of each image.
    rho : float
        Intraclass correlation.

    Examples
    --------
    >>> round(design_effect(2000, 0.01), 2)
    20.99
    """
    return 1 + (pixels - 1) * rho


def effective_sample_size(images: int, pixels: int, rho: float) -> float:
    """Return how many independent pixels a sample of some images is worth: its size by its design effect.

    Parameters
    ----------
    images, pixels : int
        Images of a step, and pixels drawn of each.
    rho : float
        Intraclass correlation.

    Examples
    --------
    >>> round(effective_sample_size(1, 40_000, 0.01)), round(effective_sample_size(5, 2_000, 0.01))
    (100, 476)
    """
    return images * pixels / design_effect(pixels, rho)


def correlation_by_distance(maps: Tensor, distances: Sequence[int]) -> list[float]:
    """Correlate the values of pixels that lie a distance apart, along rows and columns.

    Parameters
    ----------
    maps : Tensor (B, H, W) or (B, D, H, W)
        A number or a vector for each pixel; of vectors, the inner product of deviations from the mean counts.
    distances : sequence of int
        In pixels; 0 gives 1.

    Returns
    -------
    list of float
        One correlation a distance, with the mean and the variance over all images.

    Raises
    ------
    ValueError
        For a distance that no two pixels have.

    Examples
    --------
    >>> stripes = (torch.arange(8) % 2).float().expand(1, 8, 8)
    >>> correlation_by_distance(stripes, [0, 2])
    [1.0, 1.0]
    """
    maps = maps[:, None].double() if maps.dim() == 3 else maps.double()
    H, W = maps.shape[-2:]
    if not all(0 <= d < min(H, W) for d in distances):
        raise ValueError(f"distances: found {list(distances)}, expected 0 to {min(H, W) - 1} for {H} x {W} pixels")
    deviations = maps - maps.mean((0, 2, 3), keepdim=True)
    variance = deviations.square().sum(1).mean()
    found = []
    for d in distances:
        down = (deviations[..., d:, :] * deviations[..., : H - d, :]).sum(1)
        across = (deviations[..., d:] * deviations[..., : W - d]).sum(1)
        found.append(float(torch.cat([down.flatten(), across.flatten()]).mean() / variance))
    return found


def _cells(values: Tensor, rows: int, columns: int) -> Tensor:
    """Split maps into cells, (B, H, W) -> (B, rows, h, columns, w)."""
    height, width = cell_size((values.shape[1], values.shape[2]), rows, columns)
    return values.double().view(len(values), rows, height, columns, width)
