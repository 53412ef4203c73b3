"""A websocket client that says exactly the bytes a test wants (RFC 6455), however wrong they are."""

import asyncio
import os
import socket as sockets
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.integration.websocket_clients import DEADLINE

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


@dataclass(frozen=True)
class Frame:
    """A frame as the server sent it."""

    opcode: int
    payload: bytes
    first_byte: int

    @property
    def code(self) -> int:
        """The code of a closing frame; 1005 stands for none."""
        return int(struct.unpack("!H", self.payload[:2])[0]) if self.payload else 1005


def encoded(opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """A client's frame."""
    size = len(payload)
    if size < 126:
        length, extended = size, b""
    elif size < 2**16:
        length, extended = 126, struct.pack("!H", size)
    else:
        length, extended = 127, struct.pack("!Q", size)
    head = bytes(((fin << 7) | (reserved << 4) | opcode, (masked << 7) | length)) + extended
    if not masked:
        return head + payload
    mask = os.urandom(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class RawClient:
    """A connection whose handshake is done."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str, token: str) -> AsyncIterator["RawClient"]:
        """A connection of whoever holds ``token``, cut at the end of the block."""
        at = urlsplit(url)
        reader, writer = await asyncio.open_connection(at.hostname, at.port, limit=1024)
        try:
            writer.write(
                f"GET {at.path} HTTP/1.1\r\nHost: {at.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode()
            )
            answer = await asyncio.wait_for(_headers(reader), DEADLINE)
            assert answer[0].split()[1] == "101", answer
            assert "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=" in answer
            assert not any(line.startswith("sec-websocket-extensions") for line in answer)
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    def read_slowly(self) -> None:
        """Let what the server sends wait on its side: this one's buffer is as small as can be."""
        self._writer.get_extra_info("socket").setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 1024)

    async def send(self, opcode: int, payload: bytes = b"", *, fin: bool = True, times: int = 1) -> None:
        await self.send_bytes(encoded(opcode, payload, fin=fin) * times)

    async def send_bytes(self, data: bytes) -> None:
        self._writer.write(data)
        await asyncio.wait_for(self._writer.drain(), DEADLINE)

    async def frame(self) -> Frame:
        """The next frame. Raises IncompleteReadError where the server has cut the connection."""
        return await asyncio.wait_for(self._frame(), DEADLINE)

    async def _frame(self) -> Frame:
        first, second = await self._reader.readexactly(2)
        assert not second & 0x80, "a server masks nothing"
        size = second
        if second == 126:
            (size,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif second == 127:
            (size,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return Frame(first & 0x0F, await self._reader.readexactly(size), first)

    async def closing(self) -> int:
        """The code that the server closes with; what it sends before is passed over."""
        while (frame := await self.frame()).opcode != CLOSE:
            pass
        return frame.code

    async def is_cut(self) -> bool:
        """Whether the connection breaks off in the middle of what the server sends."""
        try:
            while await asyncio.wait_for(self._reader.read(4096), DEADLINE):
                pass
        except ConnectionError:
            return True
        return self._reader.at_eof()

    async def ended(self) -> bool:
        """Whether the server ends the connection, with nothing more to say."""
        return await asyncio.wait_for(self._reader.read(), DEADLINE) == b""


async def _headers(reader: asyncio.StreamReader) -> Sequence[str]:
    lines = []
    while line := (await reader.readline()).decode().strip().lower():
        lines.append(line)
    return lines
