"""A consumer whose reaction appends one event to a stream of its own: what it did can be read."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer

from canvas_demo.contracts.canvases.v1.events_pb2 import CanvasArchived
from canvas_demo.kernel.consumer import Consumer, Reaction
from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.kafka import Delivered, Record, ensure_topics, topic_of
from canvas_demo.kernel.outbox import append, read_stream
from canvas_demo.kernel.parking import ENDED, QUERIES
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.trace import new_traceparent

DEADLINE = 60.0
QUICK = {"consumer_attempts": 3, "consumer_first_retry": 0.01, "consumer_last_retry": 0.02}


def quick(settings: Settings) -> Settings:
    """The settings, with failures that come to their end soon."""
    return settings.model_copy(update=QUICK)


def headers_of(event_id: str, subject: str) -> dict[str, str]:
    """The headers of a record as Debezium makes them."""
    return {
        "ce_id": event_id,
        "ce_type": "Tested",
        "ce_source": "/test",
        "ce_subject": subject,
        "ce_time": "2026-01-01T00:00:00Z",
        "ce_organizationid": "o",
        "ce_aggregateversion": "1",
        "ce_correlationid": f"for {event_id}",
        "ce_causationid": "test",
        "traceparent": new_traceparent(),
    }


class Effects:
    """The consumer, its topic, and what it did."""

    def __init__(self, settings: Settings, pool: Pool, *, type_: str = "", consumer: str = "") -> None:
        self.settings = settings
        self.pool = pool
        self.type = type_ or f"test-{uuid4()}"
        self.consumer = consumer or f"test-{uuid4()}"
        self.stream = (f"{self.type}-effects", self.consumer)
        """Of another type than what is consumed: the consumer would be given its own effects too."""
        self.fail_at: dict[str, int] = {}
        """Event id → how many more times its reaction fails."""
        self.error: Exception = RuntimeError("the reaction failed after it had written")
        self.producer = Producer({"bootstrap.servers": self.settings.bootstrap, "log_level": 2})
        ensure_topics(self.settings, [self.type])

    async def react(self, connection: Connection, event: Delivered) -> None:
        done = await read_stream(connection, self.stream)
        effect = CanvasArchived(canvas_id=event.id)
        await append(connection, self.stream, len(done), "o", [effect], datetime.now(UTC))
        if self.fail_at.get(event.id, 0):
            self.fail_at[event.id] -= 1
            raise self.error

    @asynccontextmanager
    async def running(self, reaction: Reaction | None = None) -> AsyncIterator[Consumer]:
        consumer = Consumer(self.settings, self.consumer, self.pool, {(self.type, "Tested"): reaction or self.react})
        async with consumer.running():
            yield consumer

    def record(self, event_id: str, key: str = "a", offset: int = 0) -> Record:
        """A record as a consumer gets it."""
        return Record(topic_of(self.type), 0, offset, key, headers_of(event_id, f"{self.type}/{key}"), b"{}")

    def produce(self, *event_ids: str, key: str = "a") -> None:
        for event_id in event_ids:
            self.produce_record(key, headers_of(event_id, f"{self.type}/{key}"), b"{}")
        self.producer.flush(DEADLINE)

    def produce_record(self, key: str | None, headers: dict[str, str], value: bytes) -> None:
        """Produce to one partition, so that all keys have one order."""
        self.producer.produce(topic_of(self.type), key=key, value=value, headers=list(headers.items()), partition=0)

    async def effects(self) -> list[str]:
        async with self.pool.connection() as connection:
            return [event.payload["canvas_id"] for event in await read_stream(connection, self.stream)]

    async def parked(self) -> list[dict[str, Any]]:
        """The rows that are parked, in the order of ``canvas-demo parked list``."""
        async with self.pool.connection() as connection:
            return await (await connection.execute(QUERIES["list"], {"consumer": self.consumer})).fetchall()

    async def until(self, *expected: str) -> None:
        end = time.monotonic() + DEADLINE
        while (seen := await self.effects()) != list(expected):
            assert time.monotonic() < end, f"expected {expected}, seen {seen}"
            await asyncio.sleep(0.05)

    async def until_parked(self, expected: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
        """Until these event ids are parked, each after so many attempts, and none of them is or will be tried."""
        end = time.monotonic() + DEADLINE
        while True:
            rows = await self.parked()
            heads = [row for row in rows if row["position"] == row["head"]]
            busy = [row for row in heads if row["due_at"] or row["reason"] == ENDED]
            if [(row["event_id"], row["attempts"]) for row in rows] == list(expected) and not busy:
                return rows
            assert time.monotonic() < end, f"expected {list(expected)}, seen {rows}"
            await asyncio.sleep(0.05)
