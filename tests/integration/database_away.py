"""The stack's database behind a wire that a test can cut, or silence: then nothing goes through, and nothing ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from canvas_demo.kernel.settings import Settings


class Wire:
    """Passes on what both sides say, while it is whole."""

    def __init__(self, settings: Settings) -> None:
        self._to = (settings.postgres_host, settings.port_postgres)
        self._whole = asyncio.Event()
        self._whole.set()
        self._refuses = False
        self._writers: list[asyncio.StreamWriter] = []

    def silence(self) -> None:
        """Nothing goes through any more, as where packets are dropped."""
        self._whole.clear()

    def cut(self) -> None:
        """Every connection breaks, and no other is made."""
        self._refuses = True
        for writer in self._writers:
            writer.transport.abort()

    def mend(self) -> None:
        self._refuses = False
        self._whole.set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if self._refuses:
            writer.transport.abort()
            return
        answers, requests = await asyncio.open_connection(*self._to)
        self._writers.append(requests)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pass_on(reader, requests))
            tasks.create_task(self._pass_on(answers, writer))

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                await self._whole.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def wired(settings: Settings) -> AsyncIterator[tuple[Wire, Settings]]:
    """A wire, and the settings with the database at its end."""
    wire = Wire(settings)
    async with await asyncio.start_server(wire.connected, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield wire, settings.model_copy(update={"postgres_host": host, "port_postgres": port})
        wire.cut()
