"""What the harness runs inside a notebook's kernel: cells that it adds, and removes again from what it keeps."""

import json
from collections.abc import Callable
from typing import Any, Protocol

from IPython.core.getipython import get_ipython

from canvas_demo.course.proofs import PROVE, Proofs, Proving

REPORT = "course report: "


class Unsolved(AssertionError):
    """An exercise takes its placeholder, or refuses its own solution."""


class _Exercise(Protocol):
    check: Callable[[object], Any]
    solution: Callable[[], Any]


class Course:
    """Watches over one run of one notebook."""

    def __init__(self) -> None:
        self.proofs = Proofs()
        self.exercises = 0

    def begin(self) -> None:
        """From now on, every claim is proven where it is made."""
        shell: Any = get_ipython()
        shell.ast_transformers.append(Proving())
        shell.user_ns[PROVE] = self.proofs.prove

    def solve(self, exercise: _Exercise) -> None:
        """Raise `Unsolved` unless the placeholder fails the check, and the solution passes it."""
        placeholder = exercise.check(...)
        if placeholder.passed:
            raise Unsolved(f"{exercise!r}\nThe placeholder passes.")
        verdict = exercise.check(exercise.solution())
        if not verdict.passed:
            raise Unsolved(f"{exercise!r}\nThe solution does not pass: {verdict.reason}")
        self.exercises += 1

    def report(self) -> None:
        """Print what was shown, when the looks of claims that nothing comes have been proven too."""
        self.proofs.prove_looks()
        print(REPORT + json.dumps({"claims": len(self.proofs.proven), "exercises": self.exercises}))


course = Course()
