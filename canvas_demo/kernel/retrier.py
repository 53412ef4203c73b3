"""The retrier: tries what is parked, head by head, when it is due.

It sleeps until the next head is due or until NOTIFY tells it of a change: from the consumer that
parked something, or from ``canvas-demo parked``. An attempt is counted and committed before it is
made, with the reason that holds if it is never heard of again; so a record that ends the process
again and again is parked like one that fails.

When a head is handled, those behind it that nobody has tried follow together, in transactions that they
share: a key on which much happens would not be caught up with otherwise. Where that fails of itself or ends
the process, each of them is tried alone.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import structlog
from psycopg import sql

from canvas_demo.kernel.database import Pool
from canvas_demo.kernel.failures import backoff, passes
from canvas_demo.kernel.inbox import Inbox, Stopping
from canvas_demo.kernel.kafka import Delivered, NotAnEvent
from canvas_demo.kernel.metrics import REACTION_FAILURES
from canvas_demo.kernel.parking import AGAIN, BEHIND, ENDED, QUERIES, TOGETHER, announce, channel, record_in
from canvas_demo.kernel.settings import Settings

log = structlog.get_logger(__name__)

TOGETHER_AT_MOST = 100
NO_POSITION = 2**63 - 1
INTERRUPTED_FOR = 1.0
"""Seconds until a head whose surroundings failed is due again."""


class Retrier:
    """Tries the parked records of one consumer; several of them, in several processes, share the work."""

    def __init__(self, settings: Settings, consumer: str, pool: Pool, inbox: Inbox, stopping: asyncio.Event) -> None:
        self._settings = settings
        self._consumer = consumer
        self._pool = pool
        self._inbox = inbox
        self._stopping = stopping

    async def run(self) -> None:
        """Try what is due until the consumer is to stop; an attempt that was begun is finished."""
        failures = 0
        while not self._stopping.is_set():
            try:
                async with self._listening() as listener:
                    while not self._stopping.is_set():
                        await self.try_all_due()
                        failures = 0
                        await self._sleep(listener)
            except Stopping:
                return
            except Exception as error:
                if not passes(error):
                    raise
                log.warning("retrier waits for the database", consumer=self._consumer, error=repr(error))
                await self._until_stopping(backoff(failures, self._settings.consumer_first_retry, 2.0))
                failures += 1

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        url = self._settings.database_url(self._pool.name)
        name = f"canvas-demo {self._pool.name} retrier"
        connecting = psycopg.AsyncConnection.connect(url, autocommit=True, application_name=name, connect_timeout=5)
        async with await connecting as listener:
            await listener.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel(self._consumer))))
            yield listener

    async def _sleep(self, listener: psycopg.AsyncConnection[Any]) -> None:
        """Until the next head is due, something is announced, or the consumer is to stop."""
        async with self._pool.connection() as connection:
            asked = {"consumer": self._consumer}
            row = await (await connection.execute(QUERIES["seconds_to_next"], asked, prepare=False)).fetchone()
        seconds = row["seconds"] if row else None
        announced = asyncio.create_task(_announced(listener, seconds))
        stop = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({announced, stop}, return_when=asyncio.FIRST_COMPLETED)
            if announced in done:
                announced.result()
        finally:
            for task in (announced, stop):
                task.cancel()
            await asyncio.gather(announced, stop, return_exceptions=True)

    async def _until_stopping(self, seconds: float) -> None:
        await asyncio.wait([waiting := asyncio.create_task(self._stopping.wait())], timeout=seconds)
        waiting.cancel()

    async def try_all_due(self) -> None:
        """Try each head that is due, and those behind it once it is gone."""
        while not self._stopping.is_set() and (row := await self._begin()) is not None:
            await self._attempt(row)

    async def _begin(self) -> dict[str, Any] | None:
        """The first head that is due, with its attempt counted."""
        limits = {
            "limit": self._settings.consumer_attempts,
            "first": self._settings.consumer_first_retry,
            "last": self._settings.consumer_last_retry,
        }
        async with self._pool.connection() as connection:
            asked = {"consumer": self._consumer, "ended": ENDED, **limits}
            # Planned each time: a plan made while nothing was parked takes seconds once thousands of records are.
            return await (await connection.execute(QUERIES["begin_attempt"], asked, prepare=False)).fetchone()

    async def _attempt(self, row: dict[str, Any]) -> None:
        try:
            await self._handle(row)
        except NotAnEvent as error:
            await self._settle("failed_for_good", row, f"not an event: {error}")
        except Exception as error:
            facts = {"consumer": self._consumer, "event_id": row["event_id"], "attempt": row["attempts"]}
            if passes(error):
                log.warning("surroundings failed", **facts, error=repr(error))
                await self._settle("interrupted", row, repr(error))
            else:
                REACTION_FAILURES.labels(self._consumer).inc()
                log.exception("record failed", **facts, parked=row["attempts"] >= self._settings.consumer_attempts)
                await self._settle("failed", row, repr(error))
        else:
            await self._follow(row)

    async def _follow(self, head: dict[str, Any]) -> None:
        """Handle those behind a head that is gone, until one is there that has to be tried alone."""
        while head["key"] is not None and not self._stopping.is_set() and (rows := await self._begin_together(head)):
            try:
                await self._handle_together(rows)
            except Exception as error:  # noqa: BLE001  (each has its own attempt now, and its own failure)
                facts = {"consumer": self._consumer, "key": head["key"], "records": len(rows)}
                log.warning("records failed together", **facts, error=repr(error))
                if passes(error):
                    positions = [row["position"] for row in rows]
                    asked = {"positions": positions, "together": TOGETHER, "behind": BEHIND}
                    await self._write("interrupted_together", asked)
                return

    async def _begin_together(self, head: dict[str, Any]) -> list[dict[str, Any]]:
        """Those that follow, marked as tried together."""
        asked = {
            "consumer": self._consumer,
            "topic": head["topic"],
            "key": head["key"],
            "together": TOGETHER,
            "untried": [AGAIN, BEHIND],
            "last": NO_POSITION,
            "limit": TOGETHER_AT_MOST,
        }
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(QUERIES["begin_together"], asked, prepare=False)).fetchall()
        return sorted(rows, key=lambda row: int(row["position"]))

    async def _handle_together(self, rows: list[dict[str, Any]]) -> None:
        positions = [row["position"] for row in rows]
        async with self._pool.connection() as connection:
            asked = {"positions": positions, "together": TOGETHER}
            if (await connection.execute(QUERIES["hold_together"], asked)).rowcount < len(rows):
                return  # one was dropped, or is tried by another, since
            await self._inbox.react(connection, [Delivered.of(record_in(row)) for row in rows])
            await connection.execute(QUERIES["done_together"], [positions])

    async def _handle(self, row: dict[str, Any]) -> None:
        event = Delivered.of(record_in(row))
        async with self._pool.connection() as connection:
            if (await connection.execute(QUERIES["hold"], row)).rowcount == 0:
                return  # dropped, or tried by another, since the attempt was begun
            await self._inbox.react(connection, [event])
            await connection.execute(QUERIES["done"], [row["position"]])
            await announce(connection, self._consumer)

    async def _settle(self, how: str, row: dict[str, Any], reason: str) -> None:
        """Write down how an attempt ended, however long the database takes to be back."""
        await self._write(how, {**row, "reason": reason, "due_in": INTERRUPTED_FOR})

    async def _write(self, query: str, told: Mapping[str, Any]) -> None:
        async def write() -> None:
            async with self._pool.connection() as connection:
                await connection.execute(QUERIES[query], told)
                await announce(connection, self._consumer)

        await self._inbox.insist(write)


async def _announced(listener: psycopg.AsyncConnection[Any], seconds: float | None) -> None:
    async for _ in listener.notifies(timeout=seconds if seconds is None else max(0.0, seconds), stop_after=1):
        return
