"""How much a sample of pixels is worth: neighbouring pixels repeat each other, and so do pixels of one image.

A survey that asks several people of one household learns less than one that asks as many strangers. The pixels of an
image are such a household. One number says how alike they are, the intraclass correlation rho: the share of all
variance that lies between images. Drawing m pixels of each image then multiplies the variance of a mean by
1 + (m - 1) rho, the design effect, so that the sample is worth its size divided by it.
Source: Kish, Survey Sampling, 1965, section 5.4; the estimator of rho from an analysis of variance: Fisher, Statistical
Methods for Research Workers, 1925.

Shapes: B images, n pixels of each, D numbers a pixel (a loss: none; a gradient: its entries), H x W pixels.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


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
