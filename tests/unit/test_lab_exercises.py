"""What an exercise makes of answers."""

import pytest

from canvas_demo.lab.exercises import Exercise


def judge(answer: object) -> str:
    return "" if {answer} == {1} else "it is another."


@pytest.mark.parametrize(
    ("answer", "said"),
    [(1, "✓ so it is."), (2, "✗ Not yet: it is another."), (..., "✗ Not yet: put your answer where the … is.")],
)
def test_an_answer_is_right_or_it_is_said_what_is_wrong(answer: object, said: str) -> None:
    exercise = Exercise("?", ("!",), judge, lambda: 1, "so it is.")
    assert repr(exercise.check(answer)) == said


def test_an_answer_that_can_not_be_judged_is_wrong_and_raises_nothing() -> None:
    verdict = Exercise("?", ("!",), judge, lambda: 1, "so it is.").check([1])
    assert not verdict.passed
    assert "a list like this can't be judged" in verdict.reason
