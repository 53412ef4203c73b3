"""The peer of a websocket host: a plain server of the library websockets that hands on what it is fed.

No database, no Kafka, no subscriptions: what comes over ``/feed`` goes to everybody else at once. It
is a lower bound, not an alternative: ``python -m canvas_demo.bench.broadcaster PORT``.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import create_connection, create_server

from websockets.asyncio.server import ServerConnection, broadcast, serve

DEADLINE = 30.0


async def _run(port: int) -> None:
    audience: set[ServerConnection] = set()

    async def handle(connection: ServerConnection) -> None:
        if connection.request is not None and connection.request.path == "/feed":
            async for text in connection:
                broadcast(audience, text)
            return
        audience.add(connection)
        try:
            await connection.wait_closed()
        finally:
            audience.discard(connection)

    async with serve(handle, "127.0.0.1", port, compression=None, backlog=2048) as server:
        await server.serve_forever()


@contextmanager
def broadcasters(number: int) -> Iterator[list[tuple[int, subprocess.Popen[bytes]]]]:
    """So many of them, each in a process of its own, with the port that it listens on."""
    ports = [_free_port() for _ in range(number)]
    command = [sys.executable, "-m", __name__]
    running = [subprocess.Popen([*command, str(port)]) for port in ports]  # noqa: S603
    try:
        for port in ports:
            _wait_until_it_listens(port)
        yield list(zip(ports, running, strict=True))
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _free_port() -> int:
    with create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def _wait_until_it_listens(port: int) -> None:
    end = time.monotonic() + DEADLINE
    while True:
        try:
            create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1])))
