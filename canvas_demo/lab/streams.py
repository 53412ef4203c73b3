"""The stream of one aggregate: its events in their order, and its state at each version."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
from psycopg.types.json import Jsonb

from canvas_demo.lab.api import Person
from canvas_demo.lab.database import QUERIES
from canvas_demo.lab.records import Record

if TYPE_CHECKING:
    from canvas_demo.lab.facts import Facts

State = TypeVar("State")


class Stream:
    """The events of one canvas as ``person`` may see them; `at` asks the module for the state at a version."""

    def __init__(self, lab: "Facts", person: Person, aggregate_id: str) -> None:
        self._lab, self.person, self.aggregate_id = lab, person, aggregate_id

    def __repr__(self) -> str:
        events = self.events
        kind = events["aggregate_type"].iloc[0] if len(events) else "nothing"
        return f"Stream of {kind}/{self.aggregate_id}: {len(events)} events"

    @property
    def events(self) -> pd.DataFrame:
        """The events, by version, as they are in the outbox: what is personal is sealed."""
        return self._lab.events(aggregate_id=self.aggregate_id).sort_values("aggregate_version", ignore_index=True)

    @property
    def version(self) -> int:
        """The newest version."""
        return int(self.events["aggregate_version"].max())

    def at(self, version: int) -> Record:
        """The state as it was at a version, folded by the module. Raises `ApiError`."""
        return self.person.call("GET", f"/api/canvases/{self.aggregate_id}", params={"version": version})

    def plant(self, event_type: str, payload: Mapping[str, Any], schema_version: int = 1) -> str:
        """Append an event as another version of the program might have, and nothing else with it; its id.

        The state tables know nothing of it until they are written anew.
        """
        row = {"aggregate_id": self.aggregate_id, "event_type": event_type, "schema_version": schema_version}
        planted = self._lab.database.frame(QUERIES["plant_event"], {**row, "payload": Jsonb(dict(payload))})
        return str(planted["event_id"].iloc[0])

    def fold(self, evolve: Callable[[State, Record], State], start: State, version: int | None = None) -> State:
        """A fold of one's own: ``evolve(state, event)`` over the events, up to a version.

        Each event is a row of `events`.
        """
        state = start
        for row in self.events.to_dict("records"):
            if version is None or row["aggregate_version"] <= version:
                state = evolve(state, Record(row))
        return state

    def versions(self) -> pd.DataFrame:
        """Each version: the event that led to it, and the state that it led to."""
        rows: list[tuple[Any, ...]] = []
        for event in self.events.to_dict("records"):
            version = event["aggregate_version"]
            rows.append((version, event["event_type"], event["event_id"], event["committed_at"], self.at(version)))
        columns = ["version", "event_type", "event_id", "committed_at", "state"]
        return pd.DataFrame(rows, columns=columns, dtype=object)
