"""Points that keep apart from each other, many draws at once: grids, one point a cell, Sobol points, mirrored pairs.

Every pixel is drawn equally often by each of them, so the plain mean over the points is unbiased. They don't look at
the picture, so one set of draws serves all images of a size.
Source: systematic and one-per-stratum samples: Cochran, Sampling Techniques, 1977, chapter 8; scrambled digital nets:
Owen, SIAM Journal on Numerical Analysis 1997; mirrored pairs: Hammersley and Morton, 1956.

Shapes: D draws, n points a draw, H x W pixels.
"""

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine


def grid_points(
    size: tuple[int, int], rows: int, columns: int, draws: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw regular grids, each with one random start.

    Parameters
    ----------
    size : (int, int)
        Height and width of the image; multiples of ``rows`` and ``columns``.
    rows, columns : int
        Points of the grid in each direction.
    draws : int
    generator : torch.Generator, optional

    Returns
    -------
    Tensor (D, rows * columns, 2)
        Whole pixel coordinates (x, y).

    Raises
    ------
    ValueError
        If the grid does not divide the image.

    Examples
    --------
    >>> points = grid_points((4, 6), 2, 3, draws=1)
    >>> (points[0, 1] - points[0, 0]).tolist(), (points[0, 3] - points[0, 0]).tolist()
    ([2.0, 0.0], [0.0, 2.0])
    """
    return _in_cells(size, rows, columns, draws, (draws, 1, 1), generator)


def jittered_points(
    size: tuple[int, int], rows: int, columns: int, draws: int, generator: torch.Generator | None = None
) -> Tensor:
    """Draw one random point in each cell of a grid; arguments and result are those of :func:`grid_points`.

    Examples
    --------
    >>> points = jittered_points((4, 6), 2, 3, draws=1)
    >>> (points[0] // 2).long().tolist()
    [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]
    """
    return _in_cells(size, rows, columns, draws, (draws, rows, columns), generator)


def sobol_points(size: tuple[int, int], n: int, draws: int, seed: int = 0) -> Tensor:
    """Draw scrambled Sobol points, rounded down to pixels; a pixel may come twice.

    Parameters
    ----------
    size : (int, int)
        Height and width of the image.
    n, draws, seed : int

    Returns
    -------
    Tensor (D, n, 2)

    Examples
    --------
    >>> points = sobol_points((8, 8), 4, draws=3)
    >>> (points // 4).unique(dim=1).shape  # one in each quarter, in each draw
    torch.Size([3, 4, 2])
    """
    engines = (SobolEngine(2, scramble=True, seed=seed * 100_003 + draw) for draw in range(draws))
    return _to_pixels(torch.stack([engine.draw(n, dtype=torch.float64) for engine in engines]), size)


def mirrored_points(size: tuple[int, int], n: int, draws: int, generator: torch.Generator | None = None) -> Tensor:
    """Draw n / 2 random points, with replacement, and to each the one opposite the image's centre.

    Parameters
    ----------
    size : (int, int)
        Height and width of the image.
    n : int
        An even number of points.
    draws : int
    generator : torch.Generator, optional

    Returns
    -------
    Tensor (D, n, 2)

    Raises
    ------
    ValueError
        If ``n`` is odd.

    Examples
    --------
    >>> first, second = mirrored_points((4, 6), 2, draws=1)[0]
    >>> (first + second).tolist()
    [5.0, 3.0]
    """
    if n % 2:
        raise ValueError(f"n: found {n}, expected an even number, since points come in pairs")
    half = _to_pixels(torch.rand(draws, n // 2, 2, generator=generator), size)
    return torch.cat([half, torch.tensor([size[1] - 1.0, size[0] - 1.0]) - half], 1)


def cell_size(size: tuple[int, int], rows: int, columns: int) -> tuple[int, int]:
    """Return the height and width of a cell of a grid that divides an image evenly.

    Raises
    ------
    ValueError
        If it does not.

    Examples
    --------
    >>> cell_size((96, 96), 16, 24)
    (6, 4)
    """
    H, W = size
    if H % rows or W % columns:
        raise ValueError(f"rows, columns: found {rows} x {columns}, expected divisors of {H} and {W}, the image's size")
    return H // rows, W // columns


def _in_cells(
    size: tuple[int, int],
    rows: int,
    columns: int,
    draws: int,
    starts: tuple[int, ...],
    generator: torch.Generator | None,
) -> Tensor:
    """Put a point in each cell of a grid, at places that are drawn in the given shape and broadcast."""
    height, width = cell_size(size, rows, columns)
    y = torch.randint(height, starts, generator=generator) + height * torch.arange(rows).view(1, -1, 1)
    x = torch.randint(width, starts, generator=generator) + width * torch.arange(columns).view(1, 1, -1)
    shape = (draws, rows, columns)
    return torch.stack([x.expand(shape), y.expand(shape)], -1).flatten(1, 2).float()


def _to_pixels(unit: Tensor, size: tuple[int, int]) -> Tensor:
    """Turn coordinates in [0, 1) into the pixels (x, y) that they fall on."""
    scale = torch.tensor([size[1], size[0]], dtype=unit.dtype)
    return (unit * scale).floor().minimum(scale - 1).float()
