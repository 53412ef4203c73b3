"""Exercises: a question, hints, a check that looks at the real system, and a solution that can be run.

A file a notebook, named as the notebook is.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """Whether an answer holds, and if not, what the system says instead."""

    passed: bool
    reason: str

    def __repr__(self) -> str:
        return f"✓ {self.reason}" if self.passed else f"✗ Not yet: {self.reason}"


@dataclass
class Exercise:
    """``judge`` gives what is wrong with an answer, or an empty text; ``solve`` gives a right answer."""

    question: str
    hints: Sequence[str]
    judge: Callable[[Any], str]
    solve: Callable[[], Any]
    praise: str
    _given: int = field(default=0, init=False)

    def __repr__(self) -> str:
        return self.question

    def check(self, answer: object) -> Verdict:
        """Whether the answer holds; a wrong one raises nothing, so that a notebook goes on."""
        if answer is ...:
            return Verdict(passed=False, reason="put your answer where the … is.")
        try:
            wrong = self.judge(answer)
        except Exception as error:  # noqa: BLE001  (what can't be judged is no answer, and is told)
            wrong = f"a {type(answer).__name__} like this can't be judged: {error!r}"
        return Verdict(passed=not wrong, reason=wrong or self.praise)

    def hint(self) -> None:
        """Print the next hint; the last one again when there are no more."""
        print(self.hints[min(self._given, len(self.hints) - 1)])
        self._given += 1

    def solution(self) -> Any:
        """Print how it can be done, do it, and give the answer."""
        print(inspect.getsource(self.solve))
        return self.solve()
