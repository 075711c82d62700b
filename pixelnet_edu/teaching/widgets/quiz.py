"""A quiz that a page marks by itself: question, options, and why the answer is right."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ._explorer import Explorer, source


@dataclass(frozen=True)
class Question:
    """One question with one right option.

    Parameters
    ----------
    prompt : str
        What is asked; words in `backticks` are set as code, here and below.
    options : sequence of (str or number)
        At least two different options; whole numbers are shown with thousands separators.
    answer : str or number
        The value of the right option, so that a chapter can compute it.
    why : str
        One or two sentences that explain the answer, shown after choosing.

    Raises
    ------
    ValueError
        If the answer is not one of the options, or two options look the same.

    Examples
    --------
    >>> question = Question("How many pixels has a 224 x 224 image?", [448, 50176], 224**2, "224 rows of 224.")
    >>> question.state()["options"], question.state()["answer"]
    (['448', '50,176'], 1)
    """

    prompt: str
    options: Sequence[str | float]
    answer: str | float
    why: str

    def __post_init__(self) -> None:
        for name in ("prompt", "why"):
            if not str(getattr(self, name)).strip():
                raise ValueError(f"{name}: found no text, expected a sentence")
        if unclear := [option for option in self.options if not isinstance(option, str | int | float)]:
            raise ValueError(f"options: found {unclear[0]!r}, expected texts or numbers")
        shown = [_show(option) for option in self.options]
        if len(shown) < 2 or len(set(shown)) < len(shown):
            raise ValueError(f"options: found {shown}, expected at least two that look different")
        if not any(_same(option, self.answer) for option in self.options):
            raise ValueError(f"answer: found {self.answer!r}, expected one of the options {list(self.options)}")

    def state(self) -> dict[str, str | int | list[str]]:
        """Return the question as the browser reads it: texts, and the answer as an index."""
        answer = next(index for index, option in enumerate(self.options) if _same(option, self.answer))
        return {"prompt": self.prompt, "options": list(map(_show, self.options)), "answer": answer, "why": self.why}


def _show(option: str | float) -> str:
    """Write an option as the page shows it."""
    if isinstance(option, str | bool):
        return str(option)
    text = f"{option:,}" if isinstance(option, int) else f"{option:.6g}"
    return text.replace("-", "\N{MINUS SIGN}")


def _same(option: str | float, answer: str | float) -> bool:
    """Tell whether an option is the answer; numbers may differ by rounding."""
    if isinstance(option, str | bool) or isinstance(answer, str | bool):
        return type(option) is type(answer) and option == answer
    return math.isclose(option, answer, rel_tol=1e-9)


class Quiz(Explorer):
    """Questions with options: choose, check, read why, see the score.

    Parameters
    ----------
    questions : iterable of Question
        At least one, in the order of the page.
    title : str
        Names the quiz on the page and for screen readers.

    Raises
    ------
    ValueError
        If there is no question.
    TypeError
        If an entry is not a `Question`.

    Examples
    --------
    >>> Quiz([Question("Is a label 255 ever drawn?", ["yes", "no"], "no", "255 marks void.")])
    Quiz(1 question)
    """

    _esm, _css = source("quiz.js"), source("quiz.css")
    questions: list[dict]

    def __init__(self, questions: Iterable[Question], title: str = "Check yourself") -> None:
        questions = list(questions)
        if not questions:
            raise ValueError("questions: found none, expected at least one Question")
        for question in questions:
            if not isinstance(question, Question):
                raise TypeError(f"questions: found {type(question).__name__}, expected Question(prompt, options, ...)")
        super().__init__(title=title, questions=[question.state() for question in questions])

    @property
    def summary(self) -> str:
        """The number of questions, for the repr."""
        count = len(self.questions)
        return f"{count} question{'' if count == 1 else 's'}"
