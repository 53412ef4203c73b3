"""The inbox: what a consumer is given has its one effect, or is parked; then its offsets may be committed.

A batch shares a transaction: the claims in the inbox, the reactions' writes, their outbox rows. Where
a reaction fails, the batch is rolled back and each record has a transaction of its own, so that a
failure costs only itself. Where the surroundings fail (the database, a module that does not answer),
nothing is parked: the consumer waits and tries the same again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import structlog

from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.failures import backoff, passes
from canvas_demo.kernel.kafka import Delivered, NotAnEvent, Record
from canvas_demo.kernel.metrics import REACTION_FAILURES, REACTION_SECONDS
from canvas_demo.kernel.outbox import QUERIES
from canvas_demo.kernel.parking import AGAIN, BEHIND, Parking, find_blocked, lane_of, park
from canvas_demo.kernel.settings import Settings

log = structlog.get_logger(__name__)

Reaction = Callable[[Connection, Delivered], Awaitable[None]]


@dataclass(frozen=True)
class Together:
    """A reaction to events that come one after the other: where a statement does for many, none is spent on each.

    It goes on with each event's conversation itself: `Delivered.go_on`.
    """

    react: Callable[[Connection, Sequence[Delivered]], Awaitable[None]]


Reactions = Mapping[tuple[str, str], Reaction | Together]
"""(aggregate type, event type or ``*``, any other) → what is done about it, on the transaction given."""


class Stopping(Exception):
    """The consumer is to stop before its work is done: the work comes again."""


@dataclass(frozen=True)
class InHand:
    """A record, and the event it holds; ``fault`` says why it holds none."""

    id: str
    record: Record
    event: Delivered | None = None
    fault: str = ""

    @classmethod
    def of(cls, record: Record) -> "InHand":
        """What the record holds."""
        try:
            event = Delivered.of(record)
        except NotAnEvent as error:
            return cls(record.id, record, fault=f"not an event: {error}")
        return cls(event.id, record, event)

    def parking(self, attempts: int, reason: str, due_in: float | None) -> Parking:
        """It, to be parked; what is no event won't become one by waiting."""
        return Parking(self.id, self.record, attempts, self.fault or reason, None if self.fault else due_in)


class Inbox:
    """What one consumer does with records; ``stopping`` ends its waiting for the surroundings."""

    def __init__(
        self, settings: Settings, consumer: str, pool: Pool, reactions: Reactions, stopping: asyncio.Event
    ) -> None:
        self._settings = settings
        self._consumer = consumer
        self._pool = pool
        self._reactions = reactions
        self._stopping = stopping

    async def handle(self, records: Sequence[Record]) -> None:
        """Handle records in their order. Raises `Stopping` where that can't be done now."""
        await self._handle([InHand.of(record) for record in records])

    async def take_in(self, records: Sequence[Record]) -> None:
        """Park records that are due at once: each is then tried alone, and its attempts are counted."""
        batch = [InHand.of(record) for record in records]
        await self.insist(lambda: self._take_in(batch))

    async def react(self, connection: Connection, events: Sequence[Delivered]) -> None:
        """Do what is to be done about events, in their order."""
        for reaction, run in groupby(events, self._reaction_to):
            if isinstance(reaction, Together):
                together = list(run)
                with REACTION_SECONDS.labels(self._consumer, together[0].type).time():
                    await reaction.react(connection, together)
            elif reaction:
                for event in run:
                    event.go_on()
                    with REACTION_SECONDS.labels(self._consumer, event.type).time():
                        await reaction(connection, event)

    def _reaction_to(self, event: Delivered) -> Reaction | Together | None:
        of_type = self._reactions.get((event.aggregate_type, event.type))
        return of_type or self._reactions.get((event.aggregate_type, "*"))

    async def insist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do the work, again for as long as the surroundings fail. Raises `Stopping`, and what else the work raises."""
        attempt = 0
        while True:
            try:
                return await work()
            except Exception as error:
                if not passes(error):
                    raise
                log.warning("surroundings failed", consumer=self._consumer, attempt=attempt, error=repr(error))
                if self._stopping.is_set():
                    raise Stopping from error
                await self._wait(backoff(attempt, self._settings.consumer_first_retry, 2.0))
                attempt += 1

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), seconds)
        except TimeoutError:
            return
        raise Stopping

    async def _handle(self, batch: Sequence[InHand]) -> None:
        try:
            await self.insist(lambda: self._transact(batch))
        except Stopping:
            raise
        except Exception as error:
            if len(batch) == 1:
                REACTION_FAILURES.labels(self._consumer).inc()
                log.exception("record failed", consumer=self._consumer, event_id=batch[0].id, attempt=1)
                reason = repr(error)
                await self.insist(lambda: self._park_failed(batch[0], reason))
            else:
                log.warning("batch failed", consumer=self._consumer, records=len(batch), error=repr(error))
                for each in batch:
                    await self._handle([each])

    async def _transact(self, batch: Sequence[InHand]) -> None:
        async with self._pool.connection() as connection:
            new, closed = await self._claim(connection, batch)
            parked: list[Parking] = []
            events: list[Delivered] = []
            for each in new:
                lane = lane_of(each.record)
                if lane in closed:
                    parked.append(each.parking(0, BEHIND, 0))
                elif each.event is None:
                    log.warning("record parked", consumer=self._consumer, place=each.record.place, reason=each.fault)
                    parked.append(each.parking(0, "", None))
                    closed |= {lane} if lane else set()
                else:
                    events.append(each.event)
            await self.react(connection, events)
            if parked:
                await park(connection, self._consumer, parked)

    async def _take_in(self, batch: Sequence[InHand]) -> None:
        async with self._pool.connection() as connection:
            new, closed = await self._claim(connection, batch)
            parked = []
            for each in new:
                lane = lane_of(each.record)
                parked.append(each.parking(0, BEHIND if lane in closed else AGAIN, 0))
                closed |= {lane} if lane else set()
            if parked:
                await park(connection, self._consumer, parked)

    async def _park_failed(self, failed: InHand, reason: str) -> None:
        """Park it after its first attempt, which is the last one only where the settings allow no second."""
        first, last = self._settings.consumer_first_retry, self._settings.consumer_last_retry
        due_in = backoff(0, first, last) if self._settings.consumer_attempts > 1 else None
        async with self._pool.connection() as connection:
            new, closed = await self._claim(connection, [failed])
            if new:
                behind = lane_of(failed.record) in closed
                parking = failed.parking(0, BEHIND, 0) if behind else failed.parking(1, reason, due_in)
                await park(connection, self._consumer, [parking])

    async def _claim(
        self, connection: Connection, batch: Sequence[InHand]
    ) -> tuple[list[InHand], set[tuple[str, str] | None]]:
        """Those of the batch that nobody took before, each once; and the keys that have something parked."""
        claim = {"consumer": self._consumer, "event_ids": [each.id for each in batch]}
        lanes = {lane for each in batch if (lane := lane_of(each.record))}
        async with connection.pipeline():
            claimed = await connection.execute(QUERIES["claim_events"], claim)
            blocked = await find_blocked(connection, self._consumer, lanes)
        ids = {row["event_id"] for row in await claimed.fetchall()}
        new = []
        for each in batch:
            if each.id in ids:
                ids.discard(each.id)
                new.append(each)
        return new, {(row["topic"], row["key"]) for row in await blocked.fetchall()}
