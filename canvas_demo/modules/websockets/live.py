"""A socket that is open on this host, as the rest of the module sees it: no I/O here."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from canvas_demo.kernel.tokens import Caller
from canvas_demo.modules.websockets.domain import Positions

QUEUE = 256
"""Frames that may wait for a socket to take them."""

SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011


@dataclass(frozen=True)
class Ending:
    """Why a connection ends; ``code`` (RFC 6455, section 7.4) is sent to the client, where it is still there."""

    code: int | None
    reason: str


class Live:
    """One open socket. What it can't take any more ends it: a client that comes back knows what it missed."""

    def __init__(self, connection_id: str, caller: Caller, connected_at: datetime) -> None:
        self.connection_id = connection_id
        self.caller = caller
        self.connected_at = connected_at
        self.messages = 0
        self.void = False  # a message was not stored, so none after it may be
        self.frames: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._positions = Positions()

    def send(self, text: str) -> None:
        """Queue a frame."""
        try:
            self.frames.put_nowait(text)
        except asyncio.QueueFull:
            self.end(Ending(TRY_AGAIN_LATER, "the client does not keep up"))

    def deliver(self, texts: Sequence[str], stream: str, position: int) -> bool:
        """Queue ``texts`` but those of ``stream`` whose position was sent before; whether the first was not."""
        fresh = [not stream or self._positions.advance(stream, at) for at in range(position, position + len(texts))]
        for text, new in zip(texts, fresh, strict=True):
            if new:
                self.send(text)
        return fresh[0]

    def end(self, ending: Ending) -> None:
        """End it; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(ending)
