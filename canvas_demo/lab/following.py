"""A websocket client that comes back: when its socket ends, to the next host, with the cursors of what it has."""

import json
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Self

import pandas as pd
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from canvas_demo.lab.checks import collecting, until
from canvas_demo.lab.sockets import QUIET, Frame, frames_of

READY_SECONDS = 60.0
ANSWERS_WITHIN = 15.0
"""Seconds for all subscriptions to be answered; then it tries the next host."""
PING_EVERY, PONG_WITHIN = 1.0, 2.0
"""Seconds: how often it asks whether the host is there, and how long it waits for that. A frozen one closes nothing."""
PAUSE = 0.2
"""Seconds between two attempts, and at most until it notices that it is to end."""


class Follower:
    """Subscribed to ``subjects`` until `close`; ``received`` holds the frames of all its connections."""

    def __init__(self, name: str, urls: Sequence[str], token: str, subjects: Sequence[str]) -> None:
        self.name = name
        self.received: list[Frame] = []
        self.hosts: list[str] = []
        self.gaps: list[tuple[str, int, int]] = []
        self.closed: tuple[int, str] | None = None
        self.cursors: dict[str, int] = {}
        self._began: dict[str, int] = {}
        self._urls, self._subjects = urls, subjects
        self._headers = {"Authorization": f"Bearer {token}"}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"follower {name}", daemon=True)
        self._thread.start()
        until(lambda: len(self._began) == len(subjects), f"{name} is subscribed", READY_SECONDS)

    def __repr__(self) -> str:
        events = sum(1 for frame in self.received if frame.event_id)
        return f"Follower {self.name!r}: {events} events, on {' → '.join(self.hosts)}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave, and do not come back; what it received stays."""
        self._ending.set()
        self._thread.join()
        self.closed = (1000, "")

    @property
    def host(self) -> str:
        """The host that it was connected to last."""
        return self.hosts[-1] if self.hosts else ""

    @property
    def frames(self) -> pd.DataFrame:
        """The frames so far."""
        return frames_of(self.received)

    @property
    def told(self) -> pd.DataFrame:
        """By subject: from which cursor to which it was told, and how many frames came twice, out of order, or never.

        ``told_gaps``: how often it was told that something can't be had any more (``recovered: false``); what
        falls into such a gap is not ``missing``.
        """
        rows = []
        for subject in self._subjects:
            events = [frame.message for frame in list(self.received) if frame.event_id]
            seen = [message["cursor"] for message in events if message["subject"] == subject]
            first, last = self._began[subject], self.cursors[subject]
            gaps = [(had, to) for about, had, to in self.gaps if about == subject]
            skipped = {cursor for had, to in gaps for cursor in range(had + 1, to + 1)}
            missing = set(range(first + 1, last + 1)) - set(seen) - skipped
            twice = len(seen) - len(set(seen))
            unordered = sum(1 for before, after in pairwise(seen) if after < before)
            rows.append((subject, first, last, len(seen), twice, unordered, len(missing), len(gaps)))
        columns = ["subject", "first", "last", "frames", "twice", "out_of_order", "missing", "told_gaps"]
        return pd.DataFrame(rows, columns=columns)

    # --- on its thread -------------------------------------------------------------------------------------

    def _run(self) -> None:
        with collecting(f"follower {self.name}"):
            turn = 0
            while not self._ending.is_set():
                try:
                    with self._connect(self._urls[turn % len(self._urls)]) as websocket:
                        self._follow(websocket)
                except (OSError, WebSocketException):
                    self._ending.wait(PAUSE)  # this host does not answer, or no longer
                turn += 1

    def _connect(self, url: str) -> ClientConnection:
        return connect(
            url,
            additional_headers=self._headers,
            proxy=None,
            open_timeout=ANSWERS_WITHIN,
            ping_interval=PING_EVERY,
            ping_timeout=PONG_WITHIN,
            close_timeout=1,
            logger=QUIET,
        )

    def _follow(self, websocket: ClientConnection) -> None:
        """Read until the end, or until a subscription is refused or not answered: then the next host may do better."""
        for subject in self._subjects:
            after = {"after": self.cursors[subject]} if subject in self.cursors else {}
            websocket.send(json.dumps({"type": "subscribe", "subject": subject, **after}))
        waiting, deadline = set(self._subjects), time.monotonic() + ANSWERS_WITHIN
        while not self._ending.is_set() and (not waiting or time.monotonic() < deadline):
            try:
                text = websocket.recv(timeout=PAUSE)
            except TimeoutError:
                continue
            frame = Frame(datetime.now(UTC), json.loads(text))
            if frame.message["type"] == "error":
                return
            self._take(frame.message)
            self.received.append(frame)
            if frame.message["type"] == "subscribed":
                waiting.discard(frame.message["subject"])

    def _take(self, message: dict[str, Any]) -> None:
        """Note where it is, and what it is told is gone."""
        if message["type"] == "welcome":
            self.hosts.append(message["host"])
        elif message["type"] == "event":
            self.cursors[message["subject"]] = message["cursor"]
        elif message["type"] == "subscribed":
            subject, cursor = message["subject"], message["cursor"]
            if subject in self.cursors and not message["recovered"]:
                self.gaps.append((subject, self.cursors[subject], cursor))
            self._began.setdefault(subject, cursor)
            self.cursors[subject] = cursor
