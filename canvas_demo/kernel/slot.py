"""The replication slot: watched, and mended where it was lost.

A connector without offsets makes the slot that is missing, reads the outboxes anew, in order, and then
streams on (``snapshot.mode=when_needed``): the events that the lost slot would have kept are among
them. So its offsets are taken from it here. It finds out by itself too, but for the time between a
snapshot and the first commit that it streams: its offsets then hold nothing to compare.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import structlog
from psycopg.rows import dict_row

from canvas_demo.kernel.failures import passes
from canvas_demo.kernel.metrics import SLOT_INTACT, SLOT_LAG, SLOT_LIMIT, SLOT_LOSSES, SLOT_RETAINED
from canvas_demo.kernel.migrate import SLOT
from canvas_demo.kernel.settings import CDC_ROLE, Settings
from canvas_demo.kernel.sql import Queries

log = structlog.get_logger(__name__)

QUERIES = Queries(__package__, "slot.sql")
CONNECTOR = "outbox"
PATH = f"/connectors/{CONNECTOR}"
STOPPED_HERE = f"{SLOT}_stopped"
"""There while the connector is stopped to be healed, and by nobody's wish: whoever comes next has it go on."""
WATCH_SECONDS = 1.0
TRIES = 20
"""Looks at a connector that does not stop before the next begins anew."""
ALARM = 0.25
"""The part of the limit at which retained WAL is an alarm."""


@dataclass(frozen=True)
class SlotState:
    """How the slot does; sizes in bytes, ``limit`` -1 where there is none."""

    there: bool
    active: bool
    wal_status: str
    retained: int
    lag: int
    limit: int

    @property
    def lost(self) -> bool:
        """Whether what it should keep is gone."""
        return self.wal_status in ("missing", "lost")

    @property
    def alarming(self) -> bool:
        """Whether it is lost, or will be before long unless it is read."""
        return self.lost or 0 < self.limit * ALARM < self.retained

    def __str__(self) -> str:
        if self.lost:
            return f"slot {SLOT} is {self.wal_status}: the outboxes are published anew once the connector is back"
        mib = 1024 * 1024
        limit = f" of {self.limit / mib:.0f} MiB" if self.limit > 0 else ""
        state = "read" if self.active else "not read by anybody"
        kept = f"keeps {self.retained / mib:.1f} MiB{limit} of WAL"
        alarm = "; ALARM: at the limit it is lost, see why the connector does not read on" if self.alarming else ""
        return f"slot {SLOT}: {state}, {self.lag / mib:.1f} MiB behind, {kept}{alarm}"


def slot_state(row: Mapping[str, Any]) -> SlotState:
    """The state that the query ``slot`` found."""
    return SlotState(**row)


@asynccontextmanager
async def slot_watched(settings: Settings) -> AsyncIterator[None]:
    """Watch the slot while the block runs."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(_watch(settings))
        try:
            yield
        finally:
            task.cancel()


async def _watch(settings: Settings) -> None:
    url, watch = settings.database_url(CDC_ROLE), _Watch(settings)
    while True:
        try:
            connecting = psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row, connect_timeout=5)
            async with await connecting as connection:
                await watch.run(connection)
        except psycopg.Error as error:
            if not passes(error):
                raise
            log.warning("slot not seen", error=str(error))
            await asyncio.sleep(WATCH_SECONDS)


class _Watch:
    """What was seen of the slot, and what is still to be done about it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._was: SlotState | None = None
        self._owed = False
        self._resume: bool | None = None
        """Whether the connector is to run once its offsets are gone: as it was when it was first looked at."""

    async def run(self, connection: psycopg.AsyncConnection[Any]) -> None:
        if await (await connection.execute(QUERIES["is_noted"], [STOPPED_HERE])).fetchone():
            log.warning("the connector was stopped to be healed, and has not gone on")
            self._owed = self._resume = True
        async with httpx.AsyncClient(base_url=self._settings.connect, timeout=5) as connect:
            while True:
                row = await (await connection.execute(QUERIES["slot"], [SLOT])).fetchone()
                state = slot_state(row or {})
                self._tell(state)
                await self._mend(connection, connect, state)
                if self._settings.connector_restarts:
                    await self._restart_failed(connect)
                self._was = state
                await asyncio.sleep(WATCH_SECONDS)

    def _tell(self, state: SlotState) -> None:
        SLOT_LAG.set(state.lag)
        SLOT_RETAINED.set(state.retained)
        SLOT_LIMIT.set(state.limit)
        SLOT_INTACT.set(not state.lost)
        before = self._was
        if state.lost and not (before and before.lost):
            SLOT_LOSSES.inc()
            self._owed = True
            log.error("slot lost", slot=SLOT, wal_status=state.wal_status, healed_by="publishing the outboxes anew")
        elif before and before.lost and not state.lost:
            log.warning("slot is back", slot=SLOT)
        elif state.alarming and not (before and before.alarming):
            log.error("slot keeps much WAL", slot=SLOT, retained=state.retained, limit=state.limit)

    async def _mend(
        self, connection: psycopg.AsyncConnection[Any], connect: httpx.AsyncClient, state: SlotState
    ) -> None:
        if state.wal_status == "lost":
            with suppress(psycopg.errors.UndefinedObject):  # somebody else was quicker
                await connection.execute(QUERIES["drop_slot"], [SLOT])
        if self._owed:
            try:
                await self._publish_anew(connection, connect)
            except (httpx.HTTPError, TimeoutError) as error:
                log.warning("outboxes not yet published anew", error=repr(error))
            else:
                self._owed, self._resume = False, None
                log.warning("outboxes are published anew")

    async def _restart_failed(self, connect: httpx.AsyncClient) -> None:
        """Have a connector or task go on that has failed: too early, say, for the database."""
        try:
            answer = await connect.get(f"{PATH}/status")
            if answer.status_code == httpx.codes.NOT_FOUND:  # it is not placed yet
                return
            status = answer.raise_for_status().json()
            states = {part["state"] for part in (status["connector"], *status["tasks"])}
            if "FAILED" in states:
                log.warning("the connector has failed and is restarted", connector=CONNECTOR)
                restart = await connect.post(f"{PATH}/restart", params={"includeTasks": True, "onlyFailed": True})
                restart.raise_for_status()
        except httpx.HTTPError as error:
            log.warning("connector not looked after", error=repr(error))

    async def _publish_anew(self, connection: psycopg.AsyncConnection[Any], connect: httpx.AsyncClient) -> None:
        """Take the connector's offsets from it; one that was stopped by somebody stays so.

        Raises `httpx.HTTPError` where Connect does not answer, and TimeoutError where the connector does not stop.
        """
        if self._resume is None:
            status = (await connect.get(f"{PATH}/status")).raise_for_status().json()
            self._resume = status["connector"]["state"] != "STOPPED"
        if self._resume:
            await connection.execute(QUERIES["note_stopped"], [STOPPED_HERE])
        for _ in range(TRIES):
            (await connect.put(f"{PATH}/stop")).raise_for_status()
            if (await connect.delete(f"{PATH}/offsets")).is_success:
                break
            await asyncio.sleep(WATCH_SECONDS / 2)
        else:
            raise TimeoutError("the connector does not stop")
        if self._resume:
            (await connect.put(f"{PATH}/resume")).raise_for_status()
            await connection.execute(QUERIES["drop_slot"], [STOPPED_HERE])
