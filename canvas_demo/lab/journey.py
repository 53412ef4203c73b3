"""The journey of one event: the evidence of every hop, found by the event's id."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from canvas_demo.kernel.settings import MODULES
from canvas_demo.lab.cdc import RawCdc
from canvas_demo.lab.checks import until
from canvas_demo.lab.hops import Hop, table
from canvas_demo.lab.kafka import KafkaRecord, Tail
from canvas_demo.lab.records import Record
from canvas_demo.lab.sides import placements, side_by_side
from canvas_demo.lab.sockets import Frame, Socket

if TYPE_CHECKING:
    from canvas_demo.lab.session import Lab
    from canvas_demo.lab.widgets import Selection, SideBySide, Waterfall

SECONDS = 30.0
COMMIT = "transaction commits"
RECORD = "Debezium makes the record"


@dataclass(frozen=True)
class Journey:
    """What is known of one event; ``envelope`` is None where nobody ran a second connector."""

    event_id: str
    row: Record
    envelope: Record | None
    record: KafkaRecord
    tailed: KafkaRecord | None
    inbox: pd.DataFrame
    frames: dict[str, Frame]
    command: Record | None
    places: dict[str, str]
    selection: "Selection | None" = None

    def __repr__(self) -> str:
        row, record = self.row, self.record
        return "\n".join(
            [
                f"Journey of {row['event_type']} of {row['aggregate_type']}/{row['aggregate_id']}",
                f"  row        {row['module']}.outbox, version {row['aggregate_version']}",
                f"  envelope   {'seen' if self.envelope else 'nobody looked'}",
                f"  record     {record.topic}, key {record.key}",
                f"  inbox      {', '.join(self.inbox['consumer']) or 'nobody'}",
                f"  frames     {', '.join(self.frames) or 'none'}",
            ]
        )

    @property
    def hops(self) -> pd.DataFrame:
        """Every hop, with the milliseconds since the one that caused it."""
        return table(self._hops(), COMMIT)

    @property
    def fields(self) -> pd.DataFrame:
        """What became of each field, from the row to the frame."""
        frame = next(iter(self.frames.values()), None)
        return side_by_side(self.row, self.envelope, vars(self.record), frame.message if frame else None, self.places)

    @property
    def waterfall(self) -> "Waterfall":
        """The hops as bars; selecting one shows the evidence behind it. `hops` says the same."""
        from canvas_demo.lab.widgets import Waterfall

        return Waterfall.of(self._hops(), COMMIT, self.row["event_type"], self.event_id, self.selection)

    @property
    def sides(self) -> "SideBySide":
        """Row, envelope, record and frame side by side, and what became of each field. `fields` says the same."""
        from canvas_demo.lab.widgets import SideBySide

        return SideBySide.of(self)

    def _hops(self) -> list[Hop]:
        hops = [*self._hops_of_command(), *self._hops_of_cdc()]
        for row in self.inbox.to_dict("records"):
            begins = f"{row['consumer']} begins"
            hops.append(Hop(begins, RECORD, row["handled_at"], f"{row['module']}.inbox: handled_at", evidence=row))
            if row["consumer"] == "notifications":
                hops += self._hops_of_frames(begins)
            commits = f"{row['consumer']} commits"
            stamp = "pg_xact_commit_timestamp of the inbox row"
            hops.append(Hop(commits, begins, row["committed_at"], stamp, evidence=row))
        return sorted(hops, key=lambda hop: hop.at)

    def _hops_of_command(self) -> list[Hop]:
        row, command = self.row, self.command
        decided = Hop("module decides", "client sends", row["occurred_at"], "outbox: occurred_at", evidence=row)
        stamp = "pg_xact_commit_timestamp of the outbox row"
        hops = [decided, Hop(COMMIT, decided.name, row["committed_at"], stamp, evidence=row)]
        if command is not None and command.sent_at and command.answered_at:
            sent, answered = (datetime.fromtimestamp(at, UTC) for at in (command.sent_at, command.answered_at))
            hops.insert(0, Hop("client sends", "", sent, "this notebook", evidence={"command": "HTTP request"}))
            hops.append(Hop("client has its answer", COMMIT, answered, "this notebook", evidence=command))
        return hops

    def _hops_of_cdc(self) -> list[Hop]:
        record, hops = self.record, []
        if record.timestamp is not None:
            stamp = "timestamp of the Kafka record"
            hops.append(Hop(RECORD, COMMIT, record.timestamp, stamp, resolution_ms=1.0, evidence=vars(record)))
        if self.envelope is not None:
            read = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=self.envelope["ts_us"])
            stamp = "envelope: ts_us (second connector)"
            hops.append(Hop("second connector reads the WAL", COMMIT, read, stamp, evidence=self.envelope))
        if self.tailed is not None:
            received, stamp = self.tailed.received_at, "this notebook"
            hops.append(Hop("notebook's consumer has it", RECORD, received, stamp, evidence=vars(self.tailed)))
        return hops

    def _hops_of_frames(self, after: str) -> list[Hop]:
        return [
            Hop(f"frame arrives at {name}", after, frame.received_at, "this notebook", evidence=frame.message)
            for name, frame in self.frames.items()
        ]


def gather(
    lab: "Lab",
    event_id: str,
    raw: RawCdc | None,
    sockets: Sequence[Socket],
    tails: Sequence[Tail],
    command: Record | None,
) -> Journey:
    """Wait for the evidence of every hop. Raises `NotYet` for the first that does not come."""
    found = until(lambda: lab.events(event_id=event_id), f"event {event_id} is in an outbox", SECONDS)
    row: dict[str, Any] = found.iloc[0].to_dict()
    topic, since = f"canvas-demo.{row['aggregate_type']}", row["occurred_at"]
    record = lab.kafka.record(topic, event_id, since=since)
    modules = {f"canvas-demo-{module}" for module in MODULES}  # a group of a notebook's own has no inbox
    consumers = modules & set(lab.kafka.consumers(topic)["group"])
    until(lambda: len(lab.inbox(event_id)) == len(consumers), f"{sorted(consumers)} have handled it", SECONDS)
    tail = next((tail for tail in tails if tail.topic == topic), None)
    return Journey(
        event_id=event_id,
        row=Record(row),
        envelope=raw.envelope(row["module"], event_id, since=since) if raw else None,
        record=record,
        tailed=until(lambda: tail.find(event_id), "the tail has it", SECONDS) if tail else None,
        inbox=lab.inbox(event_id),
        frames={socket.name: socket.event(event_id) for socket in sockets},
        command=command,
        places=placements(lab.connect_rest.config("outbox")),
        selection=lab.selection,
    )
