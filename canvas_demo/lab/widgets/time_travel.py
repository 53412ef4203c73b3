"""A slider over the versions of a stream."""

import json
from typing import TYPE_CHECKING, Any

import traitlets

from canvas_demo.lab.records import Record
from canvas_demo.lab.widgets.base import SelectingView, Selection

if TYPE_CHECKING:
    from canvas_demo.lab.streams import Stream


class TimeTravel(SelectingView):
    """The event that led to each version, and the state that it led to; `Stream.versions` says the same.

    ``version`` is where the slider stands; set it, or call `go`.
    """

    view = "time_travel"
    title = traitlets.Unicode().tag(sync=True)
    versions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    version = traitlets.Int().tag(sync=True)

    @classmethod
    def of(cls, stream: "Stream", selection: Selection | None = None) -> "TimeTravel":
        """All versions of a stream as they are now, at the newest."""
        events = {row["event_id"]: row for row in stream.events.to_dict("records")}
        versions = [
            {
                "version": row["version"],
                "event_type": row["event_type"],
                "event_id": row["event_id"],
                "at": f"{row['committed_at']:%H:%M:%S.%f}"[:-3],
                "payload": events[row["event_id"]]["payload"],
                "state": json.loads(json.dumps(row["state"], default=str)),
            }
            for row in stream.versions().to_dict("records")
        ]
        last = versions[-1]["version"] if versions else 0
        return cls(title=repr(stream), versions=versions, version=last, selection=selection)

    def __repr__(self) -> str:
        return f"Time travel: {len(self.versions)} versions, at {self.version}"

    def go(self, version: int) -> Record:
        """Go to a version; the state as it was then. Raises KeyError."""
        state = {each["version"]: each["state"] for each in self.versions}[version]
        self.version = version
        return Record(state)
