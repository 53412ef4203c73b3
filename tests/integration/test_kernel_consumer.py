"""A record has one effect, however often it comes and whatever goes wrong on the way."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Producer

from canvas_demo.contracts.canvases.v1.events_pb2 import CanvasRenamed
from canvas_demo.kernel.consumer import Consumer, Reaction
from canvas_demo.kernel.database import Connection, Pool, open_pool
from canvas_demo.kernel.kafka import Delivered, ensure_topics, topic_of
from canvas_demo.kernel.outbox import append, read_stream
from canvas_demo.kernel.trace import new_traceparent

DEADLINE = 60.0


class Effects:
    """A consumer whose reaction appends one event to a stream of its own: what it did can be read."""

    def __init__(self, stack: Any, pool: Pool) -> None:
        self.settings = stack.settings
        self.pool = pool
        self.type = f"test-{uuid4()}"
        self.consumer = f"test-{uuid4()}"
        self.fail_at: dict[str, int] = {}
        self.producer = Producer({"bootstrap.servers": self.settings.bootstrap})
        ensure_topics(self.settings, [self.type])

    async def react(self, connection: Connection, event: Delivered) -> None:
        done = await read_stream(connection, (self.type, self.consumer))
        effect = CanvasRenamed(canvas_id=event.id, name=event.trace.correlation_id)
        await append(connection, (self.type, self.consumer), len(done), "o", [effect], datetime.now(UTC))
        if self.fail_at.get(event.id, 0):
            self.fail_at[event.id] -= 1
            raise RuntimeError("the reaction failed after it had written")

    @asynccontextmanager
    async def running(self, reaction: Reaction | None = None) -> AsyncIterator[None]:
        reactions = {(self.type, "Tested"): reaction or self.react}
        async with Consumer(self.settings, self.consumer, self.pool, reactions).running():
            yield

    def produce(self, *event_ids: str) -> None:
        for event_id in event_ids:
            headers = {
                "ce_id": event_id,
                "ce_type": "Tested",
                "ce_source": "/test",
                "ce_subject": f"{self.type}/a",
                "ce_time": "2026-01-01T00:00:00Z",
                "ce_organizationid": "o",
                "ce_aggregateversion": "1",
                "ce_correlationid": f"for {event_id}",
                "ce_causationid": "test",
                "traceparent": new_traceparent(),
            }
            self.producer.produce(topic_of(self.type), key="a", value="{}", headers=list(headers.items()))
        self.producer.flush(DEADLINE)

    async def effects(self) -> list[str]:
        async with self.pool.connection() as connection:
            return [event.payload["canvas_id"] for event in await read_stream(connection, (self.type, self.consumer))]

    async def until(self, *expected: str) -> None:
        end = time.monotonic() + DEADLINE
        while (seen := await self.effects()) != list(expected):
            assert time.monotonic() < end, f"expected {expected}, seen {seen}"
            await asyncio.sleep(0.05)


@pytest.fixture
async def effects(stack: Any) -> AsyncIterator[Effects]:
    async with open_pool(stack.settings, "canvases") as pool:
        yield Effects(stack, pool)


async def test_a_record_that_comes_twice_has_one_effect(effects: Effects) -> None:
    one, two, last = (str(uuid4()) for _ in range(3))
    effects.produce(one, one, two)
    async with effects.running():
        await effects.until(one, two)
        effects.produce(two, one, last)
        await effects.until(one, two, last)


async def test_a_record_that_a_consumer_handled_has_no_effect_on_the_next_life_of_it(effects: Effects) -> None:
    one, two = str(uuid4()), str(uuid4())
    async with effects.running():
        effects.produce(one)
        await effects.until(one)
    effects.produce(one, two)
    async with effects.running():
        await effects.until(one, two)


async def test_a_reaction_that_fails_leaves_nothing_and_is_tried_again_in_order(effects: Effects) -> None:
    one, two, three = (str(uuid4()) for _ in range(3))
    effects.fail_at = {two: 3}
    effects.produce(one, two, three)
    async with effects.running():
        await effects.until(one, two, three)
    assert effects.fail_at == {two: 0}


async def test_a_reaction_belongs_to_the_conversation_of_its_event(effects: Effects) -> None:
    one = str(uuid4())
    effects.produce(one)
    async with effects.running():
        await effects.until(one)
    async with effects.pool.connection() as connection:
        (effect,) = await read_stream(connection, (effects.type, effects.consumer))
    assert (effect.correlation_id, effect.causation_id) == (f"for {one}", one)
