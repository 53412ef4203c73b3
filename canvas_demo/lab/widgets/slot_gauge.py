"""A replication slot over time."""

from typing import Any

import pandas as pd
import traitlets

from canvas_demo.lab.slots import SlotHistory
from canvas_demo.lab.widgets.base import View, Watching

KEPT = 600
FACTS = ("active", "restart_lsn", "confirmed_flush_lsn", "current_lsn", "retained_bytes", "lag_bytes", "wal_status")


class SlotGauge(View):
    """What a slot holds back of the log, and how far its reader is behind; `frame` says the same."""

    view = "slot_gauge"
    slot = traitlets.Unicode().tag(sync=True)
    facts: "traitlets.Dict[str, Any]" = traitlets.Dict().tag(sync=True)
    points: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(self, history: SlotHistory) -> None:
        super().__init__(slot=history.slot)
        self.history = history
        self.look()
        self._watching = Watching(self, self.look)

    def __repr__(self) -> str:
        return f"Slot {self.slot}: restart_lsn, confirmed_flush_lsn and retained log over time"

    def stop(self) -> None:
        """Look no more; what is there stays."""
        self._watching.close()
        self.history.close()

    def look(self) -> None:
        """Show what the history has."""
        frame = self.history.frame.tail(KEPT)
        start = frame["at"].iloc[0]
        self.points = [
            {
                "at": (row["at"] - start).total_seconds(),
                "retained": _number(row["retained_bytes"]),
                "lag": _number(row["lag_bytes"]),
            }
            for row in frame.to_dict("records")
        ]
        last = frame.iloc[-1]
        self.facts = {name: str(last[name]) for name in FACTS}

    @property
    def frame(self) -> pd.DataFrame:
        """Every look at the slot."""
        return self.history.frame


def _number(value: Any) -> int:
    return 0 if pd.isna(value) else int(value)
