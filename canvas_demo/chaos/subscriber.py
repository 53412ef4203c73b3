"""A websocket subscriber that comes back: to the next host, with the cursor of what it has."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

ANSWERS_WITHIN = 30.0
"""Seconds for a subscription to be answered; then the subscriber begins anew at the next host."""


@dataclass(frozen=True)
class Seen:
    """A frame with an event: its cursor, the event's id and its version of the canvas."""

    cursor: int
    event_id: str
    version: int


class Gap(NamedTuple):
    """What a subscriber was told with ``recovered: false``.

    ``again``: it had an answer on this connection, from an attempt that was undone; nobody knows what that one said.
    """

    had: int
    to: int
    again: bool = False


@dataclass
class View:
    """What a subscriber was told of one subject."""

    first: int | None = None
    """The cursor at which it began."""
    cursor: int = 0
    seen: list[Seen] = field(default_factory=list)
    told_gaps: list[Gap] = field(default_factory=list)
    """From the cursor that it had to the one from which it went on."""


class Subscriber:
    """One client, subscribed to ``subjects``; ``views`` is all that it has seen."""

    def __init__(
        self, urls: Sequence[str], token: str, subjects: Sequence[str], on_event: Callable[[str], None] | None = None
    ) -> None:
        self._urls = urls
        self._token = token
        self._subjects = subjects
        self._on_event = on_event
        self._turn = 0
        self.connects = 0
        self.views: dict[str, View] = defaultdict(View)
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Stay connected until cancelled."""
        while True:
            url = self._urls[self._turn % len(self._urls)]
            self._turn += 1
            try:
                async with connect(
                    url,
                    additional_headers={"Authorization": f"Bearer {self._token}"},
                    open_timeout=10,
                    ping_interval=5,
                    ping_timeout=5,
                    close_timeout=1,
                    compression=None,
                    proxy=None,
                ) as socket:
                    self.connects += 1
                    await self._follow(socket)
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.2)

    async def _follow(self, socket: ClientConnection) -> None:
        for subject in self._subjects:
            view = self.views[subject]
            after = {} if view.first is None else {"after": view.cursor}
            await socket.send(json.dumps({"type": "subscribe", "subject": subject, **after}))
        waiting = set(self._subjects)
        async with asyncio.timeout(ANSWERS_WITHIN) as limit:
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] == "subscribed":
                    self._subscribed(frame, again=frame["subject"] not in waiting)
                    waiting.discard(frame["subject"])
                    if not waiting:
                        limit.reschedule(None)
                        self.ready.set()
                elif frame["type"] == "event":
                    self._event(frame)
                elif frame["type"] == "error":
                    return  # refused for now: another attempt at the next host

    def _subscribed(self, frame: dict[str, Any], *, again: bool) -> None:
        view = self.views[frame["subject"]]
        if view.first is None:
            view.first = view.cursor = frame["cursor"]
        elif not frame["recovered"]:
            view.told_gaps.append(Gap(view.cursor, frame["cursor"], again))
            view.cursor = frame["cursor"]

    def _event(self, frame: dict[str, Any]) -> None:
        view, event = self.views[frame["subject"]], frame["event"]
        view.seen.append(Seen(frame["cursor"], event["id"], int(event["aggregateversion"])))
        view.cursor = frame["cursor"]
        if self._on_event:
            self._on_event(event["correlationid"])
