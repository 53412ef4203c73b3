"""What goes on in the background outlives a transaction that was ended because its process stood still."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from canvas_demo.kernel import slot
from canvas_demo.kernel.settings import Settings
from canvas_demo.modules.notifications import sweep
from canvas_demo.modules.websockets import host as hosts

DEADLINE = 10.0


class Attempts:
    """Work that fails at first; ``again`` when it is attempted once more."""

    def __init__(self, error: Exception) -> None:
        self._errors = [error]
        self.again = asyncio.Event()

    async def __call__(self, *_: Any, **__: Any) -> None:
        if self._errors:
            raise self._errors.pop()
        self.again.set()
        await asyncio.Event().wait()


class NoPool:
    """Gives connections that nothing is asked of."""

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[None]:
        yield


async def goes_on(task: Callable[[], Awaitable[None]], attempts: Attempts) -> None:
    running = asyncio.ensure_future(task())
    again = asyncio.ensure_future(attempts.again.wait())
    await asyncio.wait({running, again}, timeout=DEADLINE, return_when=asyncio.FIRST_COMPLETED)
    assert again.done(), f"not attempted again: {running}"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(psycopg.errors.IdleInTransactionSessionTimeout("it was left alone"))


async def test_lapsed_subscriptions_are_looked_for_again(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "EVERY", 0.001)
    monkeypatch.setattr(sweep, "end_lapsed", attempts)
    pool: Any = NoPool()
    await goes_on(lambda: sweep._sweep(pool), attempts)


async def test_a_lease_is_renewed_again(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "RENEW", 0.001)
    pool: Any = NoPool()
    host = hosts.Host("ws-1", "127.0.0.1:1", pool)
    monkeypatch.setattr(host, "_renew", attempts)
    await goes_on(host._keep, attempts)


async def test_the_slot_is_looked_at_again(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def nothing() -> AsyncIterator[None]:
        yield

    async def connect(*_: Any, **__: Any) -> Any:
        return nothing()

    monkeypatch.setattr(slot, "WATCH_SECONDS", 0.001)
    monkeypatch.setattr(slot.psycopg.AsyncConnection, "connect", connect)
    monkeypatch.setattr(slot._Watch, "run", attempts)
    await goes_on(lambda: slot._watch(Settings()), attempts)


async def test_a_lost_slot_may_be_dropped_by_somebody_else_first() -> None:
    class Database:
        async def execute(self, *_: Any) -> None:
            raise psycopg.errors.UndefinedObject("there is no such slot")

    database: Any = Database()
    nobody: Any = None  # Connect is not asked
    lost = slot.SlotState(there=True, active=False, wal_status="lost", retained=0, lag=0, limit=-1)
    await slot._Watch(Settings())._mend(database, nobody, lost)
