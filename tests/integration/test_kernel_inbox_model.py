"""Any at-least-once sequence of records, any failing reactions, any end of the process: the model's effects.

Kafka is played here; the inbox, the retrier and PostgreSQL are the real ones. What Kafka does for the
consumer that is played (batches in order, offsets that lag behind, a beginning anew from them) is what
`test_kernel_consumer` and `test_kernel_processes` hold the real consumer to.
"""

import asyncio
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from canvas_demo.kernel.database import Connection, open_pool
from canvas_demo.kernel.inbox import Inbox
from canvas_demo.kernel.kafka import Delivered, Record
from canvas_demo.kernel.outbox import read_stream
from canvas_demo.kernel.parking import QUERIES
from canvas_demo.kernel.retrier import Retrier
from tests.integration.effects import Effects, quick

KEYS = ("a", "b", "c")
GOOD, POISON, NOT_AN_EVENT = "good", "poison", "not an event"


class Crash(BaseException):
    """The process ends here."""


class Model:
    """What must hold: each key's records have their effects in order, up to the first that can't be handled."""

    def __init__(self) -> None:
        self.log: list[tuple[Record, str]] = []
        self.taken = 0
        self.resolved: set[int] = set()

    def effects(self, key: str) -> list[str]:
        """The event ids whose effects are there, in order."""
        found = []
        for offset, (record, kind) in enumerate(self.log[: self.taken]):
            if record.key != key:
                continue
            if kind == GOOD:
                found.append(record.headers["ce_id"])
            elif offset not in self.resolved:
                break
        return found


class ConsumerMachine(RuleBasedStateMachine):
    """Records are appended, delivered once or more, handled, interrupted, repaired and dropped."""

    stack: Any

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.loop = asyncio.new_event_loop()
        self.repaired: set[str] = set()
        self.crash_at = -1
        self.run(self._begin())

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _begin(self) -> None:
        told = quick(self.stack.settings).model_copy(update={"consumer_attempts": 2})
        self.opened = open_pool(told, "canvases")
        self.pool = await self.opened.__aenter__()
        self.effects = Effects(told, self.pool)
        self._live()

    def _live(self) -> None:
        """A new life of the consumer's process."""
        told, stopping = self.effects.settings, asyncio.Event()
        reactions = {(self.effects.type, "Tested"): self._react}
        self.inbox = Inbox(told, self.effects.consumer, self.pool, reactions, stopping)
        self.retrier = Retrier(told, self.effects.consumer, self.pool, self.inbox, stopping)

    async def _react(self, connection: Connection, event: Delivered) -> None:
        if self.crash_at == 0:
            self.crash_at = -1
            raise Crash
        self.crash_at -= 1
        await self.effects.react(connection, event)
        kind = next(kind for record, kind in self.model.log if record.headers.get("ce_id") == event.id)
        if kind == POISON and event.id not in self.repaired:
            raise RuntimeError("it always fails")

    @rule(key=st.sampled_from(KEYS), kind=st.sampled_from([GOOD, GOOD, GOOD, POISON, NOT_AN_EVENT]))
    def append(self, key: str, kind: str) -> None:
        offset = len(self.model.log)
        record = self.effects.record(str(uuid4()), key, offset)
        if kind == NOT_AN_EVENT:
            record = Record(record.topic, 0, offset, key, {**record.headers, "ce_aggregateversion": "?"}, b"{}")
        self.model.log.append((record, kind))

    @rule(back=st.integers(0, 5), size=st.integers(1, 6), alone=st.booleans(), crash_at=st.integers(-1, 4))
    def deliver(self, back: int, size: int, alone: bool, crash_at: int) -> None:  # noqa: FBT001
        """A batch, from the end of what came or from some records before it; the process may end in the middle."""
        first = max(0, self.model.taken - back)
        batch = [record for record, _ in self.model.log[first : first + size]]
        self.crash_at = crash_at
        try:
            self.run((self.inbox.take_in if alone else self.inbox.handle)(batch))
            self.model.taken = max(self.model.taken, first + len(batch))
            self.run(self._settle())
        except Crash:
            self._live()
            self.crash_at = -1
            self.run(self.inbox.take_in(batch))
            self.model.taken = max(self.model.taken, first + len(batch))
            self.run(self._settle())
        finally:
            self.crash_at = -1

    @rule(handle=st.booleans())
    def see_to_a_head(self, handle: bool) -> None:  # noqa: FBT001
        """A person repairs what made it fail and says retry, or drops it."""
        heads = [row for row in self.run(self.effects.parked()) if row["position"] == row["head"]]
        if not heads:
            return
        head = heads[0]
        offset = head["record_offset"]
        if handle and self.model.log[offset][1] == POISON:
            self.repaired.add(head["event_id"])
            self.model.log[offset] = (self.model.log[offset][0], GOOD)
            self.run(self._do("retry", head["position"]))
        else:
            self.model.resolved.add(offset)
            self.run(self._do("drop", head["position"]))
        self.run(self._settle())

    async def _do(self, what: str, position: int) -> None:
        async with self.pool.connection() as connection:
            await connection.execute(QUERIES[what], [position])

    async def _settle(self) -> None:
        """Until nothing waits for its time: every head waits for a person."""
        while any(row["due_at"] and row["position"] == row["head"] for row in await self.effects.parked()):
            await self.retrier.try_all_due()

    @invariant()
    def the_effects_are_the_models(self) -> None:
        done = self.run(self._effects())
        of = {record.headers["ce_id"]: record.key for record, _ in self.model.log}
        for key in KEYS:
            assert [event_id for event_id in done if of[event_id] == key] == self.model.effects(key)

    async def _effects(self) -> list[str]:
        async with self.pool.connection() as connection:
            stream = await read_stream(connection, (self.effects.type, self.effects.consumer))
        return [event.payload["canvas_id"] for event in stream]

    def teardown(self) -> None:
        self.run(self.opened.__aexit__(None, None, None))
        self.loop.close()


def test_any_sequence_has_the_models_effects(stack: Any) -> None:
    ConsumerMachine.stack = stack
    health = [HealthCheck.too_slow, HealthCheck.data_too_large]
    limits = settings(max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=health)
    run_state_machine_as_test(ConsumerMachine, settings=limits)
