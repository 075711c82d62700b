"""Estimates of a mean over all pixels from the drawn ones: weighted back, or by a guess that is known everywhere.

Source: Horvitz and Thompson, JASA 1952; difference and regression estimates: Cochran, Sampling Techniques, 1977,
chapter 7.

Shapes: B images, H x W pixels, n pixels drawn.
"""

import torch
from torch import Tensor


def horvitz_thompson_mean(values: Tensor, probabilities: Tensor, total: Tensor | int) -> Tensor:
    """Estimate the mean over all ``total`` pixels from drawn ones, without bias: sum(value / probability) / total.

    Parameters
    ----------
    values, probabilities : Tensor (B, n)
        The value of interest at each drawn pixel, and its inclusion probability.
    total : int or Tensor (B,)
        Number of pixels that the mean is over.

    Returns
    -------
    Tensor (B,)

    Raises
    ------
    ValueError
        For unequal shapes, a probability outside (0, 1], or no pixel in all.

    Examples
    --------
    >>> horvitz_thompson_mean(torch.tensor([[1.0, 3.0]]), torch.tensor([[0.5, 0.5]]), 4)
    tensor([2.])
    """
    if values.shape != probabilities.shape:
        raise ValueError(f"probabilities: found shape {tuple(probabilities.shape)}, expected {tuple(values.shape)}")
    if not ((probabilities > 0) & (probabilities <= 1)).all():
        raise ValueError("probabilities: found one outside (0, 1], expected those with which the pixels were drawn")
    if not (torch.as_tensor(total) >= 1).all():
        raise ValueError(f"total: found {total}, expected at least 1 pixel")
    return (values / probabilities).sum(-1) / total


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
