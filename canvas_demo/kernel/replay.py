"""The state tables against the events: compare them, or write them anew.

Both write tables from the events, with the `save` that commands use: `rebuild` the tables themselves,
`verify` temporary ones of the same names and shape, which hide them from `save` (``pg_temp`` comes
first on every search path), and are then compared with them, every column of every row.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import IsolationLevel, sql

from canvas_demo.kernel.aggregate import Aggregate
from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.events import Recorded
from canvas_demo.kernel.outbox import QUERIES, read_streams

SHOWN = 100
"""Differences of a table that are shown."""


@dataclass
class Replayed:
    """What came of one aggregate type; ``differences`` are sentences, empty when all agrees."""

    aggregate_type: str
    streams: int = 0
    events: int = 0
    differences: list[str] = field(default_factory=list)


async def verify(pool: Pool, aggregate: Aggregate[Any]) -> Replayed:
    """Fold every stream, and compare what tables it makes with those that are there, in one snapshot of both."""
    result = Replayed(aggregate.type)
    async with pool.connection() as connection:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        async with connection.transaction(force_rollback=True):
            for table in aggregate.tables:
                await connection.execute(sql.SQL(QUERIES["shadow_table"]).format(table=sql.Identifier(table)))
            await _write(connection, aggregate, result)
            for table in aggregate.tables:
                result.differences += [each async for each in _differences(connection, aggregate.type, table)]
        await connection.set_isolation_level(None)
    return result


async def rebuild(pool: Pool, aggregate: Aggregate[Any]) -> Replayed:
    """Empty the state tables and write them from the events, in one transaction; writers wait for its end.

    A writer that has appended events but not yet its rows waits at the lock; what it writes then
    joins what was rebuilt. So does one that would lock rows: it must not hold what is emptied here
    while it waits for the tables.
    """
    result = Replayed(aggregate.type)
    async with pool.connection() as connection:
        for table in aggregate.tables:
            await connection.execute(sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.Identifier(table)))
        for table in reversed(aggregate.tables):
            await connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        await _write(connection, aggregate, result)
    return result


async def _write(connection: Connection, aggregate: Aggregate[Any], result: Replayed) -> None:
    """Save every stream's state; where an aggregate has no tables, fold it all the same."""
    async for stream in read_streams(connection, aggregate.type):
        result.streams += 1
        result.events += len(stream)
        gaps = [event for version, event in enumerate(stream, 1) if event.aggregate_version != version]
        if gaps:
            result.differences.append(f"{aggregate.type} {gaps[0].aggregate_id}: an event before {gaps[0]} is missing")
        await _save(connection, aggregate, stream)


async def _save(connection: Connection, aggregate: Aggregate[Any], stream: Sequence[Recorded]) -> None:
    """Save a stream's state as its first event left it, and as its last did: a row tells of both times."""
    first, last = stream[0], stream[-1]
    created, state = aggregate.replay(stream[:1]), aggregate.replay(stream)
    async with connection.pipeline():
        await aggregate.save(connection, None, created, first.aggregate_version, first.occurred_at)
        if last is not first:
            await aggregate.save(connection, created, state, last.aggregate_version, last.occurred_at)


async def _differences(connection: Connection, aggregate_type: str, table: str) -> AsyncIterator[str]:
    module = sql.Identifier(connection.info.user)  # a module's role and its schema bear its name
    query = sql.SQL(QUERIES["compare_tables"]).format(schema=module, table=sql.Identifier(table))
    cursor = await connection.execute(query, {"limit": SHOWN})
    for row in await cursor.fetchall():
        told = "the events say, and the table does not" if row["by_events"] else "the table says, and the events do not"
        yield f"{aggregate_type}: {told}: {table} {row['row']}"
