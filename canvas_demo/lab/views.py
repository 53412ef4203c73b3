"""The widgets of a lab; all that show events share one selection."""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, TypeVar

from canvas_demo.lab.cdc import RawCdc
from canvas_demo.lab.kafka import Tail
from canvas_demo.lab.sockets import Client, Socket
from canvas_demo.lab.streams import Stream
from canvas_demo.lab.topics import OwnTopic
from canvas_demo.lab.widgets import (
    DeliveryMatrix,
    FaultSwitches,
    LiveTable,
    PartitionLanes,
    Selection,
    SlotGauge,
    TimeTravel,
    sources,
)

if TYPE_CHECKING:
    from canvas_demo.lab.session import Lab

Watched = TypeVar("Watched", DeliveryMatrix, FaultSwitches, LiveTable, PartitionLanes, SlotGauge)


class Views:
    """Each call makes a widget that lives until the lab is closed; each has a plain call that says the same."""

    def __init__(self, lab: "Lab", opened: ExitStack) -> None:
        self._lab, self._opened = lab, opened
        self.selection = Selection()

    def __repr__(self) -> str:
        return "Views: " + ", ".join(name for name in dir(self) if not name.startswith("_"))

    def outbox(self) -> LiveTable:
        """Rows of all modules' outboxes as they are committed; `Lab.outbox` says the same."""
        return self._table("Outbox rows", sources.OUTBOX, sources.outbox(self._lab))

    def topic(self, topic: str | Tail) -> LiveTable:
        """A topic's records as they come; `Tail.frame` says the same."""
        tail = self._lab.tail(topic) if isinstance(topic, str) else topic
        return self._table(f"Records of {tail.topic}", sources.RECORDS, sources.tail(tail))

    def cdc(self, raw: RawCdc) -> LiveTable:
        """What Debezium reads, as it says it; `RawCdc.records` says the same."""
        return self._table("Debezium's envelopes", sources.ENVELOPES, sources.envelopes(raw))

    def frames(self, *sockets: Socket) -> LiveTable:
        """Websocket frames as they arrive; `Socket.frames` says the same."""
        return self._table("Websocket frames", sources.FRAMES, sources.frames(sockets))

    def lanes(self, topic: str | OwnTopic, *groups: str) -> PartitionLanes:
        """Records by partition and offset, with the positions and lag of groups; `Kafka.positions` says the same."""
        name = topic if isinstance(topic, str) else topic.name
        return self._own(PartitionLanes(self._lab.kafka, name, groups, self.selection))

    def slot(self, slot: str = "canvas_demo_outbox") -> SlotGauge:
        """A replication slot over time; `Lab.slot_history` says the same."""
        return self._own(SlotGauge(self._lab.slot_history(slot)))

    def travel(self, stream: Stream) -> TimeTravel:
        """A slider over a stream's versions; `Stream.versions` says the same."""
        return TimeTravel.of(stream, self.selection)

    def delivery(self, sockets: Sequence[Client]) -> DeliveryMatrix:
        """Which client got which event, on which host; `DeliveryMatrix.frame` says the same."""
        return self._own(DeliveryMatrix(sockets, self.selection))

    def switches(self) -> FaultSwitches:
        """Stop, kill, pause, start any component; `Lab.faults` does the same."""
        return self._own(FaultSwitches(self._lab.faults))

    def _table(self, title: str, columns: Sequence[str], source: sources.Source) -> LiveTable:
        return self._own(LiveTable(title, columns, source, self.selection))

    def _own(self, made: Watched) -> Watched:
        self._opened.callback(made.stop)
        return made
