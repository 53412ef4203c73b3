"""Any at-least-once sequence of records, whatever fails, and any end of the process at any point: the model's effects.

Kafka is played here, and what breaks is chosen; the consumer, its inbox and retrier, and PostgreSQL are the
real ones. `test_kernel_consumer` and `test_kernel_processes` have the real Kafka, and processes that end.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import psycopg
from confluent_kafka import TopicPartition
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from canvas_demo.kernel import consumer as consumer_module
from canvas_demo.kernel import retrier as retrier_module
from canvas_demo.kernel.consumer import Consumer
from canvas_demo.kernel.database import Connection, open_pool
from canvas_demo.kernel.kafka import Delivered, Record, topic_of
from canvas_demo.kernel.outbox import read_stream
from canvas_demo.kernel.parking import QUERIES
from tests.integration.effects import Effects, quick
from tests.integration.played_kafka import AllHandedOut, BreakingPool, PlayedKafka

KEYS = ("a", "b", "c")
GOOD, POISON, DEADLY, NOT_AN_EVENT, AGAIN = "good", "poison", "deadly", "not an event", "again"
KINDS = (GOOD, GOOD, GOOD, GOOD, POISON, DEADLY, NOT_AN_EVENT)
LIVES = 30
"""Lives of the process within which every record that ends it is parked."""


class Crash(BaseException):
    """The process ends here."""


def connection_lost() -> psycopg.OperationalError:
    return psycopg.OperationalError("the connection is lost")


class Model:
    """What must hold: each key's records have their effects in order, up to the first that can't be handled."""

    def __init__(self) -> None:
        self.log: list[tuple[Record, str]] = []
        self.taken = 0
        self.dropped: set[int] = set()

    def effects(self, key: str) -> list[str]:
        """The event ids whose effects are there, in order."""
        found = []
        for offset, (record, kind) in enumerate(self.log[: self.taken]):
            if record.key != key or kind == AGAIN:
                continue
            if kind == GOOD:
                found.append(record.headers["ce_id"])
            elif offset not in self.dropped:
                break
        return found


class ConsumerMachine(RuleBasedStateMachine):
    """Records are appended, handed out, handled, interrupted, handed out again, repaired and dropped."""

    stack: Any

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.kafka = PlayedKafka()
        self.loop = asyncio.new_event_loop()
        self.thread = ThreadPoolExecutor(1)
        self.run(self._begin())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _begin(self) -> None:
        told = quick(self.stack.settings).model_copy(update={"consumer_attempts": 2})
        self.opened = open_pool(told, "canvases")
        pool = await self.opened.__aenter__()
        self.pool = BreakingPool(pool)
        self.effects = Effects(told, pool)
        self.partitions = [TopicPartition(topic_of(self.effects.type), 0)]
        self._live()

    def _live(self) -> None:
        """A new life of the consumer's process."""
        reactions = {(self.effects.type, "Tested"): self._react}
        with patch.object(consumer_module, "KafkaConsumer", lambda _, logger: self.kafka):
            pool: Any = self.pool
            self.consumer: Any = Consumer(self.effects.settings, self.effects.consumer, pool, reactions)
        self._assign()

    def _assign(self) -> None:
        self.kafka.begin_anew()
        self.consumer._on_assign(None, self.partitions)

    async def _react(self, connection: Connection, event: Delivered) -> None:
        await self.effects.react(connection, event)
        kind = next(kind for record, kind in self.model.log if record.headers.get("ce_id") == event.id)
        if kind == DEADLY:
            raise Crash
        if kind == POISON:
            raise RuntimeError("it always fails")

    # --- what may happen -----------------------------------------------------------------------------------

    @rule(
        records=st.lists(
            st.tuples(st.sampled_from(KEYS), st.sampled_from(KINDS), st.booleans()), min_size=1, max_size=4
        )
    )
    def append(self, records: list[tuple[str, str, bool]]) -> None:
        for key, kind, keyless in records:
            record = self.effects.record(str(uuid4()), key, len(self.model.log))
            if kind == NOT_AN_EVENT:
                record = replace(
                    record, key=None if keyless else key, headers={**record.headers, "ce_aggregateversion": "?"}
                )
            self._append(record, kind)

    @precondition(lambda self: self.model.log)
    @rule(which=st.integers(0, 100))
    def append_again(self, which: int) -> None:
        """As Debezium may, after it has crashed."""
        record, kind = self.model.log[which % len(self.model.log)]
        self._append(replace(record, offset=len(self.model.log)), kind if kind == NOT_AN_EVENT else AGAIN)

    def _append(self, record: Record, kind: str) -> None:
        self.model.log.append((record, kind))
        self.kafka.log.append(record)

    @precondition(lambda self: self.kafka.position < len(self.kafka.log))
    @rule(
        size=st.integers(1, 6),
        commits=st.booleans(),
        fault=st.sampled_from([Crash, connection_lost]),
        at=st.just(-1) | st.integers(0, 40),
    )
    def hand_out(self, size: int, commits: bool, fault: Callable[[], BaseException], at: int) -> None:  # noqa: FBT001
        """Some records, while something may break at some point; then they come again from what is committed."""
        goal = min(self.kafka.position + size, len(self.kafka.log))

        def handle() -> None:
            while self.kafka.position < goal:
                self.run(self._handle(size))
            self.run(self._settle())

        self.kafka.keeps_commits = commits
        self.pool.break_at(at, fault)
        self._survive(handle)
        self.pool.break_at(-1, fault)
        self.model.taken = max(self.model.taken, self.kafka.position)

    def _survive(self, work: Callable[[], None]) -> None:
        """Do the work, in as many lives of the process as it takes."""
        for _ in range(LIVES):
            try:
                work()
            except Crash:
                self._live()
            else:
                return
        raise AssertionError(f"a record ended {LIVES} processes")

    async def _handle(self, size: int) -> None:
        self.kafka.hand_out(size)
        with suppress(AllHandedOut):
            await self.loop.run_in_executor(self.thread, self.consumer._poll, self.loop)

    @rule(lost=st.booleans(), commits=st.booleans())
    def take_the_partition_away_and_give_it_back(self, lost: bool, commits: bool) -> None:  # noqa: FBT001
        self.kafka.keeps_commits = commits
        (self.consumer._on_lost if lost else self.consumer._on_revoke)(None, self.partitions)
        self._assign()

    @rule(handle=st.booleans())
    def see_to_a_head(self, handle: bool) -> None:  # noqa: FBT001
        """A person repairs what made it fail and says retry, or drops it."""
        heads = [row for row in self.run(self.effects.parked()) if row["position"] == row["head"]]
        if not heads:
            return
        head = heads[0]
        offset = head["record_offset"]
        record, kind = self.model.log[offset]
        if handle and kind in (POISON, DEADLY):
            self.model.log[offset] = (record, GOOD)
            self.run(self._do("retry", head["position"]))
        else:
            self.model.dropped.add(offset)
            self.run(self._do("drop", head["position"]))
        self._survive(lambda: self.run(self._settle()))

    async def _do(self, what: str, position: int) -> None:
        async with self.effects.pool.connection() as connection:
            await connection.execute(QUERIES[what], [position])

    async def _settle(self) -> None:
        """Until nothing waits for its time: every head waits for a person."""
        while any(row["due_at"] and row["position"] == row["head"] for row in await self.effects.parked()):
            with suppress(psycopg.OperationalError):  # as `Retrier.run`, which begins anew
                await self.consumer._retrier.try_all_due()

    # --- what must hold ------------------------------------------------------------------------------------

    @invariant()
    def the_effects_are_the_models(self) -> None:
        done = self.run(self._effects())
        of = {record.headers["ce_id"]: record.key for record, _ in self.model.log}
        for key in KEYS:
            assert [event_id for event_id in done if of[event_id] == key] == self.model.effects(key)

    async def _effects(self) -> list[str]:
        async with self.effects.pool.connection() as connection:
            stream = await read_stream(connection, self.effects.stream)
        return [event.payload["canvas_id"] for event in stream]

    def teardown(self) -> None:
        self.run(self.opened.__aexit__(None, None, None))
        self.thread.shutdown()
        self.loop.close()


def test_any_sequence_has_the_models_effects(stack: Any) -> None:
    ConsumerMachine.stack = stack
    health = [HealthCheck.too_slow, HealthCheck.data_too_large]
    limits = settings(max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=health)
    with patch.object(retrier_module, "INTERRUPTED_FOR", 0.01):
        run_state_machine_as_test(ConsumerMachine, settings=limits)
