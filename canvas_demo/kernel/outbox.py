"""The outbox: events appended on the caller's transaction, and read back as an aggregate's stream."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime

from google.protobuf.message import Message
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Conflict
from canvas_demo.kernel.events import Recorded, message_type, payload_of
from canvas_demo.kernel.personal import seal, unseal
from canvas_demo.kernel.sql import Queries
from canvas_demo.kernel.trace import current_trace, new_id

QUERIES = Queries(__package__)
SCHEMA_VERSION = 1


async def append(
    connection: Connection,
    aggregate: tuple[str, str],
    after_version: int,
    organization_id: str,
    events: Sequence[Message],
    now: datetime,
) -> int:
    """Append ``events`` to the stream of ``aggregate`` = (type, id) as versions after ``after_version``.

    Opens no transaction and ends none: the events are there when the caller's state is, or not at
    all. What is personal in them is sealed. Returns the version after the
    last of them. Raises `Conflict` when another writer has appended there already; the caller's
    transaction is then void.
    """
    trace = current_trace()
    aggregate_type, aggregate_id = aggregate
    rows = []
    for version, event in enumerate(events, after_version + 1):
        event_id = new_id()
        payload = await seal(payload_of(event), type(event), connection.keys, organization_id, event_id)
        rows.append(
            {
                "event_id": event_id,
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "aggregate_version": version,
                "event_type": event.DESCRIPTOR.name,
                "schema_version": SCHEMA_VERSION,
                "organization_id": organization_id,
                "payload": Jsonb(payload),
                "correlation_id": trace.correlation_id,
                "causation_id": trace.causation_id,
                "traceparent": trace.traceparent,
                "occurred_at": now,
            }
        )
    try:
        await connection.cursor().executemany(QUERIES["append_event"], rows)
    except UniqueViolation as error:
        if error.diag.constraint_name != "outbox_one_writer_a_version":
            raise
        raise Conflict(
            f"Somebody else changed this {aggregate_type} at the same time; load it again and repeat.",
            current_version=after_version + 1,
        ) from error
    return after_version + len(rows)


async def read_stream(connection: Connection, aggregate: tuple[str, str]) -> list[Recorded]:
    """All events of ``aggregate`` = (type, id), oldest first."""
    cursor = await connection.execute(QUERIES["read_stream"], aggregate)
    return [await _opened(connection, Recorded(**row)) for row in await cursor.fetchall()]


async def streams_of(connection: Connection, aggregate_type: str, organization_id: str) -> list[str]:
    """The ids of the organisation's aggregates of a type."""
    cursor = await connection.execute(QUERIES["streams_of_organization"], [aggregate_type, organization_id])
    return [row["aggregate_id"] for row in await cursor.fetchall()]


async def read_streams(connection: Connection, aggregate_type: str) -> AsyncIterator[list[Recorded]]:
    """Every stream of a type, one list of events after the other, without holding all in memory."""
    async with connection.cursor("streams") as cursor:
        await cursor.execute(QUERIES["read_streams"], [aggregate_type])
        stream: list[Recorded] = []
        async for row in cursor:
            event = await _opened(connection, Recorded(**row))
            if stream and stream[0].aggregate_id != event.aggregate_id:
                yield stream
                stream = []
            stream.append(event)
        if stream:
            yield stream


async def _opened(connection: Connection, event: Recorded) -> Recorded:
    message = message_type(event.source, event.event_type)
    if message is None:
        return event
    payload = await unseal(event.payload, message, connection.keys, event.organization_id, event.event_id)
    return replace(event, payload=payload)
