"""What PostgreSQL itself holds the modules to."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from google.protobuf.message import Message

from canvas_demo.contracts.canvases.v1.events_pb2 import CanvasRenamed
from canvas_demo.kernel.database import Pool, open_pool
from canvas_demo.kernel.errors import Conflict
from canvas_demo.kernel.failures import passes
from canvas_demo.kernel.outbox import append, read_stream
from canvas_demo.kernel.settings import MODULES
from canvas_demo.serve import run_migrations

ORGANIZATION = str(uuid4())


def test_migrating_again_changes_nothing(stack: Any) -> None:
    assert list(run_migrations(stack.settings)) == []


@pytest.mark.parametrize(("role", "schema"), list(permutations(MODULES, 2)))
def test_a_module_can_not_read_another_s_tables(stack: Any, role: str, schema: str) -> None:
    with (
        psycopg.connect(stack.settings.database_url(role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(f"SELECT FROM {schema}.outbox")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "statement", ["UPDATE outbox SET event_type = 'Other'", "DELETE FROM outbox", "TRUNCATE outbox"]
)
@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_not_rewrite_what_happened(stack: Any, module: str, statement: str) -> None:
    with (
        psycopg.connect(stack.settings.database_url(module)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)  # type: ignore[call-overload]


async def test_of_two_writers_of_one_aggregate_one_wins_and_the_other_is_told(stack: Any) -> None:
    aggregate = (f"test-{uuid4()}", "a")
    events: list[Message] = [CanvasRenamed(name="one"), CanvasRenamed(name="two")]
    now = datetime.now(UTC)
    async with open_pool(stack.settings, "canvases") as pool:
        async with pool.connection() as first:
            assert await append(first, aggregate, 0, ORGANIZATION, events, now) == 2
        with pytest.raises(Conflict) as conflict:
            async with pool.connection() as second:
                await append(second, aggregate, 1, ORGANIZATION, [CanvasRenamed(name="late")], now)
        async with pool.connection() as reader:
            stored = await read_stream(reader, aggregate)
    assert conflict.value.metadata["current_version"] == "2"
    assert [(event.aggregate_version, event.payload["name"]) for event in stored] == [(1, "one"), (2, "two")]


async def test_events_are_gone_with_the_transaction_that_wrote_them(stack: Any) -> None:
    aggregate = (f"test-{uuid4()}", "a")
    async with open_pool(stack.settings, "canvases") as pool:
        async with pool.connection() as connection:
            await append(connection, aggregate, 0, ORGANIZATION, [CanvasRenamed(name="one")], datetime.now(UTC))
            await connection.rollback()
        async with pool.connection() as reader:
            assert await read_stream(reader, aggregate) == []


@pytest.mark.parametrize("where", ["in a pipeline", "in the midst of its answers", "at its end"])
async def test_a_connection_whose_work_was_cancelled_is_not_used_again(stack: Any, where: str) -> None:
    """A client that gives up cancels the call's task, wherever it stands in its transaction."""
    async with open_pool(stack.settings, "canvases") as pool:
        used: list[Any] = []
        waiting = asyncio.Event()

        async def work() -> None:
            async with pool.connection() as connection:
                used.append(connection)
                await connection.execute("SELECT 1")
                async with connection.pipeline():
                    await connection.execute("SELECT pg_sleep(60)" if where == "at its end" else "SELECT 1")
                    waiting.set()
                    if where == "in a pipeline":
                        await asyncio.sleep(60)
                    await connection.execute("SELECT pg_sleep(60)")

        task = asyncio.create_task(work())
        await waiting.wait()
        if where != "in a pipeline":
            await _sleeps(pool, used[0].info.backend_pid)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert used[0].closed
        async with pool.connection() as connection:
            assert connection is not used[0]
            assert (await (await connection.execute("SELECT 1 AS one")).fetchone()) == {"one": 1}


@pytest.mark.parametrize("last", ["a statement", "a pipeline", "many statements"])
async def test_a_transaction_that_its_process_leaves_alone_is_ended_whatever_it_did_last(stack: Any, last: str) -> None:
    impatient = stack.settings.model_copy(update={"transaction_idle": 0.2})
    async with open_pool(impatient, "canvases") as pool, open_pool(stack.settings, "canvases") as others:

        async def work() -> None:
            async with pool.connection() as connection:
                await connection.execute("SELECT 1")
                if last == "a pipeline":
                    async with connection.pipeline():
                        await connection.execute("SELECT 1")
                if last == "many statements":
                    await connection.cursor().executemany("SELECT %s", [[1], [2]])
                await _is_gone(others, connection.info.backend_pid)
                await connection.execute("SELECT 1")

        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout) as ended:
            await work()
    assert passes(ended.value)


async def _is_gone(pool: Pool, pid: int) -> None:
    async with asyncio.timeout(30):
        while True:
            async with pool.connection() as connection:
                query = "SELECT FROM pg_stat_activity WHERE pid = %s"
                if await (await connection.execute(query, [pid])).fetchone() is None:
                    return
            await asyncio.sleep(0.02)


async def _sleeps(pool: Pool, pid: int) -> None:
    """Wait until the server process ``pid`` is in ``pg_sleep``: the answers before it have been sent."""
    async with asyncio.timeout(30), pool.connection() as connection:
        query = "SELECT FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
        while await (await connection.execute(query, [pid])).fetchone() is None:  # noqa: ASYNC110  (it is elsewhere)
            await asyncio.sleep(0.01)


async def test_a_statement_that_failed_unheard_is_told_of_where_it_would_be_taken_for_stored(stack: Any) -> None:
    async def work(pool: Pool) -> None:
        async with pool.connection() as connection:
            with suppress(psycopg.errors.DivisionByZero):
                await connection.execute("SELECT 1 / 0")

    async with open_pool(stack.settings, "canvases") as pool:
        with pytest.raises(psycopg.errors.InFailedSqlTransaction, match="nothing of it is stored"):
            await work(pool)
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT 1 AS one")).fetchone() == {"one": 1}


async def test_a_savepoint_in_a_pipeline_that_has_read_an_answer_commits_nothing(stack: Any) -> None:
    aggregate = (f"test-{uuid4()}", "a")
    async with open_pool(stack.settings, "canvases") as pool:
        with suppress(LookupError):
            async with pool.connection() as connection, connection.pipeline():
                await (await connection.execute("SELECT 1")).fetchone()
                async with connection.transaction():
                    await append(connection, aggregate, 0, ORGANIZATION, [CanvasRenamed(name="no")], datetime.now(UTC))
                raise LookupError("what is done is to be undone")
        async with pool.connection() as reader:
            assert await read_stream(reader, aggregate) == []


async def test_a_failure_that_nobody_heard_of_costs_the_next_user_of_the_connection_nothing(stack: Any) -> None:
    """psycopg prepares a statement that was sent five times; behind one that fails it is not prepared."""
    async with open_pool(stack.settings, "canvases") as pool:
        async with pool.connection() as connection:
            for _ in range(5):
                await connection.execute("SELECT 42")
        with suppress(psycopg.errors.InFailedSqlTransaction):
            async with pool.connection() as connection:
                with suppress(psycopg.errors.DivisionByZero):
                    async with connection.pipeline():
                        await connection.execute("SELECT 1 / 0")
                        await connection.execute("SELECT 42")
        async with pool.connection() as connection:
            assert await (await connection.execute("SELECT 42")).fetchone() is not None
