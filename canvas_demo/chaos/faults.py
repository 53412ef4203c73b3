"""The faults, each done to the stack that runs; returns what was done, for a person.

Where a fault is to hit the middle of something, the table that the work must write to is locked, so
that the work stands still there until the fault has come.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psutil
import psycopg

from canvas_demo.chaos.load import Api, Organization
from canvas_demo.chaos.plan import Fault
from canvas_demo.kernel.migrate import SLOT
from canvas_demo.kernel.settings import Settings
from canvas_demo.stack import channel
from canvas_demo.stack.errors import StackError

CAUGHT_WITHIN = 60.0
"""Seconds within which somebody runs into a lock."""
STALL = 3.0
"""Seconds: more than another host waits for an answer, less than a lease."""
UPLOAD = 1024 * 1024


@dataclass(frozen=True)
class Target:
    """The running stack, and what the faults need besides."""

    settings: Settings
    api: Api
    organization: Organization

    def components(self) -> dict[str, dict[str, Any]]:
        """What ``status`` says, by component."""
        snapshot = next(channel.ask(self.settings.home, "status"))
        return {part["name"]: part for part in snapshot["components"]}

    async def order(self, what: str, name: str) -> None:
        """Have the supervisor kill, pause or resume a component."""
        await asyncio.to_thread(lambda: list(channel.ask(self.settings.home, what, name=name)))

    def named(self, *names: str) -> str:
        """The first of the components that this stack has."""
        present = self.components()
        return next(name for name in names if name in present)


async def in_a_transaction(target: Target) -> str:
    """Kill a process of canvases that has begun a command's transaction."""
    async with _caught(target, "canvases", "outbox") as name:
        await target.order("kill", name)
        return f"killed {name}, which was writing to canvases.outbox"


async def in_a_handler(target: Target) -> str:
    """Kill a process of notifications that has claimed an event and not yet recorded it."""
    async with _caught(target, "notifications", "feed") as name:
        await target.order("kill", name)
        return f"killed {name}, which was writing to notifications.feed"


async def connect(target: Target) -> str:
    """Kill Kafka Connect, and Debezium with it."""
    return await _kill(target, "connect")


async def kafka(target: Target) -> str:
    """Kill the broker."""
    return await _kill(target, "kafka")


async def postgres(target: Target) -> str:
    """Kill the database with all its server processes."""
    return await _kill(target, "postgres")


async def host(target: Target) -> str:
    """Kill a websocket host."""
    return await _kill(target, target.named("websockets-2", "websockets", "backend"))


async def stall(target: Target) -> str:
    """Freeze a websocket host for a moment: what it is sent meanwhile is given up, and then it answers again."""
    name = target.named("websockets-2", "websockets", "backend")
    await target.order("pause", name)
    await asyncio.sleep(STALL)
    await target.order("resume", name)
    return f"{name} stood still for {STALL:.0f} s"


async def freeze(target: Target) -> str:
    """Freeze a consumer that has claimed events until its group has gone on without it, and let it go on.

    Its group goes on once its session is over and PostgreSQL has ended the transaction that holds the claim.
    """
    seconds = max(target.settings.consumer_session, target.settings.transaction_idle) + 3
    async with _caught(target, "notifications", "feed") as name:
        await target.order("pause", name)
    await asyncio.sleep(seconds)
    await target.order("resume", name)
    return f"{name} stood still for {seconds:.0f} s in the middle of a handler"


async def slot(target: Target) -> str:
    """Drop the replication slot under its reader."""
    deadline = asyncio.get_running_loop().time() + CAUGHT_WITHIN
    async with await _database(target) as connection:
        while True:
            await connection.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s", [SLOT]
            )
            try:
                await connection.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])
            except (psycopg.errors.ObjectInUse, psycopg.errors.UndefinedObject):
                if asyncio.get_running_loop().time() > deadline:
                    raise
            else:
                return f"dropped the slot {SLOT}"


async def disk(target: Target) -> str:
    """Have no space where contents of files are kept: a tiny file system lies over their folder meanwhile."""
    folder = target.settings.home / "files"
    folder.mkdir(exist_ok=True)
    await _privileged("mount", "-t", "tmpfs", "-o", "size=16k,mode=777", "tmpfs", str(folder))
    try:
        answer = await target.api.upload(target.organization, UPLOAD)
    finally:
        await _privileged("umount", "--lazy", str(folder))
    if answer.is_success:
        raise RuntimeError(f"an upload larger than the space that is left was answered with {answer.status_code}")
    return f"no space was left: an upload was answered with {answer.status_code}"


async def _privileged(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await process.communicate()
    if process.returncode:
        raise StackError(f"{command[0]} failed, which the fault `disk` needs: {said.decode().strip()}")


DO: Mapping[Fault, Callable[[Target], Awaitable[str]]] = {
    "transaction": in_a_transaction,
    "handler": in_a_handler,
    "connect": connect,
    "kafka": kafka,
    "postgres": postgres,
    "host": host,
    "stall": stall,
    "freeze": freeze,
    "slot": slot,
    "disk": disk,
}


async def _kill(target: Target, name: str) -> str:
    await target.order("kill", name)
    return f"killed {name}"


async def _database(target: Target) -> psycopg.AsyncConnection[Any]:
    url = target.settings.database_url(target.settings.postgres_admin)
    return await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5)


@asynccontextmanager
async def _caught(target: Target, module: str, table: LiteralString) -> AsyncIterator[str]:
    """The component of the module that stands in a transaction, before a table that is held locked meanwhile."""
    async with await _database(target) as connection, await _database(target) as watcher, connection.transaction():
        lock = psycopg.sql.SQL("LOCK TABLE {} IN SHARE MODE").format(psycopg.sql.Identifier(module, table))
        await connection.execute(lock)
        yield await _who_waits(target, watcher, module)


async def _who_waits(target: Target, watcher: psycopg.AsyncConnection[Any], module: str) -> str:
    """The component whose connection waits for a lock, by the port that its connection comes from."""
    query = """
        SELECT client_port FROM pg_stat_activity
        WHERE usename = %s AND wait_event_type = 'Lock' AND wait_event = 'relation'
    """
    deadline = asyncio.get_running_loop().time() + CAUGHT_WITHIN
    while asyncio.get_running_loop().time() < deadline:
        ports = {row[0] for row in await (await watcher.execute(query, [module])).fetchall()}
        for name, part in target.components().items() if ports else ():
            if part["pid"] and ports & _own_ports(part["pid"]):
                return name
        await asyncio.sleep(0.02)
    raise TimeoutError(f"nobody of {module} wrote within {CAUGHT_WITHIN:.0f} s")


def _own_ports(pid: int) -> set[int]:
    return {connection.laddr.port for connection in psutil.Process(pid).net_connections("tcp") if connection.laddr}
