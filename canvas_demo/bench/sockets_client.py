"""Many websocket clients in one process, each as cheap as can be."""

import asyncio
import base64
import os
import resource
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

DEADLINE = 120.0
"""Seconds without anything new before a run is given up."""
TEXT, PING, PONG = 0x81, 0x89, 0x8A
AT_ONCE = 50
"""Handshakes under way at the same time."""


@dataclass
class Client(asyncio.Protocol):
    """One websocket; ``texts`` came over it, each with the time in seconds since 1970 at which its last byte did."""

    texts: list[tuple[float, bytes]] = field(default_factory=list)
    transport: asyncio.Transport | None = None
    _buffer: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  (a TCP connection's is one)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Take the frames that are whole; pings are answered."""
        now = time.time()
        self._buffer += data
        if not self.opened.done():
            self._read_handshake()
        while self.opened.done() and (place := _payload(self._buffer)) is not None:
            opcode, payload = self._buffer[0], bytes(self._buffer[slice(*place)])
            del self._buffer[: place[1]]
            if opcode == TEXT:
                self.texts.append((now, payload))
            elif opcode == PING:
                self._write(PONG, payload)

    def _read_handshake(self) -> None:
        head, end, rest = bytes(self._buffer).partition(b"\r\n\r\n")
        if not end:
            return
        self._buffer = bytearray(rest)
        if b" 101 " in head.partition(b"\r\n")[0]:
            self.opened.set_result(None)
        else:
            self.opened.set_exception(ConnectionError(head.decode(errors="replace")))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits for the handshake."""
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("closed during the handshake"))

    def say(self, text: str) -> None:
        """Send a text."""
        self._write(TEXT, text.encode())

    def _write(self, opcode: int, payload: bytes) -> None:
        """Send a frame; the mask is zero, which is cheap and allowed."""
        size = struct.pack("!B", 0x80 | len(payload)) if len(payload) < 126 else struct.pack("!BH", 0xFE, len(payload))
        if self.transport is not None:
            self.transport.write(bytes((opcode,)) + size + bytes(4) + payload)


def _payload(buffer: bytearray) -> tuple[int, int] | None:
    """Where the payload of the first frame begins and ends, if all of it is there."""
    if len(buffer) < 2:
        return None
    start, size = 2, buffer[1] & 0x7F
    if size >= 126:
        start = 4 if size == 126 else 10
        if len(buffer) < start:
            return None
        size = int.from_bytes(buffer[2:start], "big")
    return (start, start + size) if len(buffer) >= start + size else None


@asynccontextmanager
async def opened(urls: list[str], number: int, token: str) -> AsyncIterator[list[Client]]:
    """``number`` clients, spread over ``urls``; closed at the end of the block."""
    _allow_files(number + 1000)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(url: str) -> Client:
        async with gate:
            return await _open(url, token)

    clients = await asyncio.gather(*(one(urls[at % len(urls)]) for at in range(number)))
    try:
        yield clients
    finally:
        for client in clients:
            if client.transport is not None:
                client.transport.abort()


async def _open(url: str, token: str) -> Client:
    at = urlsplit(url)
    _, client = await asyncio.get_running_loop().create_connection(Client, at.hostname or "", at.port or 80)
    request = [
        f"GET {at.path or '/'} HTTP/1.1",
        f"Host: {at.netloc}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        "Sec-WebSocket-Version: 13",
        f"Authorization: Bearer {token}",
    ]
    if client.transport is not None:
        client.transport.write("\r\n".join([*request, "", ""]).encode())
    await asyncio.wait_for(client.opened, DEADLINE)
    return client


def _allow_files(number: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(number, hard), hard))
