"""The self-check of an exercise: one line that says right, or what was found and what is wrong with it.

A wrong answer never raises, so that a notebook runs to its end before any exercise is solved.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

RELATIVE, ABSOLUTE = 1e-4, 1e-6
_LONGEST = 8  # entries of a list that is written out
_WIDEST = 60  # letters of a text
_OPEN = "open"


def check(title: str, answer: Any, expected: Any, inputs: Sequence[tuple] = (), hint: str = "") -> bool:
    """Compare an answer with the expected one and print the verdict in one line.

    Parameters
    ----------
    title : str
        The exercise, such as "Exercise 2".
    answer : number, str, tensor, array, sequence, dict, or function
        The reader's answer; None or ``...`` while it is open. Numbers may differ by 1e-4 of the expected one.
    expected : like `answer`
        The right answer; for a function a function that gives the right results; or, without inputs, a test: a function
        that tells of an answer whether it is right.
    inputs : sequence of tuple
        For functions: the arguments to try, one tuple for each call.
    hint : str
        A sentence added while the answer is wrong.

    Returns
    -------
    bool
        Whether the answer is right.

    Raises
    ------
    TypeError
        If there are inputs, but `expected` is no function.

    Examples
    --------
    >>> check("Exercise 1", 0.04 * 425, 17)
    Exercise 1: right.
    True
    >>> check("Exercise 1", 425 / 17, 17, hint="Multiply by 4 %.")
    Exercise 1: not yet - found 25, which is too large. Multiply by 4 %.
    False
    >>> check("Exercise 2", lambda x, stride: x / stride, lambda x, stride: (x - (stride - 1) / 2) / stride,
    ...       inputs=[(0, 1), (15.5, 8)])
    Exercise 2: not yet - for input (15.5, 8) found 1.9375, expected 1.5.
    False
    >>> check("Exercise 3", ..., 3)
    Exercise 3: your turn - set your answer.
    False
    >>> check("Exercise 4", "many", lambda n: n > 3, hint="Count them.")
    Exercise 4: not yet - found 'many', with which the test raised TypeError. Count them.
    False
    """
    if inputs and not callable(expected):
        raise TypeError("expected: found no function, but inputs; expected one that gives the right results for them")
    if _is_open(answer):
        problem = _OPEN
    elif inputs:
        problem = _try_inputs(answer, expected, inputs)
    else:
        problem = _fails(answer, expected) if callable(expected) else _difference(answer, expected, secret=True)
    if problem == _OPEN:
        print(f"{title}: your turn - {'write the function' if inputs else 'set your answer'}.")
    elif problem:
        print(f"{title}: not yet - {problem}. {hint}".rstrip())
    else:
        print(f"{title}: right.")
    return problem is None


def _is_open(answer: Any) -> bool:
    return answer is None or answer is ...


def _fails(answer: Any, test: Callable) -> str | None:
    """Return what is wrong with an answer that a test refuses or cannot take, or None."""
    try:
        right = bool(test(answer))
    except BaseException as error:
        return f"found {_show(answer)}, with which the test raised {type(error).__name__}"
    return None if right else f"found {_show(answer)}, which fails the test"


def _try_inputs(function: Callable, expected: Callable, inputs: Sequence[tuple]) -> str | None:
    """Return what is wrong for the first input that the function gets wrong, or None."""
    if not callable(function):
        return f"found {_show(function)}, expected a function"
    for arguments in inputs:
        right = expected(*copy.deepcopy(arguments))
        try:
            found = function(*copy.deepcopy(arguments))
        except NotImplementedError:
            return _OPEN
        except BaseException as error:
            return f"for input {_show(arguments)} your function raised {type(error).__name__}: {_first_line(error)}"
        if _is_open(found):
            return _OPEN
        if problem := _difference(found, right):
            return f"for input {_show(arguments)} {problem}"
    return None


def _difference(found: Any, expected: Any, secret: bool = False) -> str | None:
    """Return what was found and what was expected, or None where they agree.

    Of a ``secret`` number only the side is told on which a wrong one lies.
    """
    if secret and _is_number(expected) and not _is_number(found):
        return f"found {_show(found)}, expected one number"
    if not (_is_numeric(found) and _is_numeric(expected)):
        return None if _same(found, expected) else f"found {_show(found)}, expected {_show(expected)}"
    one, other = _array(found), _array(expected)
    if one.shape != other.shape:
        return f"found {_shape_text(one)}, expected {_shape_text(other)}"
    if (one.dtype == bool) != (other.dtype == bool):
        return f"found {_show(found)}, expected {_show(expected)}"
    wrong = np.argwhere(~np.isclose(one, other, RELATIVE, ABSOLUTE, equal_nan=True))
    if len(wrong) == 0:
        return None
    place = tuple(wrong[0].tolist())
    where = f" at {list(place)}" if place else ""
    one, other = one[place].item(), other[place].item()
    if secret and _is_number(expected) and (one > other or one < other):
        return f"found {_show(one)}, which is too {'large' if one > other else 'small'}"
    if secret and _is_number(expected):
        return f"found {_show(one)}, expected a finite number"
    return f"found {_show(one)}{where}, expected {_show(other)}"


def _same(found: Any, expected: Any) -> bool:
    """Compare what is not an array: texts without regard to case, and containers entry by entry."""
    if isinstance(expected, str):
        return isinstance(found, str) and found.strip().lower() == expected.strip().lower()
    if isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        found, expected = dict(enumerate(found)), dict(enumerate(expected))
    if isinstance(expected, dict) and isinstance(found, dict):
        pairs = ((found[key], expected[key]) for key in expected)
        return found.keys() == expected.keys() and all(_difference(*pair) is None for pair in pairs)
    return type(found) is type(expected) and not _is_numeric(expected) and found == expected


def _array(value: Any) -> np.ndarray:
    """Return a number, a tensor of any layout, or a list of them as an array."""
    if isinstance(value, list | tuple):
        return np.asarray([_array(part) for part in value])
    if not hasattr(value, "detach"):
        return np.asarray(value)
    dense = value.detach().to_dense().cpu()
    return np.asarray(dense.float() if str(dense.dtype) == "torch.bfloat16" else dense)


def _is_numeric(value: Any) -> bool:
    """Whether the value is a number, a truth value, a tensor or an array of them, or a regular list."""
    try:
        return _array(value).dtype.kind in "biufc"
    except (TypeError, ValueError, RuntimeError):
        return False


def _is_number(value: Any) -> bool:
    """Whether the value is one real number, not a truth value."""
    return _is_numeric(value) and _array(value).ndim == 0 and _array(value).dtype.kind in "iuf"


def _shape_text(array: np.ndarray) -> str:
    return f"shape {array.shape}" if array.ndim else f"the number {_show(array.item())}"


def _show(value: Any) -> str:
    """Write a value briefly: six digits, and of what is long the shape alone."""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple) and len(value) <= _LONGEST:
        text = ", ".join(_show(part) for part in value)
        return f"[{text}]" if isinstance(value, list) else f"({text}{',' * (len(value) == 1)})"
    if hasattr(value, "shape") and _is_numeric(value):
        array = _array(value)
        return _show(array.tolist()) if array.size <= _LONGEST else f"{type(value).__name__} of shape {array.shape}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__} of {len(value)} entries"
    if isinstance(value, str | int | dict):
        text = repr(value)
        return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."
    return f"something of type {type(value).__name__}"


def _first_line(error: BaseException) -> str:
    """Return the first line of what an error says, if it can be said."""
    try:
        return str(error).partition("\n")[0]
    except Exception:
        return "an error without words"
