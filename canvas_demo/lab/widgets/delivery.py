"""Who got what: events, and the websocket clients that were told of them."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import traitlets

from canvas_demo.lab.sockets import Client
from canvas_demo.lab.widgets.base import SelectingView, Selection, Watching

KEPT = 100


class DeliveryMatrix(SelectingView):
    """Events down, clients across: how often each was sent it, and how long after the first of them; `frame` too."""

    view = "delivery"
    clients: traitlets.List[Any] = traitlets.List().tag(sync=True)
    events: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(self, sockets: Sequence[Client], selection: Selection | None = None) -> None:
        super().__init__(selection=selection)
        self._sockets = list(sockets)
        self.look()
        self._watching = Watching(self, self.look)

    def __repr__(self) -> str:
        lines = [f"Who got what: {len(self.clients)} clients, {len(self.events)} events"]
        for at, client in enumerate(self.clients):
            owed = [event["cells"][at]["count"] for event in self.events if event["cells"][at]["owed"]]
            told = sum(1 for count in owed if count)
            twice = sum(1 for count in owed if count > 1)
            told_of = f"told of {told} of {len(owed)}, of {twice} more than once"
            lines.append(f"  {client['name']} on host {client['host']}, {client['state']}: {told_of}")
        return "\n".join(lines)

    def stop(self) -> None:
        """Look no more; what is there stays."""
        self._watching.close()

    def look(self) -> None:
        """Look again."""
        self.clients = [
            {"name": socket.name, "host": socket.host, "state": "open" if socket.closed is None else "closed"}
            for socket in self._sockets
        ]
        self.events = [
            {"id": id_, "type": rows["event_type"].iloc[0], "cells": [_cell(row) for row in rows.to_dict("records")]}
            for id_, rows in deliveries(self._sockets).groupby("event_id", sort=False)
        ][-KEPT:]

    @property
    def frame(self) -> pd.DataFrame:
        """A row an event and client: how often it was sent, when first, whether it was to be."""
        return deliveries(self._sockets)


def _cell(row: dict[Any, Any]) -> dict[str, Any]:
    after = None if pd.isna(row["after_ms"]) else float(row["after_ms"])
    return {"count": row["count"], "after_ms": after, "owed": row["owed"]}


def deliveries(sockets: Sequence[Client]) -> pd.DataFrame:
    """Every event that any of the clients was sent, and for each client: ``count``, ``after_ms`` and whether it is
    ``owed``: the client is subscribed to the event's subject, from a cursor before it.
    """  # noqa: D205
    told: dict[str, dict[str, Any]] = {}
    for socket in sockets:
        for frame in list(socket.received):
            if frame.event_id:
                event = told.setdefault(frame.event_id, {"frame": frame, "times": {}})
                event["times"].setdefault(socket.name, []).append(frame.received_at)
    rows = []
    for id_, event in told.items():
        message = event["frame"].message
        first = min(times[0] for times in event["times"].values())
        for socket in sockets:
            times = event["times"].get(socket.name, [])
            after = (times[0] - first).total_seconds() * 1000 if times else None
            owed = bool(times) or _owes(socket, message["subject"], message["cursor"])
            rows.append((id_, message["event"]["type"], socket.name, socket.host, len(times), after, owed, first))
    columns = ["event_id", "event_type", "client", "host", "count", "after_ms", "owed", "first_at"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.sort_values("first_at", kind="stable", ignore_index=True)


def _owes(socket: Client, subject: str, cursor: int) -> bool:
    """Whether an open client has subscribed to the subject before that cursor."""
    return socket.closed is None and any(
        frame.message["type"] == "subscribed"
        and frame.message["subject"] == subject
        and frame.message["cursor"] < cursor
        for frame in list(socket.received)
    )
