"""What may happen to a connection, what comes in over it, and what goes out."""

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import assert_never

from canvas_demo.contracts.websockets.v1.events_pb2 import WebSocketConnectionChanged, WebSocketMessageReceived
from canvas_demo.kernel.errors import AlreadyExists, Forbidden, Invalid, NotFound

CONNECTED, DISCONNECTED = "CONNECTED", "DISCONNECTED"


# --- a connection ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WebSocketConnection:
    """Who is connected, and to which host; ``state``: CONNECTED → DISCONNECTED."""

    connection_id: str
    organization_id: str
    user_id: str
    host: str
    state: str


@dataclass(frozen=True)
class Connect:
    connection_id: str
    organization_id: str
    user_id: str
    host: str


@dataclass(frozen=True)
class Disconnect:
    reason: str


def decide(
    connection: WebSocketConnection | None, command: Connect | Disconnect
) -> Sequence[WebSocketConnectionChanged]:
    """The events that ``command`` leads to. Raises `AlreadyExists` and `NotFound`."""
    match command:
        case Connect():
            if connection is not None:
                raise AlreadyExists(f"Connection {command.connection_id} exists already.", field="connection_id")
            return [
                WebSocketConnectionChanged(
                    connection_id=command.connection_id,
                    organization_id=command.organization_id,
                    user_id=command.user_id,
                    state=CONNECTED,
                    host=command.host,
                )
            ]
        case Disconnect():
            if connection is None:
                raise NotFound("There is no such connection.")
            if connection.state == DISCONNECTED:
                return []
            return [
                WebSocketConnectionChanged(
                    connection_id=connection.connection_id,
                    organization_id=connection.organization_id,
                    user_id=connection.user_id,
                    state=DISCONNECTED,
                    host=connection.host,
                    reason=command.reason,
                )
            ]
        case _:
            assert_never(command)


def evolve(connection: WebSocketConnection | None, event: WebSocketConnectionChanged) -> WebSocketConnection:
    """The connection after ``event``."""
    if connection is not None:
        return replace(connection, state=event.state)
    return WebSocketConnection(event.connection_id, event.organization_id, event.user_id, event.host, event.state)


# --- what its client says ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Conversation:
    """What came in over a connection so far: ``messages`` of them."""

    connection_id: str
    organization_id: str
    messages: int


@dataclass(frozen=True)
class Receive:
    connection_id: str
    organization_id: str
    user_id: str
    text: str


def decide_received(_: Conversation | None, command: Receive) -> Sequence[WebSocketMessageReceived]:
    """Every text is taken as it is."""
    return [
        WebSocketMessageReceived(
            connection_id=command.connection_id,
            organization_id=command.organization_id,
            user_id=command.user_id,
            text=command.text,
        )
    ]


def evolve_received(conversation: Conversation | None, event: WebSocketMessageReceived) -> Conversation:
    """The conversation after ``event``."""
    before = conversation.messages if conversation else 0
    return Conversation(event.connection_id, event.organization_id, before + 1)


def checked_text(text: str | None) -> str:
    """A text as it may be stored; ``None`` stands for a binary frame. Raises `Invalid`."""
    if text is None:
        raise Invalid("frame", "Only text frames are understood.")
    if "\0" in text:
        raise Invalid("frame", "A text must not hold U+0000.")
    return text


# --- who may connect ---------------------------------------------------------------------------------------


def check_origins(sent: Sequence[str], own: frozenset[str], *, with_bearer: bool) -> None:
    """Refuse a page that is not ours (RFC 6455, section 10.2).

    A browser always says where its page comes from, and can't send a bearer token in a handshake:
    who sends no ``Origin`` has to be a program, and show its token. Raises `Forbidden`.
    """
    if not sent and not with_bearer:
        raise Forbidden("Open the websocket from a page of ours, or with Authorization: Bearer.")
    for origin in sent:
        if origin not in own:
            raise Forbidden("Pages of this origin may not open a websocket here.")


# --- how often a client may speak --------------------------------------------------------------------------


class Verdict(Enum):
    """What becomes of a message."""

    TAKEN = auto()
    REFUSED = auto()
    TOO_MANY = auto()


@dataclass
class Allowance:
    """``burst`` messages at once, and ``rate`` a second over time; who goes on for another ``burst`` is cut off."""

    rate: float
    burst: int
    level: float = 0.0
    drained_at: float = 0.0

    def take(self, now: float) -> Verdict:
        """What becomes of a message that comes ``now``, in seconds."""
        self.level = max(0.0, self.level - (now - self.drained_at) * self.rate) + 1
        self.drained_at = now
        if self.level <= self.burst:
            return Verdict.TAKEN
        return Verdict.REFUSED if self.level <= 2 * self.burst else Verdict.TOO_MANY


# --- what goes out -----------------------------------------------------------------------------------------

FINAL_TEXT = 0x81
STREAMS = 1024
"""Streams of a connection whose position is remembered; the one that was quiet longest is forgotten first."""


@dataclass
class Positions:
    """Which position of each stream a connection was sent last."""

    last: dict[str, int] = field(default_factory=dict)

    def advance(self, stream: str, position: int) -> bool:
        """Whether ``position`` is after all that were sent; from here on it was sent too."""
        last = self.last.pop(stream, None)
        fresh = last is None or position > last
        self.last[stream] = position if fresh or last is None else last
        if len(self.last) > STREAMS:
            del self.last[next(iter(self.last))]
        return fresh


def welcome_text(connection_id: str, host: str) -> str:
    """The first text of a connection."""
    return json.dumps({"type": "welcome", "connection_id": connection_id, "host": host})


def error_text(code: str, message: str) -> str:
    """The answer to what can't be taken."""
    return json.dumps({"type": "error", "code": code, "message": message})


def text_frame(text: str) -> bytes:
    """A text as one unmasked frame without extensions (RFC 6455, section 5.2): the same bytes for every socket."""
    payload = text.encode()
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", FINAL_TEXT, length) + payload
    if length < 2**16:
        return struct.pack("!BBH", FINAL_TEXT, 126, length) + payload
    return struct.pack("!BBQ", FINAL_TEXT, 127, length) + payload
