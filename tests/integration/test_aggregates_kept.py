"""Whatever commands come, also at the same time: the tables are the fold of the stored events, and none is lost."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from canvas_demo.kernel.aggregate import Aggregate, Executed, execute
from canvas_demo.kernel.database import Pool, open_pool
from canvas_demo.kernel.errors import Conflict, DomainError
from canvas_demo.kernel.outbox import read_stream
from canvas_demo.kernel.settings import Settings
from canvas_demo.serve import run_migrations
from tests.commands import AGGREGATES, Subject, commands_of

Outcome = Executed[Any] | DomainError


class Kept:
    """One event loop with a pool of each module, for all examples."""

    def __init__(self, where: Settings) -> None:
        self._settings = where
        self._runner = asyncio.Runner()
        self._open = AsyncExitStack()
        self._pools: dict[str, Pool] = {}

    def run(self, module: str, subject: Subject, rounds: Sequence[Sequence[Any]]) -> None:
        self._runner.run(self._run(module, subject, rounds))

    def close(self) -> None:
        self._runner.run(self._open.aclose())
        self._runner.close()

    async def _run(self, module: str, subject: Subject, rounds: Sequence[Sequence[Any]]) -> None:
        if module not in self._pools:
            self._pools[module] = await self._open.enter_async_context(open_pool(self._settings, module))
        pool, written = self._pools[module], []
        for commands in rounds:
            outcomes = await asyncio.gather(*(_send(pool, subject, command) for command in commands))
            assert not all(isinstance(outcome, Conflict) for outcome in outcomes), "nobody won"
            written += [event for each in outcomes if isinstance(each, Executed) for event in each.events]
        await _check(pool, subject, written)


async def _send(pool: Pool, subject: Subject, command: Any) -> Outcome:
    try:
        async with pool.connection() as connection:
            of = (subject.aggregate, subject.id, subject.organization_id)
            return await execute(connection, *of, command, datetime.now(UTC))
    except DomainError as error:
        return error


async def _check(pool: Pool, subject: Subject, written: list[Any]) -> None:
    aggregate = subject.aggregate
    async with pool.connection() as connection:
        stream = await read_stream(connection, (aggregate.type, subject.id))
        loaded = await aggregate.load(connection, subject.id)
    stored = [aggregate.events.read(event.event_type, event.payload) for event in stream]
    assert (loaded.state, loaded.version) == (aggregate.fold(stored), len(stream))
    assert [event.aggregate_version for event in stream] == list(range(1, len(stream) + 1))
    assert sorted(map(repr, stored)) == sorted(map(repr, written)), "what was answered is what is stored"


@pytest.fixture(scope="module")
def kept(stack: Any) -> Iterator[Kept]:
    """On a database of its own, beside the stack's: Debezium does not read it, so nobody reacts to what is written."""
    name = f"kept_{uuid4().hex}"
    beside = stack.settings.model_copy(update={"postgres_database": name})
    database = sql.Identifier(name)
    with psycopg.connect(stack.settings.database_url(stack.settings.postgres_admin), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(database))
        try:
            list(run_migrations(beside))
            kept = Kept(beside)
            yield kept
            kept.close()
        finally:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


@pytest.mark.parametrize(("module", "aggregate"), AGGREGATES, ids=[each.type for _, each in AGGREGATES])
def test_any_commands_leave_tables_that_are_the_fold_of_the_events(
    kept: Kept, module: str, aggregate: Aggregate[Any]
) -> None:
    @settings(max_examples=12, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def rounds(data: Any) -> None:
        subject = Subject.new(aggregate)
        at_once = st.lists(commands_of(subject), min_size=1, max_size=4)
        kept.run(module, subject, data.draw(st.lists(at_once, min_size=1, max_size=6)))

    rounds()
