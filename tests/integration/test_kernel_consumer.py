"""A record has one effect, however often it comes and whatever goes wrong on the way."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import KafkaError
from prometheus_client import generate_latest

from canvas_demo.kernel import consumer
from canvas_demo.kernel.database import Connection, open_pool
from canvas_demo.kernel.kafka import Delivered
from canvas_demo.kernel.outbox import read_stream
from tests.integration.effects import Effects, quick
from tests.integration.test_operations import metrics
from tests.integration.websocket_clients import until_async


@pytest.fixture
async def effects(stack: Any) -> AsyncIterator[Effects]:
    settings = quick(stack.settings)
    async with open_pool(settings, "canvases") as pool:
        yield Effects(settings, pool)


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
    effects.fail_at = {two: 2}
    effects.produce(one, two, three)
    async with effects.running():
        await effects.until(one, two, three)
    assert effects.fail_at == {two: 0}


async def test_the_lag_is_the_number_of_records_whose_offsets_are_not_committed(effects: Effects) -> None:
    first, *others = (str(uuid4()) for _ in range(6))
    begun, free = asyncio.Event(), asyncio.Event()

    async def react(connection: Connection, event: Delivered) -> None:
        if event.id != first:
            begun.set()
            await free.wait()
        await effects.react(connection, event)

    async with effects.running(react) as running:

        async def lag() -> float:
            await running.measure()
            return metrics(generate_latest().decode())["canvas_demo_consumer_lag"][effects.consumer,]

        effects.produce(first)
        await effects.until(first)
        await until_async(lag, lambda now: now == 0)
        effects.produce(*others)
        await begun.wait()
        told = asyncio.create_task(lag())
        await asyncio.sleep(0)  # it has asked
        free.set()
        assert await told == len(others)
        await until_async(lag, lambda now: now == 0)


class Deaf:
    """Kafka's client after one of its questions for offsets went to a broker that does not keep them (librdkafka#5586).

    It says so once, and hands nothing out until it has joined its group again.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._said = self._joined = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def poll(self, seconds: float) -> Any:
        message = self._client.poll(seconds)
        if self._joined or message is None:
            return message
        if not self._said:
            self._said = True
            return NotTold()
        time.sleep(seconds)
        return None

    def consume(self, *_: Any, **how: Any) -> list[Any]:
        return self._client.consume(*_, **how) if self._joined else []

    def subscribe(self, topics: list[str], **told: Any) -> None:
        self._joined = self._said
        self._client.subscribe(topics, **told)


class NotTold:
    """What the client hands out instead of a record."""

    def error(self) -> KafkaError:
        return KafkaError(KafkaError.NOT_COORDINATOR, "Failed to fetch committed offsets for 0 partition(s)")


async def test_a_consumer_that_was_not_told_its_offsets_joins_its_group_anew(
    effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = consumer.KafkaConsumer
    monkeypatch.setattr(consumer, "KafkaConsumer", lambda config, logger: Deaf(client(config, logger=logger)))
    one, two = str(uuid4()), str(uuid4())
    effects.produce(one)
    async with effects.running():
        await effects.until(one)
        effects.produce(two)
        await effects.until(one, two)


async def test_a_reaction_belongs_to_the_conversation_of_its_event(effects: Effects) -> None:
    one = str(uuid4())
    effects.produce(one)
    async with effects.running():
        await effects.until(one)
    async with effects.pool.connection() as connection:
        (effect,) = await read_stream(connection, effects.stream)
    assert (effect.correlation_id, effect.causation_id) == (f"for {one}", one)
