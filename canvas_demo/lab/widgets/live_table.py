"""Rows as they come: outbox rows, Kafka records, CDC envelopes, websocket frames; one table shows them all."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import traitlets

from canvas_demo.lab.widgets.base import SelectingView, Selection, Watching

KEPT = 200
"""Rows, besides those that are held while it is paused."""
EVERY = 0.3


@dataclass(frozen=True)
class Row:
    """One line: what it is about, what its cells say, and the whole of it."""

    event_id: str
    key: str
    event_type: str
    cells: Sequence[str]
    raw: str
    pretty: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class LiveTable(SelectingView):
    """The newest rows of a source; `frame` says the same.

    `pause` and `go_on`, ``filter_key``, ``filter_type``, ``filter_header`` ("name=value") and ``raw`` do what
    the view's controls do.
    """

    view = "live_table"
    title = traitlets.Unicode().tag(sync=True)
    columns: traitlets.List[Any] = traitlets.List().tag(sync=True)
    rows: traitlets.List[Any] = traitlets.List().tag(sync=True)
    paused = traitlets.Bool(default_value=False).tag(sync=True)
    raw = traitlets.Bool(default_value=False).tag(sync=True)
    filter_key = traitlets.Unicode().tag(sync=True)
    filter_type = traitlets.Unicode().tag(sync=True)
    filter_header = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        title: str,
        columns: Sequence[str],
        more: Callable[[], Iterable[Row]],
        selection: Selection | None = None,
    ) -> None:
        super().__init__(title=title, columns=list(columns), selection=selection)
        self._more = more
        self._kept: list[dict[str, Any]] = []
        self._count = 0
        self._held = 0
        """Of the first so many rows nothing goes while it is paused."""
        self._shown = 0
        self.look()
        self._watching = Watching(self, self.look, EVERY)

    def __repr__(self) -> str:
        return f"{self.title}: a live table of {', '.join(self.columns)}"

    def stop(self) -> None:
        """Follow no more; what is there stays."""
        self._watching.close()

    def look(self) -> None:
        """Take what has come since."""
        for row in self._more():
            self._kept.append(
                {
                    "seq": self._count,
                    "id": row.event_id,
                    "key": row.key,
                    "type": row.event_type,
                    "headers": dict(row.headers),
                    "cells": list(row.cells),
                    "raw": row.raw,
                    "pretty": json.loads(json.dumps(dict(row.pretty), default=str)),
                }
            )
            self._count += 1
        if self._count != self._shown:
            self._shown = self._count
            self._kept = self._newest()
            self.rows = list(self._kept)

    def _newest(self) -> list[dict[str, Any]]:
        """What is kept: what is held, and of the others the newest, those first that fit the filter."""
        kept, held = self._kept, self._held if self.paused else 0
        others = [row for row in kept if row["seq"] >= held]
        too_many = len(others) - KEPT
        if too_many <= 0:
            return kept
        fitting = {row["seq"] for row in self._fitting()}
        go = sorted(others, key=lambda row: (row["seq"] in fitting, row["seq"]))[:too_many]
        gone = {row["seq"] for row in go}
        return [row for row in kept if row["seq"] not in gone]

    @traitlets.observe("paused")
    def _hold(self, _: object) -> None:
        self._held = self._count

    def pause(self) -> None:
        """Hold what is shown; what comes waits."""
        self.look()
        self.paused = True

    def go_on(self) -> None:
        """Show what has waited."""
        self.paused = False

    @property
    def waiting(self) -> int:
        """How many rows that fit the filter have come since `pause`."""
        held = self._held if self.paused else self._count
        return sum(row["seq"] >= held for row in self._fitting())

    @property
    def frame(self) -> pd.DataFrame:
        """The rows that fit the filter, the oldest first, with all that is known of each."""
        rows = [(*row["cells"], row["id"], row["key"], row["type"], row["raw"]) for row in self._fitting()]
        return pd.DataFrame(rows, columns=[*self.columns, "event_id", "filter_key", "filter_type", "raw"], dtype=object)

    def _fitting(self) -> list[dict[str, Any]]:
        return [
            row
            for row in list(self._kept)
            if _has(row["key"], self.filter_key)
            and _has(row["type"], self.filter_type)
            and (not self.filter_header.strip() or _has_header(row["headers"], self.filter_header))
        ]


def _has(text: str, part: str) -> bool:
    return part.strip().lower() in text.lower()


def _has_header(headers: Mapping[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    if not equals:
        return any(_has(f"{key}={each}", wanted) for key, each in headers.items())
    return any(_has(key, name) and _has(each, value) for key, each in headers.items())
