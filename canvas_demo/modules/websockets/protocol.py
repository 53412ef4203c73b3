"""uvicorn's websocket protocol over wsproto, with a way past it for frames that are encoded already.

See docs/decisions/websocket-implementation.md.
"""

import asyncio
from typing import Any

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection, Ping, Request

WIRE = "canvas_demo.wire"
"""The extension of the ASGI scope that holds the protocol itself."""
PONGS_WAITING = 64 * 1024
"""Bytes of answers to pings that may wait for a client; what else waits has a limit of its own."""


class WireProtocol(WSProtocol):
    """One connection. No extension is negotiated, so a frame is the same bytes for every client."""

    transport: asyncio.Transport
    _pongs = 0
    """Bytes of answers to pings that wait, at most."""

    def handle_connect(self, event: Request) -> None:
        """Offer the application this connection's wire."""
        super().handle_connect(event)
        extensions: Any = self.scope["extensions"]
        extensions[WIRE] = self

    def handle_close(self, event: CloseConnection) -> None:
        """Close; what breaks the protocol is told with which code (RFC 6455, section 7.1.7)."""
        broken = self.conn.state is ConnectionState.OPEN and not self.close_sent
        if broken and not self.transport.is_closing():
            self.transport.write(self.conn.send(CloseConnection(code=event.code, reason=event.reason)))
        super().handle_close(event)

    def handle_ping(self, event: Ping) -> None:
        """Answer; who asks again and again and reads no answer is cut off."""
        waiting = self.transport.get_write_buffer_size()
        super().handle_ping(event)
        self._pongs = min(self._pongs, waiting) + self.transport.get_write_buffer_size() - waiting
        if self._pongs > PONGS_WAITING:
            self.abort()

    def write_frame(self, frame: bytes) -> int:
        """Send an encoded frame; how many bytes wait for the client after it."""
        if not self.close_sent and not self.transport.is_closing():
            self.transport.write(frame)
        return self.transport.get_write_buffer_size()

    def abort(self) -> None:
        """Cut the connection, whatever waits for the client; nothing where it has ended already."""
        self.transport.abort()
