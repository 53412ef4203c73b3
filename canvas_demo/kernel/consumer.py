"""The consumer: Kafka record → one transaction → offset.

The transaction holds the inbox row, the reaction's writes and its own outbox rows, and the offset is
committed after it: a record that comes twice has one effect.

A batch of records shares a transaction; where one of them fails, the batch is rolled back and its
records are handled one by one, so that a failure costs only itself. A record that fails is tried
again, with backoff, before anything after it.
"""

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager

import structlog
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import Message

from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.kafka import Delivered, topic_of
from canvas_demo.kernel.outbox import QUERIES
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.trace import set_trace

log = structlog.get_logger(__name__)

Reaction = Callable[[Connection, Delivered], Awaitable[None]]
Reactions = Mapping[tuple[str, str], Reaction]
"""(aggregate type, event type or ``*``) → what is done about it, on the transaction given."""

BATCH = 500
WAKE_AT_LEAST = 0.5
"""Seconds that a poll may block: how long a stop can go unnoticed."""
FIRST_RETRY, LAST_RETRY = 0.1, 10.0


class Consumer:
    """One module's consumer group member."""

    def __init__(self, settings: Settings, module: str, pool: Pool, reactions: Reactions) -> None:
        self._name = module
        self._pool = pool
        self._reactions = reactions
        self._stopping = threading.Event()
        self._kafka = KafkaConsumer(
            {
                "bootstrap.servers": settings.bootstrap,
                "group.id": f"canvas-demo-{module}",
                "client.id": f"canvas-demo-{module}",
                "enable.auto.commit": False,
                "socket.nagle.disable": True,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky",
                "topic.metadata.refresh.interval.ms": 10_000,
                "log_level": 3,
            }
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consume while the block runs; what is at hand is finished before it ends.

        A consumer that can't go on ends the block with its error.
        """
        loop = asyncio.get_running_loop()
        self._kafka.subscribe(sorted({topic_of(aggregate_type) for aggregate_type, _ in self._reactions}))
        with ThreadPoolExecutor(1, f"consumer-{self._name}") as thread:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._polling(loop, thread))
                try:
                    yield
                finally:
                    self._stopping.set()

    async def _polling(self, loop: asyncio.AbstractEventLoop, thread: Executor) -> None:
        try:
            await asyncio.shield(done := loop.run_in_executor(thread, self._poll, loop))
        except asyncio.CancelledError:
            self._stopping.set()
            await done
            raise

    def _poll(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread that waits for Kafka; everything else happens on the event loop."""
        try:
            while not self._stopping.is_set():
                first = self._kafka.poll(WAKE_AT_LEAST)
                if first is None:
                    continue
                records = [first, *self._kafka.consume(BATCH - 1, timeout=0)]
                if asyncio.run_coroutine_threadsafe(self._handle(records), loop).result():
                    self._kafka.commit(asynchronous=True)
        finally:
            self._kafka.close()

    async def _handle(self, records: Sequence[Message]) -> bool:
        """Handle a batch; False when it was given up because the consumer is to stop."""
        events = []
        for record in records:
            if error := record.error():
                log.warning("kafka", consumer=self._name, error=str(error))
            else:
                events.append(Delivered.of(record))
        if not events:
            return False
        try:
            await self._transact(events)
        except Exception as error:  # noqa: BLE001  (each of them is tried again alone)
            log.warning("batch failed", consumer=self._name, events=len(events), error=repr(error))
            for event in events:
                if not await self._insist(event):
                    return False
        return True

    async def _insist(self, event: Delivered) -> bool:
        """Handle one event, again and again until it succeeds or the consumer is to stop."""
        delay = FIRST_RETRY
        while not self._stopping.is_set():
            try:
                await self._transact([event])
            except Exception:
                log.exception("event failed", consumer=self._name, event_id=event.id, event_type=event.type)
                await asyncio.sleep(delay * random.uniform(0.5, 1))  # noqa: S311  (jitter)
                delay = min(delay * 2, LAST_RETRY)
            else:
                return True
        return False

    async def _transact(self, events: Sequence[Delivered]) -> None:
        async with self._pool.connection() as connection:
            claim = {"consumer": self._name, "event_ids": [event.id for event in events]}
            cursor = await connection.execute(QUERIES["claim_events"], claim)
            new = {row["event_id"] for row in await cursor.fetchall()}
            for event in events:
                if event.id in new:
                    new.discard(event.id)
                    await self._react(connection, event)

    async def _react(self, connection: Connection, event: Delivered) -> None:
        set_trace(event.trace.child(event.id))
        for key in ((event.aggregate_type, event.type), (event.aggregate_type, "*")):
            if reaction := self._reactions.get(key):
                await reaction(connection, event)
