"""The state tables against the events: compare them, or write them anew."""

from dataclasses import dataclass, field
from typing import Any

from psycopg import IsolationLevel, sql

from canvas_demo.kernel.aggregate import Aggregate
from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.outbox import read_streams


@dataclass
class Replayed:
    """What came of one aggregate type; ``differences`` are sentences, empty when all agrees."""

    aggregate_type: str
    streams: int = 0
    events: int = 0
    differences: list[str] = field(default_factory=list)


async def verify(pool: Pool, aggregate: Aggregate[Any]) -> Replayed:
    """Fold every stream and compare it with the state tables, in one snapshot of both."""
    result = Replayed(aggregate.type)
    async with pool.connection() as connection:
        await connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
        async with connection.transaction(force_rollback=True):
            async for stream in read_streams(connection, aggregate.type):
                result.streams += 1
                result.events += len(stream)
                if not aggregate.tables:
                    continue
                folded, loaded = aggregate.replay(stream), await aggregate.load(connection, stream[0].aggregate_id)
                if (folded, len(stream)) != (loaded.state, loaded.version):
                    result.differences.append(
                        f"{aggregate.type} {stream[0].aggregate_id}: the events say {folded} at version {len(stream)}, "
                        f"the tables say {loaded.state} at version {loaded.version}"
                    )
            if aggregate.tables and (rows := await _count(connection, aggregate.tables[0])) != result.streams:
                result.differences.append(
                    f"{aggregate.type}: {result.streams} streams, but {rows} rows in {aggregate.tables[0]}"
                )
        await connection.set_isolation_level(None)
    return result


async def rebuild(pool: Pool, aggregate: Aggregate[Any]) -> Replayed:
    """Empty the state tables and write them from the events, in one transaction; writers wait for its end.

    A writer that has appended events but not yet its rows waits at the lock; what it writes then
    joins what was rebuilt.
    """
    result = Replayed(aggregate.type)
    async with pool.connection() as connection:
        for table in aggregate.tables:
            lock = sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(sql.Identifier(table))
            await connection.execute(lock)
        for table in reversed(aggregate.tables):
            await connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        async for stream in read_streams(connection, aggregate.type):
            result.streams += 1
            result.events += len(stream)
            state = None
            for event in stream if aggregate.tables else ():
                after = aggregate.evolve(state, aggregate.events.read(event.event_type, event.payload))
                await aggregate.save(connection, state, after, event.aggregate_version, event.occurred_at)
                state = after
    return result


async def _count(connection: Connection, table: str) -> int:
    cursor = await connection.execute(sql.SQL("SELECT count(*) AS rows FROM {}").format(sql.Identifier(table)))
    row = await cursor.fetchone()
    return int(row["rows"]) if row else 0
