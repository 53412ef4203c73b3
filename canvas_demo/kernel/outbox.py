"""The outbox: events appended on the caller's transaction, and read back as an aggregate's stream."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from google.protobuf.message import Message
from psycopg.errors import IntegrityError
from psycopg.types.json import Jsonb

from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Conflict, Gone
from canvas_demo.kernel.events import Recorded, payload_of
from canvas_demo.kernel.personal import seal
from canvas_demo.kernel.reading import Written, read
from canvas_demo.kernel.sql import Queries
from canvas_demo.kernel.trace import current_trace, new_id
from canvas_demo.kernel.upcasting import schema_version_of

QUERIES = Queries(__package__)

FORGOTTEN = "The keys of this organisation were destroyed: it can store nothing any more."


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
    all. What is personal in them is sealed. Returns the version after the last of them. Raises
    `Conflict` when another writer has appended there already, and `Gone` when something in them is
    personal and the organisation's keys were destroyed; the caller's transaction is then void.
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
                "schema_version": schema_version_of(type(event)),
                "organization_id": organization_id,
                "payload": Jsonb(payload),
                "correlation_id": trace.correlation_id,
                "causation_id": trace.causation_id,
                "traceparent": trace.traceparent,
                "occurred_at": now,
            }
        )
    with _refusals(aggregate_type, after_version):
        for row in rows:
            await connection.execute(QUERIES["append_event"], row)
    return after_version + len(rows)


async def hold_organization(connection: Connection, organization_id: str) -> None:
    """Keep the module from forgetting the organisation while this transaction lasts: before a state is loaded.

    A state that was loaded before would be saved after, with all that was forgotten.
    """
    await connection.execute(QUERIES["hold_organization"], [organization_id])


async def check_storable(connection: Connection, organization_id: str) -> None:
    """Raises `Gone` where nothing personal of the organisation can be stored any more, in this transaction."""
    await hold_organization(connection, organization_id)
    if await is_forgotten(connection, organization_id):
        raise Gone(FORGOTTEN)
    await connection.keys.newest(organization_id)


async def is_forgotten(connection: Connection, organization_id: str) -> bool:
    """Whether the module has heard that the organisation's keys were destroyed."""
    return await (await connection.execute(QUERIES["is_forgotten"], [organization_id])).fetchone() is not None


@asynccontextmanager
async def one_writer(connection: Connection, aggregate_type: str, after_version: int) -> AsyncIterator[None]:
    """A pipeline for one aggregate's events and rows: sent together, in one round trip, and answered when it ends.

    Raises `Conflict` and `Gone` then, as `append` does outside of a pipeline.
    """
    with _refusals(aggregate_type, after_version):
        async with connection.pipeline():
            yield


@contextmanager
def _refusals(aggregate_type: str, after_version: int) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        match error.diag.constraint_name:
            case "outbox_one_writer_a_version":
                raise Conflict(
                    f"Somebody else changed this {aggregate_type} at the same time; load it again and repeat.",
                    current_version=after_version + 1,
                ) from error
            case "outbox_not_forgotten":
                raise Gone(FORGOTTEN) from error
            case _:
                raise


async def read_stream(connection: Connection, aggregate: tuple[str, str]) -> list[Recorded]:
    """All events of ``aggregate`` = (type, id), oldest first."""
    cursor = await connection.execute(QUERIES["read_stream"], aggregate)
    return [await _read(connection, row) for row in await cursor.fetchall()]


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
            event = await _read(connection, row)
            if stream and stream[0].aggregate_id != event.aggregate_id:
                yield stream
                stream = []
            stream.append(event)
        if stream:
            yield stream


async def _read(connection: Connection, row: dict[str, Any]) -> Recorded:
    event = Recorded(**row)
    written = Written(**{field.name: row[field.name] for field in fields(Written)})
    return replace(event, **vars(await read(written, connection.keys)))
