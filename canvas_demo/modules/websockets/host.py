"""This process as a websocket host: its lease, its open sockets, and what becomes of those of a dead host."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import structlog

from canvas_demo.kernel.aggregate import Loaded, advance
from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.errors import DomainError, Unavailable
from canvas_demo.kernel.failures import passes
from canvas_demo.kernel.settings import SettingError
from canvas_demo.kernel.tokens import Caller
from canvas_demo.kernel.trace import Trace, current_trace, new_id, set_trace
from canvas_demo.modules.websockets.domain import CONNECTED, Allowance, Connect, Conversation, Disconnect, Receive
from canvas_demo.modules.websockets.domain import WebSocketConnection as State
from canvas_demo.modules.websockets.journal import Journal
from canvas_demo.modules.websockets.live import INTERNAL_ERROR, SERVICE_RESTART, TRY_AGAIN_LATER, Ending, Live
from canvas_demo.modules.websockets.store import (
    CONNECTION,
    CONVERSATION,
    QUERIES,
    end_connections,
    end_connections_of_host,
)

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=10)
RENEW = 3.0
"""Seconds between two renewals of the lease; also how soon the dead are noticed."""
ANSWERS_WITHIN = 1.0
"""Seconds that a renewal may take even where the lease is over: of a process that was frozen, say."""
ASK_AGAIN = 0.5
"""Seconds between two attempts at a name that another host has."""


class Host:
    """The sockets of this process. A lease that was lost costs them all: others have published them as gone."""

    def __init__(self, name: str, grpc_address: str, pool: Pool, rate: float = 50.0, burst: int = 250) -> None:
        self.name = name
        self._rate, self._burst = rate, burst
        self.grpc_address = grpc_address
        self._pool = pool
        self._journal = Journal(pool, name)
        self._live: dict[str, Live] = {}
        self._renewed_at = 0.0

    def __len__(self) -> int:
        return len(self._live)

    def find(self, connection_id: str) -> Live | None:
        """The open socket of this id, if it is here."""
        live = self._live.get(connection_id)
        return None if live is None or live.ended.done() else live

    def all_live(self) -> list[Live]:
        """The sockets that are here."""
        return list(self._live.values())

    # --- what happens to sockets ---------------------------------------------------------------------------

    async def connect(self, caller: Caller) -> Live:
        """A new connection of ``caller``, published. Raises `Unavailable`."""
        if self._journal.epoch is None:
            raise Unavailable("This host takes no connections just now; try another.")
        live = Live(new_id(), caller, datetime.now(UTC), Allowance(self._rate, self._burst))
        self._live[live.connection_id] = live
        command = Connect(live.connection_id, caller.organization_id, caller.user_id, self.name)

        async def write(connection: Connection) -> None:
            of = (live.connection_id, caller.organization_id)
            await advance(connection, CONNECTION, *of, Loaded(None, 0), command, live.connected_at)

        try:
            await (await self._journal.submit(write, caller.organization_id, current_trace()))
        except BaseException:
            del self._live[live.connection_id]
            raise
        return live

    async def receive(self, live: Live, text: str) -> None:
        """Publish a text that came in; does not wait for its commit.

        One that can't be stored ends the connection, and those after it are not stored either.
        """
        caller = live.caller
        command = Receive(live.connection_id, caller.organization_id, caller.user_id, text)
        of = (live.connection_id, caller.organization_id)
        before, now = live.messages, datetime.now(UTC)
        state = Loaded(Conversation(*of, before) if before else None, before)

        async def write(connection: Connection) -> None:
            if not live.void:
                await advance(connection, CONVERSATION, *of, state, command, now)

        def stored(done: asyncio.Future[None]) -> None:
            if done.exception():
                live.void = True
                live.end(Ending(INTERNAL_ERROR, "a message could not be stored"))

        live.messages += 1
        (await self._journal.submit(write, caller.organization_id, Trace.start())).add_done_callback(stored)

    async def disconnect(self, live: Live, reason: str) -> None:
        """Publish the end of a connection; one that can't be stored now is published by the next settlement."""
        caller = live.caller
        state = State(live.connection_id, caller.organization_id, caller.user_id, self.name, CONNECTED)

        async def write(connection: Connection) -> None:
            of = (live.connection_id, caller.organization_id)
            await advance(connection, CONNECTION, *of, Loaded(state, 1), Disconnect(reason), datetime.now(UTC))

        try:
            await (await self._journal.submit(write, caller.organization_id, current_trace()))
        except DomainError as error:
            log.warning("disconnect not stored", connection_id=live.connection_id, error=error.detail)
        finally:
            del self._live[live.connection_id]

    # --- the lease -----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hold the lease while the block runs. Raises `SettingError` where another host has the name."""
        await self._begin()
        async with self._journal.running(), asyncio.TaskGroup() as tasks:
            keeping = tasks.create_task(self._keep())
            try:
                yield
            finally:
                keeping.cancel()
        await self._leave()

    async def _begin(self) -> None:
        """Take the name: from an earlier life at this address at once, from one elsewhere when its lease is over."""
        end = time.monotonic() + LEASE.total_seconds() + RENEW
        while not await self._take(by_force=True):
            if time.monotonic() > end:
                message = f"Another process is the websocket host {self.name}: give this one another name"
                raise SettingError(f"{message}, CANVAS_DEMO_WEBSOCKET_HOST_NAME.")
            log.warning("the host's name is taken", host=self.name)
            await asyncio.sleep(ASK_AGAIN)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(RENEW)
            set_trace(Trace.start())
            left = LEASE.total_seconds()
            if self._journal.epoch:
                left = max(self._renewed_at + left - time.monotonic(), ANSWERS_WITHIN)
            # By a clock of its own: to cancel a query whose connection is dead takes its time as well.
            ending = asyncio.get_running_loop().call_later(left, self._lose_what_is_over)
            try:
                async with asyncio.timeout(left):
                    await self._renew()
            except Exception as error:
                if not passes(error):
                    raise
                log.warning("lease not renewed", host=self.name, error=repr(error))
                self._lose_what_is_over()
            finally:
                ending.cancel()

    async def _renew(self) -> None:
        if self._journal.epoch is None:
            await self._take(by_force=False)
            return
        asked_at = time.monotonic()
        async with self._pool.connection() as connection:
            held = await (await connection.execute(QUERIES["renew_lease"], self._lease)).fetchone()
        if held is None:
            self._lose()
            return
        self._renewed_at = asked_at
        await self._bury()
        await self._settle()

    @property
    def _lease(self) -> Mapping[str, object]:
        return {
            "name": self.name,
            "grpc_address": self.grpc_address,
            "epoch": self._journal.epoch,
            "lease": LEASE,
        }

    async def _take(self, *, by_force: bool) -> bool:
        """Begin a life as the host of this name, unless another has it; whether it began.

        What an earlier one left is published as disconnected.
        """
        epoch: UUID = uuid4()
        lease = {**self._lease, "epoch": epoch, "by_force": by_force}
        asked_at = time.monotonic()
        async with self._pool.connection() as connection:
            if await (await connection.execute(QUERIES["take_host"], lease)).fetchone() is None:
                return False
            left = await end_connections_of_host(connection, self.name, "host restarted", datetime.now(UTC))
        self._journal.epoch = epoch
        self._renewed_at = asked_at
        log.info("websocket host", host=self.name, grpc_address=self.grpc_address, left_over=left)
        return True

    def _lose_what_is_over(self) -> None:
        if self._journal.epoch and time.monotonic() - self._renewed_at >= LEASE.total_seconds():
            self._lose()

    def _lose(self) -> None:
        log.warning("lease lost", host=self.name, connections=len(self))
        self._journal.epoch = None
        for live in self._live.values():
            live.end(Ending(SERVICE_RESTART, "the host was taken for dead"))

    async def _bury(self) -> None:
        """Publish the connections of hosts that are dead as disconnected."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(QUERIES["bury_hosts"])
            for row in await cursor.fetchall():
                ended = await end_connections_of_host(connection, row["name"], "host died", datetime.now(UTC))
                log.warning("host died", host=row["name"], connections=ended)

    async def _settle(self) -> None:
        """Make sockets and rows agree: what missed a text is closed, what has no socket is disconnected."""
        async with self._pool.connection() as connection:
            census = await (await connection.execute(QUERIES["census_of_host"], [self.name])).fetchall()
            lost = [row["connection_id"] for row in census if row["connection_id"] not in self._live]
            if lost:
                await end_connections(connection, lost, "connection lost", datetime.now(UTC))
        for row in census:
            if row["missed_text"] and (live := self.find(row["connection_id"])):
                live.end(Ending(TRY_AGAIN_LATER, "a message could not be delivered"))

    async def _leave(self) -> None:
        """End this life: nobody has to wait for its lease to run out."""
        async with self._pool.connection() as connection:
            if await (await connection.execute(QUERIES["leave_host"], self._lease)).fetchone():
                await end_connections_of_host(connection, self.name, "host stopped", datetime.now(UTC))
