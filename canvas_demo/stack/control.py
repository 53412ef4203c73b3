"""What the supervisor answers over the socket in the home."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

from canvas_demo.stack.errors import StackError
from canvas_demo.stack.supervisor import Supervisor

ORDERS = ("stop", "start", "kill", "pause", "resume")


async def serve(supervisor: Supervisor, server: socket.socket) -> None:
    """Answer until the supervisor is done, and let everyone who watches see its end."""
    talks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task:
            talks.add(task)
            task.add_done_callback(talks.discard)
        with contextlib.suppress(ConnectionError):
            await _talk(supervisor, reader, writer)
        writer.close()

    listening = await asyncio.start_unix_server(talk, sock=server)
    try:
        await supervisor.run()
    finally:
        listening.close()
        if talks:
            await asyncio.wait(talks, timeout=1)


async def _talk(supervisor: Supervisor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = json.loads(await reader.readline() or b"{}")
    try:
        async for answer in _answers(supervisor, request):
            writer.write(json.dumps(answer).encode() + b"\n")
            await writer.drain()
    except StackError as error:
        writer.write(json.dumps({"error": str(error)}).encode() + b"\n")


async def _answers(supervisor: Supervisor, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    what = request.get("what")
    if what == "status":
        yield supervisor.snapshot()
    elif what in ("watch", "down"):
        if what == "down":
            supervisor.end()
        yield supervisor.snapshot()
        while supervisor.phase not in ("down", "failed"):
            await supervisor.changes.next()
            yield supervisor.snapshot()
    elif what in ORDERS:
        unit = supervisor.unit(str(request.get("name")))
        await getattr(unit, what)()
        yield unit.report()
