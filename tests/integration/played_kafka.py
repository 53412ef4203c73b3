"""Kafka, and a pool of connections, as a consumer has them, played so that a test decides what goes wrong and when."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.kafka import Record


class AllHandedOut(Exception):
    """What was to be handed out has been."""


class PlayedKafka:
    """One partition: hands out its records from the committed offset on, and keeps what is committed, or does not."""

    def __init__(self) -> None:
        self.log: list[Record] = []
        self.committed = 0
        self.position = 0
        self.keeps_commits = True
        self._left = 0
        self._end_known = 0

    def begin_anew(self) -> None:
        """As for a member that has just been given the partition."""
        self.position = self.committed
        self._end_known = len(self.log)

    def hand_out(self, number: int) -> None:
        """Let the consumer have so many records."""
        self._left = number

    # --- what the consumer calls ---------------------------------------------------------------------------

    def poll(self, _: float) -> Any:
        found = self.consume(1, timeout=0)
        if not found:
            raise AllHandedOut
        return found[0]

    def consume(self, number: int, *, timeout: float) -> list[Any]:
        assert timeout == 0
        records = self.log[self.position : self.position + min(number, self._left)]
        self._left -= len(records)
        self.position += len(records)
        return [_message(record) for record in records]

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        if self.keeps_commits:
            (self.committed,) = (each.offset for each in offsets)
        elif not asynchronous:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_MEMBER_ID))

    def get_watermark_offsets(self, _: TopicPartition, *, cached: bool) -> tuple[int, int]:
        """As the client knows them without asking: from when the partition was assigned."""
        assert cached
        return 0, self._end_known

    def close(self) -> None:
        """Nothing is committed: the process may be ending."""


def _message(record: Record) -> Any:
    return SimpleNamespace(
        error=lambda: None,
        topic=lambda: record.topic,
        partition=lambda: record.partition,
        offset=lambda: record.offset,
        key=lambda: record.key,
        headers=lambda: list(record.headers.items()),
        value=lambda: record.value,
    )


class BreakingPool:
    """The real pool, where at a chosen point something breaks: at a statement, before a commit, or after it."""

    def __init__(self, pool: Pool) -> None:
        self.name = pool.name
        self._pool = pool
        self._left = -1
        self._fault: Callable[[], BaseException] = RuntimeError

    def break_at(self, point: int, fault: Callable[[], BaseException]) -> None:
        """Raise the fault once so many points have been passed; a negative number: never."""
        self._left, self._fault = point, fault

    def pass_point(self) -> None:
        """Go on, or break."""
        self._left -= 1
        if self._left == -1:
            raise self._fault()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        async with self._pool.connection() as connection:
            with self._watched(connection):
                yield connection
            self.pass_point()
        self.pass_point()

    @contextmanager
    def _watched(self, connection: Any) -> Iterator[None]:
        execute = connection.execute

        async def watched(*arguments: Any, **named: Any) -> Any:
            self.pass_point()
            return await execute(*arguments, **named)

        connection.execute = watched
        try:
            yield
        finally:
            del connection.execute
