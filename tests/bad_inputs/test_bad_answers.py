"""Whatever stands in an exercise's answer: one line, which does not tell the right number, and no exception."""

import numpy as np
import pytest
import torch

from pixelnet_edu.teaching.exercises import check


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no")


class Rude(Exception):
    def __str__(self):
        raise RuntimeError("no")


def raising(error):
    def function(*_):
        raise error

    return function


WRONG = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "minus infinity": -float("inf"),
    "text": "?",
    "text of the number": "17",
    "text with spaces": "17.0 ",
    "text of two lines": "a\nb",
    "long text": "x" * 10_000,
    "true": True,
    "complex": 17 + 1j,
    "huge": 10**30,
    "list of it": [17],
    "tuple of it": (17,),
    "empty list": [],
    "ragged list": [[1], [1, 2]],
    "list of None": [None, 1],
    "dict": {"a": 1},
    "set": {17},
    "bytes": b"17",
    "a class": int,
    "a function": lambda: 17,
    "a module": np,
    "objects": np.array([None, 1], dtype=object),
    "array of texts": np.array(["17"]),
    "empty array": np.zeros(0),
    "tensor of many": torch.zeros(3, 4),
    "bfloat16": torch.tensor(16, dtype=torch.bfloat16),
    "sparse": torch.tensor([0.0, 1.0]).to_sparse(),
    "meta": torch.zeros(2, device="meta"),
    "with a gradient": torch.tensor(3.0, requires_grad=True),
    "not to be shown": Unspeakable(),
}
EXPECTED = {
    "number": 17,
    "text": "pink",
    "list": [1.0, 2.0],
    "dict": {"pink": 2},
    "test": lambda n: 0 < n < 1,
}


def line_of(capsys, *arguments, **options):
    assert check("Exercise 1", *arguments, **options) is False
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("Exercise 1: not yet - ")
    assert len(lines[0]) < 250
    return lines[0]


@pytest.mark.parametrize("expected", EXPECTED)
@pytest.mark.parametrize("answer", WRONG)
def test_a_wrong_answer_is_one_line(capsys, answer, expected):
    line = line_of(capsys, WRONG[answer], EXPECTED[expected])
    assert "expected 17" not in line


RIGHT = {
    "bfloat16": (torch.tensor(17, dtype=torch.bfloat16), 17),
    "half": (torch.tensor(17, dtype=torch.float16), 17),
    "a 0-d array": (np.array(17), 17),
    "with a gradient": (torch.tensor(17.0, requires_grad=True), 17),
    "sparse": (torch.tensor([0.0, 1.0]).to_sparse(), [0.0, 1.0]),
    "list of bfloat16": ([torch.tensor(0.5, dtype=torch.bfloat16)], [0.5]),
    "a test": (0.5, EXPECTED["test"]),
}


@pytest.mark.parametrize("case", RIGHT)
def test_a_right_answer_of_an_unusual_kind_is_right(capsys, case):
    assert check("Exercise 1", *RIGHT[case])
    assert capsys.readouterr().out == "Exercise 1: right.\n"


RESULTS = {**WRONG, "the wrong number": 3}
ERRORS = [SystemExit(3), KeyboardInterrupt(), RecursionError("deep"), MemoryError(), Rude(), AssertionError("a\nb")]


@pytest.mark.parametrize("result", RESULTS)
def test_a_function_with_a_wrong_result_is_one_line(capsys, result):
    line_of(capsys, lambda x: RESULTS[result], lambda x: x, inputs=[(0.5,)])


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_a_function_that_raises_is_one_line(capsys, error):
    assert type(error).__name__ in line_of(capsys, raising(error), lambda x: x, inputs=[(0.5,)])


@pytest.mark.parametrize("answer", [name for name, value in WRONG.items() if not callable(value)])
def test_what_is_no_function_is_one_line(capsys, answer):
    assert "expected a function" in line_of(capsys, WRONG[answer], lambda x: x, inputs=[(0.5,)])
