"""The journal of a host: what happens to its sockets, in order, all that is at hand in one transaction.

Connects, messages and disconnects of all sockets go through one queue, so a burst costs a few
transactions, and the outbox holds a connection's events in the order in which they happened.
Each transaction holds the host's lease: what a host writes that was taken for dead has no effect.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import structlog

from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.errors import DomainError, TimedOut, Unavailable
from canvas_demo.kernel.failures import passes
from canvas_demo.kernel.trace import Trace, set_trace
from canvas_demo.modules.websockets.store import QUERIES

log = structlog.get_logger(__name__)

BATCH = 500
"""Entries of one transaction."""
WAITING = 2000
"""Entries that may wait; then the sockets are read no further."""

Write = Callable[[Connection], Awaitable[object]]


@dataclass(frozen=True)
class Entry:
    """What to write (and nothing to read), of whom, in which trace; ``done`` when it is committed or failed."""

    write: Write
    organization_id: str
    trace: Trace
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class LeaseLost(Unavailable):
    """Others have taken the host for dead."""


class Journal:
    """Writes entries in the order in which they came, as the host ``name`` in its life ``epoch``."""

    def __init__(self, pool: Pool, name: str) -> None:
        self._pool = pool
        self._name = name
        self.epoch: UUID | None = None
        self._entries: asyncio.Queue[Entry] = asyncio.Queue(WAITING)

    async def submit(self, write: Write, organization_id: str, trace: Trace) -> asyncio.Future[None]:
        """Hand over an entry; the future ends when it is committed, or with what went wrong."""
        entry = Entry(write, organization_id, trace)
        await self._entries.put(entry)
        return entry.done

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write while the block runs; what was handed over is written before it ends."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            await self._entries.join()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            batch = [await self._entries.get()]
            while len(batch) < BATCH and not self._entries.empty():
                batch.append(self._entries.get_nowait())
            await self._write(batch)
            for _ in batch:
                self._entries.task_done()

    async def _write(self, batch: Sequence[Entry]) -> None:
        """Commit a batch; where one of its entries can't be stored, the others are committed without it."""
        try:
            await self._transact(batch)
        except LeaseLost as error:
            await self._give_up(batch, error)
        except (DomainError, psycopg.DataError, psycopg.IntegrityError) as error:
            if len(batch) == 1:
                await _fail(batch, error)
            else:
                await self._write_singly(batch)
        except Exception as error:
            if passes(error):
                await self._give_up(batch, error)
            else:
                log.exception("journal failed", host=self._name, entries=len(batch))
                await _fail(batch, error)
        else:
            for entry in batch:
                if not entry.done.done():
                    entry.done.set_result(None)

    async def _write_singly(self, batch: Sequence[Entry]) -> None:
        """Commit each for itself; an organisation whose key is out of reach is waited for once."""
        away: dict[str, BaseException] = {}
        for entry in batch:
            if error := away.get(entry.organization_id):
                await _fail([entry], error)
                continue
            await self._write([entry])
            error = None if entry.done.cancelled() else entry.done.exception()
            if isinstance(error, Unavailable | TimedOut):
                away[entry.organization_id] = error

    async def _give_up(self, batch: Sequence[Entry], error: Exception) -> None:
        log.warning("journal not written", host=self._name, entries=len(batch), error=str(error))
        await _fail(batch, Unavailable("The event could not be stored; try again."))

    async def _transact(self, batch: Sequence[Entry]) -> None:
        async with self._pool.connection() as connection:
            lease = {"name": self._name, "epoch": self.epoch}
            if await (await connection.execute(QUERIES["hold_lease"], lease)).fetchone() is None:
                raise LeaseLost(f"Host {self._name} has lost its lease.")
            async with connection.pipeline():
                for entry in batch:
                    set_trace(entry.trace)
                    await entry.write(connection)


async def _fail(batch: Sequence[Entry], error: BaseException) -> None:
    """Tell those who wait, before anything else is written."""
    for entry in batch:
        if not entry.done.done():
            entry.done.set_exception(error)
    await asyncio.sleep(0)
