"""An aggregate: a decision, an evolution, and the tables that keep its state.

A command is ``decide(state, command) -> events``; the state after them is
``evolve(state, event) -> state``. Both are pure. `execute` is the one place that runs a command:
state rows and outbox rows are written in the caller's transaction.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, Generic, Protocol, TypeVar

from google.protobuf.message import Message

from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import NotFound, Stale
from canvas_demo.kernel.events import EventTypes, Recorded
from canvas_demo.kernel.outbox import append, hold_organization, one_writer


class State(Protocol):
    """What the state of every aggregate tells: whose it is."""

    @property
    def organization_id(self) -> str:
        """The organisation that the aggregate belongs to."""


S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Loaded(Generic[S]):
    """The state of an aggregate at a version; ``None`` at version 0: it does not exist.

    ``created_at`` and ``updated_at``: when its first and its last event happened, where the tables tell.
    """

    state: S | None
    version: int
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Aggregate(Generic[S]):
    """How an aggregate of one type decides, evolves and is kept.

    ``load(connection, id)`` reads the state tables; ``save(connection, before, after, version, now)``
    writes to them what changed. ``tables`` are the state tables, the one with a row an aggregate
    first; none where the events are all there is.
    """

    type: str
    events: EventTypes
    decide: Callable[[S | None, Any], Sequence[Message]]
    evolve: Callable[[S | None, Any], S]
    load: Callable[[Connection, str], Awaitable[Loaded[S]]]
    save: Callable[[Connection, S | None, S, int, datetime], Awaitable[None]]
    tables: Sequence[str] = ()

    def fold(self, events: Iterable[Message], state: S | None = None) -> S | None:
        """The state after ``events``."""
        return reduce(self.evolve, events, state)

    def replay(self, stream: Sequence[Recorded]) -> S | None:
        """The state after a stream as it was stored."""
        return self.fold(self.events.read(event.event_type, event.payload) for event in stream)


@dataclass(frozen=True)
class Executed(Generic[S]):
    """What a command led to; ``events`` is empty where it changed nothing.

    The times are those of `Loaded` after the command; now, where the tables do not tell.
    """

    state: S
    version: int
    events: Sequence[Message]
    created_at: datetime
    updated_at: datetime


async def execute(
    connection: Connection,
    aggregate: Aggregate[S],
    aggregate_id: str,
    organization_id: str,
    command: object,
    now: datetime,
    expected_version: int = 0,
) -> Executed[S]:
    """Run ``command`` against the aggregate in the caller's transaction.

    ``expected_version`` is the version that the caller saw; 0 makes no condition. Raises `NotFound`
    where the aggregate is another organisation's, or was seen but is not there; `Stale` where it is
    at another version; `Conflict` where another writer was quicker; and whatever ``decide`` raises.
    """
    async with connection.pipeline():
        await hold_organization(connection, organization_id)
        before = await aggregate.load(connection, aggregate_id)
    hidden = before.state is not None and before.state.organization_id != organization_id
    if hidden or (before.state is None and expected_version):
        raise NotFound(f"There is no {aggregate.type} {aggregate_id}.")
    if expected_version not in {0, before.version}:
        raise Stale(
            f"This {aggregate.type} is at version {before.version}, not {expected_version}.",
            current_version=before.version,
        )
    async with one_writer(connection, aggregate.type, before.version):
        return await advance(connection, aggregate, aggregate_id, organization_id, before, command, now)


async def begin(
    connection: Connection,
    aggregate: Aggregate[S],
    aggregate_id: str,
    organization_id: str,
    command: object,
    now: datetime,
) -> Executed[S]:
    """Run ``command`` against an aggregate that is not there yet, since its id was made just now.

    Raises `Conflict` where it is there all the same, and whatever ``decide`` raises.
    """
    nothing: Loaded[S] = Loaded(None, 0)
    async with one_writer(connection, aggregate.type, 0):
        return await advance(connection, aggregate, aggregate_id, organization_id, nothing, command, now)


async def advance(
    connection: Connection,
    aggregate: Aggregate[S],
    aggregate_id: str,
    organization_id: str,
    before: Loaded[S],
    command: object,
    now: datetime,
) -> Executed[S]:
    """Run ``command`` against a state that is at hand; it only writes, so many fit in one pipeline.

    The conflict with another writer shows itself when the pipeline ends: see `one_writer`.
    """
    events = aggregate.decide(before.state, command)
    after = aggregate.fold(events, before.state)
    if after is None:
        raise NotFound(f"There is no {aggregate.type} {aggregate_id}.")
    if not events:
        return Executed(after, before.version, events, before.created_at or now, before.updated_at or now)
    version = await append(connection, (aggregate.type, aggregate_id), before.version, organization_id, events, now)
    await aggregate.save(connection, before.state, after, version, now)
    return Executed(after, version, events, before.created_at or now, now)
