"""Whatever commands come: the state is the fold of the events, also of the events as they are stored."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canvas_demo.kernel.aggregate import Aggregate
from canvas_demo.kernel.errors import DomainError
from canvas_demo.kernel.events import payload_of
from canvas_demo.serve import module
from tests.commands import AGGREGATES, MODULES, Subject, commands_of


@pytest.mark.parametrize("name", MODULES)
def test_no_aggregate_escapes(name: str) -> None:
    assert module(name).aggregates == MODULES[name]


@pytest.mark.parametrize("aggregate", [each for _, each in AGGREGATES], ids=lambda each: each.type)
def test_any_sequence_of_commands_folds_to_its_state(aggregate: Aggregate[Any]) -> None:
    subject = Subject.new(aggregate)

    @settings(max_examples=60)
    @given(st.lists(commands_of(subject), max_size=12))
    def sequence(commands: Sequence[Any]) -> None:
        state, stored = None, []
        for command in commands:
            try:
                events = aggregate.decide(state, command)
            except DomainError:
                continue
            state = aggregate.fold(events, state)
            stored += [(event.DESCRIPTOR.name, payload_of(event)) for event in events]
        assert aggregate.fold(aggregate.events.read(*event) for event in stored) == state

    sequence()
