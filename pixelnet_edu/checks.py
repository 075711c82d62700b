"""What is asked of values from outside, and one wording for all: where, what was found, what is expected, the cure.

Shapes: B images, H x W pixels.
"""

import math
from collections.abc import Iterable

import torch
from torch import Tensor

ROUNDING = 1e-3  # by which a resized image may leave [0, 1]


def unexpected(where: object, found: str, expected: str, remedy: str = "take the original file") -> ValueError:
    """Make the error, in one line, for something that is not as it should be.

    Examples
    --------
    >>> raise unexpected("a.png", "2 channels", "one")
    Traceback (most recent call last):
    ValueError: a.png: found 2 channels, expected one; take the original file
    """
    return ValueError(f"{where}: found {found}, expected {expected}; {remedy}")


def check_name(argument: str, value: str, known: Iterable[str]) -> None:
    """Raise ValueError unless a value is one of the known names.

    Examples
    --------
    >>> check_name("split", "val", ("train", "test"))
    Traceback (most recent call last):
    ValueError: split: found 'val', expected one of train, test
    """
    if value not in (names := list(known)):
        raise ValueError(f"{argument}: found {value!r}, expected one of {', '.join(names)}")


def check_whole(name: str, value: object, least: float = -math.inf, most: float = math.inf) -> int:
    """Return a whole number within limits; TypeError for another kind of thing, ValueError for one beyond them.

    Examples
    --------
    >>> check_whole("n", 3.5, least=1)
    Traceback (most recent call last):
    TypeError: n: found 3.5, a float, expected a whole number; convert with int()
    """
    if isinstance(value, bool) or not hasattr(value, "__index__") or getattr(value, "ndim", 0):
        raise TypeError(
            f"{name}: found {_short(value)}, a {type(value).__name__}, expected a whole number; convert with int()"
        )
    number = value.__index__()
    if not least <= number <= most:
        limits = f"at least {least}" + (f" and at most {most}" if most < math.inf else "")
        raise ValueError(f"{name}: found {number}, expected {limits}")
    return number


def check_real(name: str, value: object, least: float, below: float = math.inf) -> None:
    """Raise TypeError or ValueError unless a value is a finite number, at least ``least`` and less than ``below``.

    Examples
    --------
    >>> check_real("momentum", 5.0, 0, 1)
    Traceback (most recent call last):
    ValueError: momentum: found 5.0, expected a number from 0 to below 1
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: found {_short(value)}, a {type(value).__name__}, expected a number")
    if not least <= value < below:
        limits = (
            f"a number from {least:g} to below {below:g}"
            if below < math.inf
            else f"a finite number, at least {least:g}"
        )
        raise ValueError(f"{name}: found {value}, expected {limits}")


def check_tensor(name: str, value: object) -> Tensor:
    """Return a tensor; TypeError for something else.

    Examples
    --------
    >>> check_tensor("points", [1, 2])
    Traceback (most recent call last):
    TypeError: points: found a list, expected a torch.Tensor; convert with torch.as_tensor()
    """
    if not isinstance(value, Tensor):
        cure = "convert with torch.as_tensor()"
        raise TypeError(f"{name}: found a {type(value).__name__}, expected a torch.Tensor; {cure}")
    return value


def check_image(where: str, image: object, dtype: torch.dtype = torch.float32) -> None:
    """Raise TypeError or ValueError unless images (..., 3, H, W) are RGB in [0, 1], of real numbers of that kind.

    Examples
    --------
    >>> check_image("images", 255 * torch.ones(1, 3, 4, 4))
    Traceback (most recent call last):
    ValueError: images: found values from 255 to 255, expected RGB in [0, 1]; divide images of 8 bits by 255
    """
    image = check_tensor(where, image)
    if image.dim() < 3 or image.shape[-3] != 3 or not image.numel():
        raise ValueError(f"{where}: found shape {tuple(image.shape)}, expected (..., 3, height, width), not empty")
    if image.dtype != dtype or image.is_meta:
        kind = "a tensor without values" if image.is_meta else str(image.dtype)
        raise unexpected(where, kind, f"{dtype}, RGB in [0, 1]", "divide images of 8 bits by 255")
    low, high = (float(value) for value in image.detach().aminmax())
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):
        values = f"values from {low:g} to {high:g}" if math.isfinite(low + high) else "a value that is not finite"
        raise unexpected(where, values, "RGB in [0, 1]", "divide images of 8 bits by 255")


def _short(value: object) -> str:
    """Show a value in a few characters."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
