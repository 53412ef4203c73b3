"""The consumer: Kafka record → one transaction → offset.

A thread waits for Kafka; what is done about records happens on the event loop (`inbox`, `retrier`).
Offsets are committed once records are handled, parked ones included, but not after each batch: a commit
is a record that Kafka has to store, and a record that comes twice has one effect.

The first records of a partition, up to a batch of those that were there when it was assigned, may be
the ones that ended the process that had them before. Each of them is taken in alone.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager

import structlog
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from canvas_demo.kernel.database import Pool
from canvas_demo.kernel.inbox import Inbox, Reaction, Reactions, Stopping, Together
from canvas_demo.kernel.kafka import Record, topic_of
from canvas_demo.kernel.metrics import CONSUMED, CONSUMER_LAG
from canvas_demo.kernel.retrier import Retrier
from canvas_demo.kernel.settings import Settings

__all__ = ["Consumer", "Reaction", "Reactions", "Together"]

log = structlog.get_logger(__name__)

BATCH = 500
WAKE_AT_LEAST = 0.5
"""Seconds that a poll may block: how long a stop can go unnoticed."""
COMMIT_WITHIN = 0.1
"""Seconds that handled records may wait for their offsets to be committed."""
ASKING = 3.0
"""Seconds that Kafka, and the consumer, may take to say how far it is."""

Partition = tuple[str, int]


class Consumer:
    """One module's consumer group member."""

    def __init__(self, settings: Settings, module: str, pool: Pool, reactions: Reactions) -> None:
        self._name = module
        self._types = sorted({aggregate_type for aggregate_type, _ in reactions})
        self._stopping = threading.Event()
        self._told_to_stop = asyncio.Event()
        self._inbox = Inbox(settings, module, pool, reactions, self._told_to_stop)
        self._retrier = Retrier(settings, module, pool, self._inbox, self._told_to_stop)
        self._assigned: set[Partition] = set()
        self._handled: dict[Partition, int] = {}
        self._uncommitted: set[Partition] = set()
        self._commit_at = float("inf")
        self._suspects: dict[Partition, int] = {}
        self._stuck = False
        """Whether Kafka's client waits for offsets that it will not ask for again."""
        self._asked: deque[asyncio.Future[int]] = deque()
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
                # Where Kafka is away for a moment, the group is not to be sought anew, and not to be left.
                "metadata.recovery.strategy": "none",
                "reconnect.backoff.max.ms": 500,
                "session.timeout.ms": int(settings.consumer_session * 1000),
                "heartbeat.interval.ms": int(settings.consumer_session * 1000 / 4),
                "max.poll.interval.ms": int(max(settings.consumer_poll_interval, settings.consumer_session) * 1000),
                "on_commit": self._on_commit,
                "log_level": 3,
            },
            logger=logging.getLogger("librdkafka"),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Consume while the block runs; what is at hand is finished before it ends.

        A consumer that can't go on ends the block with its error.
        """
        loop = asyncio.get_running_loop()
        self._subscribe()
        with ThreadPoolExecutor(1, f"consumer-{self._name}") as thread:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._polling(loop, thread))
                tasks.create_task(self._retrier.run())
                try:
                    yield
                finally:
                    self._stop()

    async def measure(self) -> None:
        """Ask Kafka how much is left to do. Raises TimeoutError while the consumer is at a batch for long."""
        asked: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._asked.append(asked)
        CONSUMER_LAG.labels(self._name).set(await asyncio.wait_for(asked, ASKING))

    def _subscribe(self) -> None:
        topics = [topic_of(aggregate_type) for aggregate_type in self._types]
        self._kafka.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost)

    def _stop(self) -> None:
        if not self._stopping.is_set():
            log.info("consumer stopping", consumer=self._name)
        self._stopping.set()
        self._told_to_stop.set()

    async def _polling(self, loop: asyncio.AbstractEventLoop, thread: Executor) -> None:
        try:
            await asyncio.shield(done := loop.run_in_executor(thread, self._poll, loop))
        except asyncio.CancelledError:
            self._stop()
            await done
            raise

    def _poll(self, loop: asyncio.AbstractEventLoop) -> None:
        """The thread that waits for Kafka."""
        try:
            while not self._stopping.is_set():
                first = self._kafka.poll(max(0.0, min(WAKE_AT_LEAST, self._commit_at - time.monotonic())))
                while self._asked:
                    loop.call_soon_threadsafe(_answer, self._asked.popleft(), self._lag_or_error())
                if first is not None:
                    records = self._records([first, *self._kafka.consume(BATCH - 1, timeout=0)])
                    if records and asyncio.run_coroutine_threadsafe(self._handle(records), loop).result():
                        self._note(records)
                if self._commit_at <= time.monotonic():
                    self._commit()
                if self._stuck:
                    self._join_anew()
        finally:
            self._kafka.close()

    def _records(self, messages: Sequence[Message]) -> list[Record]:
        """The records among what Kafka's client hands out; the rest says what went wrong."""
        records = []
        for message in messages:
            if (error := message.error()) is None:
                records.append(Record.of(message))
            elif error.fatal():
                raise KafkaException(error)
            else:
                log.warning("kafka", consumer=self._name, error=str(error))
                self._stuck = self._stuck or error.code() == KafkaError.NOT_COORDINATOR
        return records

    def _join_anew(self) -> None:
        """Leave the group and join it again.

        Where the broker that was asked for a partition's offset keeps the group's no longer, or not yet
        (Kafka stood still, or began anew), librdkafka says so once and never asks again:
        https://github.com/confluentinc/librdkafka/issues/5586. Nothing of the partition would come any more.
        """
        log.warning("joining the group anew", consumer=self._name)
        self._stuck = False
        self._kafka.unsubscribe()
        self._subscribe()

    async def _handle(self, records: Sequence[Record]) -> bool:
        """Handle a batch; False when it was given up because the consumer is to stop."""
        suspects = [record for record in records if record.offset < self._suspect_until(record)]
        others = [record for record in records if record.offset >= self._suspect_until(record)]
        try:
            if suspects:
                await self._inbox.take_in(suspects)
            if others:
                await self._inbox.handle(others)
        except Stopping:
            return False
        return True

    def _suspect_until(self, record: Record) -> int:
        """The offset of the first record of a partition that can't have ended the process of an earlier owner."""
        partition = (record.topic, record.partition)
        if partition not in self._suspects:
            _, end = self._kafka.get_watermark_offsets(TopicPartition(*partition), cached=True)
            self._suspects[partition] = min(end, record.offset + BATCH)
        return self._suspects[partition]

    def _lag_or_error(self) -> int | KafkaException:
        try:
            return self._lag()
        except KafkaException as error:
            return error

    def _lag(self) -> int:
        """Records of our partitions that are not committed. Only this thread may ask: another would wait for good."""
        partitions = [TopicPartition(*partition) for partition in self._assigned]
        lag = 0
        for each in self._kafka.committed(partitions, timeout=ASKING) if partitions else []:
            low, high = self._kafka.get_watermark_offsets(each, cached=True)
            lag += max(0, high - max(low, each.offset, 0))
        return lag

    # --- offsets and partitions: all of it on the polling thread -------------------------------------------

    def _note(self, records: Sequence[Record]) -> None:
        CONSUMED.labels(self._name).inc(len(records))
        for record in records:
            partition = (record.topic, record.partition)
            self._handled[partition] = record.offset + 1
            self._uncommitted.add(partition)
        self._commit_at = min(self._commit_at, time.monotonic() + COMMIT_WITHIN)

    def _commit(self) -> None:
        if offsets := self._offsets(self._uncommitted):
            self._kafka.commit(offsets=offsets, asynchronous=True)
        self._uncommitted, self._commit_at = set(), float("inf")

    def _offsets(self, partitions: set[Partition]) -> list[TopicPartition]:
        """Up to where the partitions are handled that are still ours."""
        ours = partitions & self._assigned & self._handled.keys()
        return [TopicPartition(*partition, self._handled[partition]) for partition in ours]

    def _on_assign(self, _: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        self._forget(_names(partitions))
        self._assigned |= _names(partitions)

    def _on_revoke(self, _: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Leave the next owner nothing that is handled; a commit that fails costs it duplicates, and no more."""
        if offsets := self._offsets(_names(partitions)):
            try:
                self._kafka.commit(offsets=offsets, asynchronous=False)
            except KafkaException as error:
                log.warning("offsets not committed", consumer=self._name, error=str(error))
        self._on_lost(_, partitions)

    def _on_lost(self, _: KafkaConsumer, partitions: list[TopicPartition]) -> None:
        """They are another's by now; what is in hand of them will have no effect that is not the first."""
        self._assigned -= _names(partitions)
        self._forget(_names(partitions))

    def _forget(self, partitions: set[Partition]) -> None:
        for partition in partitions:
            self._handled.pop(partition, None)
            self._suspects.pop(partition, None)

    def _on_commit(self, error: KafkaError | None, _: list[TopicPartition]) -> None:
        if error is not None:
            log.warning("offsets not committed", consumer=self._name, error=str(error))


def _answer(asked: asyncio.Future[int], lag: int | KafkaException) -> None:
    if asked.done():
        return
    if isinstance(lag, KafkaException):
        asked.set_exception(lag)
    else:
        asked.set_result(lag)


def _names(partitions: Sequence[TopicPartition]) -> set[Partition]:
    return {(each.topic, each.partition) for each in partitions}
