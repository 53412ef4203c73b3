"""Exercises: a question, hints, a check that looks at the real system, and a solution that can be run."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from canvas_demo.lab.api import Person
from canvas_demo.lab.checks import NotYet
from canvas_demo.lab.records import Record
from canvas_demo.lab.session import Lab


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
        wrong = self.judge(answer)
        return Verdict(passed=not wrong, reason=wrong or self.praise)

    def hint(self) -> None:
        """Print the next hint; the last one again when there are no more."""
        print(self.hints[min(self._given, len(self.hints) - 1)])
        self._given += 1

    def solution(self) -> Any:
        """Print how it can be done, do it, and give the answer."""
        print(inspect.getsource(self.solve))
        return self.solve()


# --- 00 ----------------------------------------------------------------------------------------------------


def rename_a_canvas(lab: Lab, person: Person, canvas: Record) -> Exercise:
    """00: change something, and find the event that says so."""

    def judge(answer: object) -> str:
        events = lab.events(aggregate_id=canvas["id"], event_type="CanvasRenamed")
        if events.empty:
            return "the outbox holds no CanvasRenamed of your canvas."
        if answer not in set(events["event_id"]):
            return f"{answer!r} is not the id of a CanvasRenamed of your canvas."
        try:
            lab.kafka.record("canvas-demo.canvas", str(answer), since=events["occurred_at"].min())
        except NotYet:
            return "the event is in the outbox, but not in Kafka."
        return ""

    def solve() -> object:
        renamed = person.rename_canvas(canvas["id"], "Vegetables and herbs")
        return lab.events(correlation_id=renamed.correlation_id)["event_id"].iloc[0]

    return Exercise(
        question="Give your canvas another name, and assign the id of the event that tells of it to `answer`.",
        hints=(
            "person.rename_canvas(canvas_id, name) sends the command.",
            "Its answer has a correlation_id, as the answer to create_canvas had.",
            "lab.events(correlation_id=…) has a column event_id.",
        ),
        judge=judge,
        solve=solve,
        praise="the event is in the outbox, and in Kafka under the canvas's key.",
    )


# --- 08 ----------------------------------------------------------------------------------------------------


def find_the_cause(lab: Lab, upload: Record) -> Exercise:
    """08: follow a causation id to its event."""

    def solve() -> object:
        events = lab.events(correlation_id=upload.correlation_id)
        return events.loc[events["event_type"] == "ItemFileChanged", "causation_id"].iloc[0]

    def judge(answer: object) -> str:
        events = lab.events(correlation_id=upload.correlation_id)
        changed = events[events["event_type"] == "ItemFileChanged"]
        if answer in set(changed["event_id"]):
            return "that is the ItemFileChanged itself; which event led to it?"
        if answer == upload.correlation_id:
            return "that is the conversation that all these events belong to; which event led to it?"
        return "" if answer in set(changed["causation_id"]) else f"{answer!r} did not lead to the ItemFileChanged."

    return Exercise(
        question=(
            "Soon after ItemPlaced, an ItemFileChanged follows, which nobody sent a command for. Assign the id of the "
            "event that led to it to `answer`. Which module published that event?"
        ),
        hints=(
            "All events of the upload share its correlation id: lab.events(correlation_id=upload.correlation_id).",
            "Each event says in causation_id what led to it.",
            "Look at causation_id in the row whose event_type is ItemFileChanged.",
        ),
        judge=judge,
        solve=solve,
        praise="the module files published it, and the module canvases reacted.",
    )
