"""The table `parked`: records that a consumer has taken in and not handled, in the order of each key.

Who parks a record claims it in the inbox by the same transaction. So the record is handled from
here and from nowhere else, whoever still has it in hand.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncCursor
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.kafka import Record
from canvas_demo.kernel.sql import Queries

QUERIES = Queries(__package__, "parking.sql")

Lane = tuple[str, str]
"""(topic, key): what has an order."""
ENDED = "the process ended while it was handled"
BEHIND = "it waits for an earlier record of its key"
AGAIN = "it was in hand when its consumer began"
TOGETHER = "it was tried together with others of its key"


def channel(consumer: str) -> str:
    """The channel of LISTEN and NOTIFY on which changes in what is parked are announced."""
    return f"parked/{consumer}"


def lane_of(record: Record) -> Lane | None:
    """What the record has an order in; None where it has no key."""
    return None if record.key is None else (record.topic, record.key)


async def find_blocked(connection: Connection, consumer: str, lanes: Iterable[Lane]) -> AsyncCursor[DictRow]:
    """Those of ``lanes`` that have a record parked, as rows: to be read when the caller's pipeline has ended."""
    topics, keys = zip(*set(lanes), strict=True) if lanes else ((), ())
    asked = {"consumer": consumer, "topics": list(topics), "keys": list(keys)}
    return await connection.execute(QUERIES["blocked_keys"], asked)


@dataclass(frozen=True)
class Parking:
    """A record to park: why, after how many attempts, and in how many seconds it is due; None: when somebody says."""

    event_id: str
    record: Record
    attempts: int
    reason: str
    due_in: float | None


async def park(connection: Connection, consumer: str, parkings: Sequence[Parking]) -> None:
    """Write records behind whatever is parked of their keys, and tell the retrier. They must have been claimed."""
    rows = [
        {
            "consumer": consumer,
            "event_id": each.event_id,
            "topic": each.record.topic,
            "partition": each.record.partition,
            "offset": each.record.offset,
            "key": each.record.key,
            "headers": Jsonb(dict(each.record.headers)),
            "value": each.record.value,
            "attempts": each.attempts,
            "reason": each.reason,
            "due_in": each.due_in,
        }
        for each in parkings
    ]
    await connection.cursor().executemany(QUERIES["park"], rows)
    await announce(connection, consumer)


async def announce(connection: Connection, consumer: str) -> None:
    """Wake whoever waits for a change, when the transaction commits."""
    await connection.execute(QUERIES["announce"], [channel(consumer)])


def record_in(row: dict[str, Any]) -> Record:
    """The record of a row."""
    return Record(row["topic"], row["partition"], row["record_offset"], row["key"], row["headers"], bytes(row["value"]))
