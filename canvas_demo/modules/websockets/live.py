"""A socket that is open on this host, as the rest of the module sees it: no I/O here."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from canvas_demo.kernel.metrics import FRAMES
from canvas_demo.kernel.tokens import Caller
from canvas_demo.modules.websockets.domain import Allowance, Positions

WAITING = 4 * 1024 * 1024
"""Bytes that may wait for a client to take them."""

SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011


@dataclass(frozen=True)
class Ending:
    """Why a connection ends; ``code`` (RFC 6455, section 7.4) is sent to the client, where it is still there."""

    code: int | None
    reason: str


class Wire(Protocol):
    """What carries frames to the client."""

    def write_frame(self, frame: bytes) -> int:
        """Send an encoded frame; how many bytes wait for the client after it."""


class _Unopened:
    """Keeps what is sent before the handshake is answered."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self._waiting = 0

    def write_frame(self, frame: bytes) -> int:
        self.frames.append(frame)
        self._waiting += len(frame)
        return self._waiting


class Live:
    """One open socket. What it can't take any more ends it: a client that comes back knows what it missed."""

    def __init__(self, connection_id: str, caller: Caller, connected_at: datetime, allowance: Allowance) -> None:
        self.connection_id = connection_id
        self.caller = caller
        self.connected_at = connected_at
        self.allowance = allowance
        self.messages = 0
        self.void = False  # a message was not stored, so none after it may be
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._wire: Wire = _Unopened()
        self._positions = Positions()

    def open(self, wire: Wire) -> None:
        """From here on frames go over ``wire``, those first that came before."""
        before, self._wire = self._wire, wire
        for frame in before.frames if isinstance(before, _Unopened) else ():
            self.send(frame)

    def send(self, frame: bytes) -> None:
        """Send a frame, unless the connection has ended."""
        if self.ended.done():
            return
        FRAMES.inc()
        if self._wire.write_frame(frame) > WAITING:
            self.end(Ending(TRY_AGAIN_LATER, "the client does not keep up"))

    def deliver(self, frames: Sequence[bytes], stream: str, position: int) -> bool:
        """Send ``frames`` but those of ``stream`` whose position was sent before; whether the first was not."""
        fresh = [not stream or self._positions.advance(stream, at) for at in range(position, position + len(frames))]
        for frame, new in zip(frames, fresh, strict=True):
            if new:
                self.send(frame)
        return fresh[0]

    def end(self, ending: Ending) -> None:
        """End it; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(ending)
