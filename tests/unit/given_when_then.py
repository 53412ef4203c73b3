"""Tests of decisions, in the words of those who asked for them.

``given(CANVAS, created).when(RenameCanvas(...)).then(CanvasRenamed(...))``: after these events, this
command leads to those; ``.raises(NotFound)``: it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

    from canvas_demo.kernel.aggregate import Aggregate


@dataclass(frozen=True)
class Given:
    aggregate: Aggregate[Any]
    events: Sequence[Message]

    def when(self, command: object) -> When:
        return When(self, command)

    @property
    def state(self) -> Any:
        return self.aggregate.fold(self.events)


@dataclass(frozen=True)
class When:
    given: Given
    command: object

    def decide(self) -> list[Message]:
        return list(self.given.aggregate.decide(self.given.state, self.command))

    def then(self, *expected: Message) -> None:
        """Exactly these events, and they can be folded."""
        events = self.decide()
        assert events == list(expected)
        self.given.aggregate.fold([*self.given.events, *events])

    def raises(self, error: type[Exception], match: str | None = None) -> pytest.ExceptionInfo[Exception]:
        """The command is refused."""
        with pytest.raises(error, match=match) as refused:
            self.decide()
        return refused


def given(aggregate: Aggregate[Any], *events: Message) -> Given:
    return Given(aggregate, events)
