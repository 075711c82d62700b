import pytest

from pixelnet_edu.teaching.widgets import Question, Quiz

QUESTIONS = [
    Question("How many?", [4, 17, 42], 17, "4 % of 425."),
    Question("Which call draws `n` pixels?", ["`draw(n)`", "`n(draw)`"], "`draw(n)`", "The sampler takes n."),
    Question("What share?", [0.04, 0.4], 0.1 * 0.4, "Four per cent."),
]


def test_repr_counts_the_questions():
    assert repr(Quiz(QUESTIONS)) == "Quiz(3 questions)"
    assert repr(Quiz(QUESTIONS[:1])) == "Quiz(1 question)"


def test_computed_answers_are_found():
    assert [question.state()["answer"] for question in QUESTIONS] == [1, 0, 0]


def test_numbers_are_shown_for_readers():
    assert Question("?", [173938517, -3, 0.25, True], 0.25, "w").state()["options"] == [
        "173,938,517",
        "\N{MINUS SIGN}3",
        "0.25",
        "True",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("?", [1, 2], 3, "w"), r"answer: found 3, expected one of the options \[1, 2\]"),
        (("?", ["1", "2"], 1, "w"), "answer: found 1"),
        (("?", [0, 1], True, "w"), "answer: found True"),
        (("?", [1], 1, "w"), "options: found"),
        (("?", [1, "1"], 1, "w"), "look different"),
        ((" ", [1, 2], 1, "w"), "prompt: found no text"),
        (("?", [1, 2], 1, ""), "why: found no text"),
    ],
)
def test_bad_questions_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Question(*arguments)


def test_bad_quizzes_are_refused():
    with pytest.raises(ValueError, match="questions: found none"):
        Quiz([])
    with pytest.raises(TypeError, match="questions: found str, expected Question"):
        Quiz(["What?"])


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ([None, None, None], "3 questions, none answered yet."),
        ([1, None, None], "1 right out of 1 answered, 2 to go."),
        ([0, 0, None], "1 right out of 2 answered, 1 to go."),
        ([1, 0, 0], "Finished: 3 of 3 right."),
        ([0, 1, 1], "Finished: 0 of 3 right."),
    ],
)
def test_score_in_the_browser(run_js, choices, text):
    questions = Quiz(QUESTIONS).questions
    body = "return m.scoreText(m.score(a[0], a[1]))"
    assert run_js(Quiz, body, [questions, choices]) == text


def test_right_and_wrong_are_said_in_words(run_js):
    questions = Quiz(QUESTIONS).questions
    assert run_js(Quiz, "return m.verdict(a[0], 1)", questions) == "Right."
    assert run_js(Quiz, "return m.verdict(a[0], 0)", questions) == "Not this one. The answer is: 17."


def test_backticks_become_code(run_js):
    found = run_js(Quiz, "return m.pieces(a)", "Call `draw(n)` now")
    assert found == [["Call ", False], ["draw(n)", True], [" now", False]]
