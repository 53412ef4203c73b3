"""Replication slots, and what they hold back of the write-ahead log, over time."""

import threading
from typing import Self

import pandas as pd
import psycopg

from canvas_demo.lab.checks import collecting
from canvas_demo.lab.database import QUERIES, Database

EVERY = 0.25


def slots_of(database: Database, slot: str | None = None) -> pd.DataFrame:
    """The slots now: where each stands, what it holds back, how far its reader is behind; bytes."""
    return database.frame(QUERIES["wal_state"], {"slot": slot})


class SlotHistory:
    """Looks at a slot every so many seconds, until `close`; ``unseen``: how often nothing could be seen."""

    def __init__(self, database: Database, slot: str, every: float = EVERY) -> None:
        self.slot, self.every = slot, every
        self._database = database
        self._seen: list[pd.DataFrame] = []
        self.unseen = 0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"history of {slot}", daemon=True)
        self.look()
        self._thread.start()

    def __repr__(self) -> str:
        return f"SlotHistory of {self.slot}: {len(self._seen)} looks"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Look no more; what was seen stays."""
        self._ending.set()
        self._thread.join()

    def look(self) -> pd.Series:
        """Look now, too; what the slot says. Raises LookupError for a slot that there is not."""
        frame = slots_of(self._database, self.slot)
        if frame.empty:
            raise LookupError(f"there is no replication slot {self.slot}")
        self._seen.append(frame)
        return frame.iloc[0]

    @property
    def frame(self) -> pd.DataFrame:
        """Every look so far, the oldest first."""
        return pd.concat(list(self._seen), ignore_index=True).sort_values("at", ignore_index=True)

    def _watch(self) -> None:
        with collecting(f"history of slot {self.slot}"):
            while not self._ending.wait(self.every):
                self._look_if_there()

    def _look_if_there(self) -> None:
        """Look; while PostgreSQL is away or the slot is dropped there is nothing to see."""
        try:
            self.look()
        except (LookupError, psycopg.OperationalError):
            self.unseen += 1
