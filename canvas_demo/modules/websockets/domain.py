"""What may happen to a connection, what comes in over it, and what goes out."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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


def check_origins(sent: Sequence[str], own: frozenset[str]) -> None:
    """Refuse a page that is not ours (RFC 6455, section 10.2); who is no browser sends no ``Origin``.

    Raises `Forbidden`.
    """
    for origin in sent:
        if origin not in own:
            raise Forbidden("Pages of this origin may not open a websocket here.")


# --- what goes out -----------------------------------------------------------------------------------------

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


def welcome_frame(connection_id: str, host: str) -> str:
    """The first frame of a connection."""
    return json.dumps({"type": "welcome", "connection_id": connection_id, "host": host})


def error_frame(code: str, message: str) -> str:
    """The answer to what can't be taken."""
    return json.dumps({"type": "error", "code": code, "message": message})
