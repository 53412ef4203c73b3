"""A websocket client: a thread reads the frames, each gets the time at which it came."""

import json
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, Self

import pandas as pd
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from canvas_demo.lab.checks import NotYet, collecting, until

SECONDS = 60.0
QUIET = logging.getLogger(f"{__name__}.quiet")
"""The client library's own: how a connection ended is told by who has it, and not between a notebook's outputs."""
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False


class Client(Protocol):
    """Whoever receives frames under a name: a `Socket`, or one that comes back."""

    name: str
    received: "list[Frame]"
    closed: tuple[int, str] | None

    @property
    def host(self) -> str:
        """The host that it is, or was last, connected to."""


class Refused(Exception):
    """The server answered a message with an error frame."""


@dataclass(frozen=True)
class Frame:
    """What the server sent, and when it was read here."""

    received_at: datetime
    message: dict[str, Any]

    @property
    def event_id(self) -> str:
        """The id of the event that it carries; empty for another frame."""
        return str(self.message.get("event", {}).get("id", ""))


class Socket:
    """One open websocket; ends with `close`, or the end of a ``with`` block."""

    def __init__(self, name: str, url: str, token: str) -> None:
        self.name = name
        self.received: list[Frame] = []
        self.closed: tuple[int, str] | None = None
        self._arrived = threading.Condition()
        self._open = ExitStack()
        headers = {"Authorization": f"Bearer {token}"}
        self._websocket = self._open.enter_context(
            connect(url, additional_headers=headers, proxy=None, open_timeout=SECONDS, logger=QUIET)
        )
        self._thread = threading.Thread(target=self._read, name=f"websocket {name}", daemon=True)
        self._thread.start()
        welcome = self.until(lambda frame: frame.message["type"] == "welcome")
        self.connection_id: str = welcome.message["connection_id"]
        self.host: str = welcome.message["host"]

    def __repr__(self) -> str:
        count = len(self.received)
        state = "open" if self.closed is None else f"closed with {self.closed[0]} {self.closed[1]}".rstrip()
        return f"Socket {self.name!r} on host {self.host}: {state}, {count} frame{'' if count == 1 else 's'}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; its frames stay."""
        self._open.close()
        self._thread.join()

    def send(self, message: dict[str, Any] | str) -> None:
        """Send a message, as JSON where it is no text already."""
        self._websocket.send(message if isinstance(message, str) else json.dumps(message))

    def subscribe(self, subject: str, after: int | None = None) -> dict[str, Any]:
        """Subscribe, and wait for the answer. Raises `Refused`."""
        before = len(self.received)
        self.send({"type": "subscribe", "subject": subject} | ({} if after is None else {"after": after}))
        answer = self.until(
            lambda frame: (
                frame.message["type"] == "error"
                or (frame.message["type"], frame.message.get("subject")) == ("subscribed", subject)
            ),
            after=before,
        )
        if answer.message["type"] == "error":
            raise Refused(answer.message["message"])
        return answer.message

    def until(self, wanted: Callable[[Frame], bool], timeout: float = SECONDS, after: int = 0) -> Frame:
        """The first frame that is ``wanted``, of those from the one numbered ``after`` on.

        Raises `NotYet`, at once where the socket is closed.
        """

        def look() -> list[Frame]:
            is_closed = self.closed is not None
            with self._arrived:
                self._arrived.wait(0 if is_closed else 0.1)
                found = [frame for frame in self.received[after:] if wanted(frame)]
            if is_closed and not found:
                raise NotYet(f"✗ a frame arrives at {self.name}: it was closed with {self.closed}")
            return found

        found = [frame for frame in self.received[after:] if wanted(frame)]
        return (found or until(look, f"a frame arrives at {self.name}", timeout, every=0))[0]

    def event(self, event_id: str, timeout: float = SECONDS) -> Frame:
        """The frame that carries an event, once it is there. Raises `NotYet`."""
        return self.until(lambda frame: frame.event_id == event_id, timeout)

    @property
    def frames(self) -> pd.DataFrame:
        """The frames so far."""
        return frames_of(self.received)

    def _read(self) -> None:
        with collecting(f"websocket {self.name}"):
            try:
                while True:
                    text = self._websocket.recv()
                    now = datetime.now(UTC)
                    self._keep(Frame(now, json.loads(text)))
            except ConnectionClosed as error:
                self.closed = (error.rcvd.code, error.rcvd.reason) if error.rcvd else (1006, "")

    def _keep(self, frame: Frame) -> None:
        with self._arrived:
            self.received.append(frame)
            self._arrived.notify_all()


def frames_of(received: Sequence[Frame]) -> pd.DataFrame:
    """Frames as a table."""
    rows = [
        (
            frame.received_at,
            frame.message["type"],
            frame.message.get("subject", ""),
            frame.message.get("cursor"),
            frame.message.get("event", {}).get("type", ""),
            frame.event_id,
            frame.message,
        )
        for frame in list(received)
    ]
    columns = ["received_at", "type", "subject", "cursor", "event_type", "event_id", "frame"]
    return pd.DataFrame(rows, columns=columns, dtype=object)
