"""What moves through the system: counted at the places where it leaves a trace, between one look and the next."""

import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd
import psycopg
from confluent_kafka import KafkaException

from canvas_demo.kernel.settings import MODULES
from canvas_demo.lab.database import QUERIES

if TYPE_CHECKING:
    from canvas_demo.lab.facts import Facts

COLUMNS = ["way", "count", "what", "seconds", "counted_at"]
Totals = dict[str, int]


class Traffic:
    """Each `look` says what moved since the one before; the first says nothing moved."""

    def __init__(self, lab: "Facts") -> None:
        self._lab = lab
        self._before: Totals = {}
        self._at = time.monotonic()
        self.look()

    def __repr__(self) -> str:
        return f"Traffic: {', '.join(name for name, _, _, _ in self._ways())}"

    def look(self) -> pd.DataFrame:
        """By way: how many of what, in how many seconds, and where that was counted.

        A way that can't be counted now, because what tells of it is broken, is left out.
        """
        now, rows = time.monotonic(), []
        for way, what, counted_at, count in self._ways():
            try:
                total = count()
            except (psycopg.OperationalError, KafkaException):
                continue
            rows.append((way, max(0, total - self._before.get(way, total)), what, now - self._at, counted_at))
            self._before[way] = total
        self._at = now
        return pd.DataFrame(rows, columns=COLUMNS)

    def _ways(self) -> list[tuple[str, str, str, Callable[[], int]]]:
        metrics = cache(self._lab.metrics)  # asked for once a look
        return [
            ("commits", "events", "positions of the outboxes", lambda: sum(self._lab.counts().values())),
            ("wal", "bytes", "confirmed_flush_lsn of the slot", self._confirmed),
            ("records", "records", "ends of the topics", self._ends),
            ("consumers", "records", "offsets that the groups committed", self._committed),
            ("grpc", "calls", "canvas_demo_commands_total", lambda: _total(metrics(), "canvas_demo_commands_total")),
            (
                "frames",
                "frames",
                "canvas_demo_frames_sent_total",
                lambda: _total(metrics(), "canvas_demo_frames_sent_total"),
            ),
        ]

    def _confirmed(self) -> int:
        return int(self._lab.sql(QUERIES["confirmed"])["bytes"].sum())

    def _ends(self) -> int:
        return int(self._lab.kafka.topics()["next"].sum())

    def _committed(self) -> int:
        return sum(self._lab.kafka.committed(f"canvas-demo-{module}") for module in MODULES)


def _total(metrics: pd.DataFrame, name: str) -> int:
    return int(metrics.loc[metrics["metric"] == name, "value"].sum())
