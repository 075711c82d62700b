import numpy as np
import pytest
import torch

from pixelnet_edu.teaching.exercises import check


def verdict(capsys, *arguments, **options):
    result = check("Exercise 2", *arguments, **options)
    line = capsys.readouterr().out
    assert line.startswith("Exercise 2: ")
    assert line.count("\n") == 1
    assert result == (line == "Exercise 2: right.\n")
    return line.removeprefix("Exercise 2: ").rstrip("\n")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (17, 17),
        (17.0, 17),
        (0.415101, 0.4151),
        (torch.tensor(17), 17),
        (np.float32(0.5), 0.5),
        (True, True),
        (np.bool_(True), True),
        (torch.tensor([1.0, 2.0], requires_grad=True), [1, 2]),
        ([[1, 2], [3, 4]], torch.tensor([[1, 2], [3, 4]])),
        (torch.tensor([True, False]), torch.tensor([True, False])),
        (float("nan"), float("nan")),
        (" Pink ", "pink"),
        (["a", 1], ["a", 1.0]),
        ((torch.zeros(2), torch.zeros(3)), (torch.zeros(2), torch.zeros(3))),
        ({"yellow": 10, "pink": 2}, {"pink": 2, "yellow": 10}),
    ],
)
def test_right_answers(capsys, answer, expected):
    assert verdict(capsys, answer, expected) == "right."


@pytest.mark.parametrize(
    ("answer", "expected", "line"),
    [
        (18, 17, "found 18, which is too large."),
        (0.415, 0.4151, "found 0.415, which is too small."),
        (1, True, "found 1, expected True."),
        (True, 1, "found True, expected one number."),
        ("17", 17, "found '17', expected one number."),
        (17, "17", "found 17, expected '17'."),
        ("blue", "pink", "found 'blue', expected 'pink'."),
        ([1, 2, 3], [1, 2, 4], "found 3 at [2], expected 4."),
        (torch.zeros(2, 3), torch.zeros(3, 2), "found shape (2, 3), expected shape (3, 2)."),
        ([1], 1, "found [1], expected one number."),
        (torch.tensor([[1.0, 2.5]]), [[1.0, 2.0]], "found 2.5 at [0, 1], expected 2."),
        ([1, [2]], [1, 2], "found [1, [2]], expected [1, 2]."),
        ({"a": 1}, {"a": 2}, "found {'a': 1}, expected {'a': 2}."),
        (object(), 3, "found something of type object, expected one number."),
        (torch.zeros(9), "pink", "found Tensor of shape (9,), expected 'pink'."),
        (list(range(20)), "pink", "found list of 20 entries, expected 'pink'."),
    ],
)
def test_wrong_answers_say_what_was_found(capsys, answer, expected, line):
    assert verdict(capsys, answer, expected) == f"not yet - {line}"


def test_hint_follows_a_wrong_answer_only(capsys):
    assert verdict(capsys, 1, 2, hint="Count again.") == "not yet - found 1, which is too small. Count again."
    assert verdict(capsys, 2, 2, hint="Count again.") == "right."


@pytest.mark.parametrize("answer", [None, ...])
def test_open_answers(capsys, answer):
    assert verdict(capsys, answer, 3) == "your turn - set your answer."
    assert verdict(capsys, answer, abs, inputs=[(1,)]) == "your turn - write the function."


def position(x, stride):
    return (x - (stride - 1) / 2) / stride


def unfinished(x, stride):
    raise NotImplementedError


def failing(x, stride):
    raise ZeroDivisionError("division by zero\nwith a second line")


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (lambda x, stride: x / stride - 0.5 + 0.5 / stride, "right."),
        (lambda x, stride: x / stride, "not yet - for input (15.5, 8) found 1.9375, expected 1.5."),
        (lambda x, stride: ..., "your turn - write the function."),
        (unfinished, "your turn - write the function."),
        (failing, "not yet - for input (0, 1) your function raised ZeroDivisionError: division by zero."),
        (3, "not yet - found 3, expected a function."),
    ],
)
def test_functions(capsys, function, line):
    assert verdict(capsys, function, position, inputs=[(0, 1), (15.5, 8)]) == line


def test_a_function_may_spoil_its_arguments(capsys):
    values = torch.tensor([3.0, 1.0])
    assert verdict(capsys, lambda x: x.mul_(2), lambda x: x * 2, inputs=[(values,)]) == "right."
    assert values.tolist() == [3.0, 1.0]


def test_tensors_among_the_inputs_are_shown_briefly(capsys):
    line = verdict(capsys, lambda x: x.sum() + 1, torch.sum, inputs=[(torch.zeros(4, 5),)])
    assert line == "not yet - for input (Tensor of shape (4, 5),) found 1, expected 0."


def test_inputs_go_with_functions():
    with pytest.raises(TypeError, match="expected: found no function, but inputs"):
        check("Exercise 1", 3, 3, inputs=[(1,)])
