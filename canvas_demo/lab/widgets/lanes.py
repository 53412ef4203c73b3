"""A topic's partitions: records by offset, and where the consumer groups stand."""

from typing import TYPE_CHECKING, Any

import pandas as pd
import traitlets
from confluent_kafka import KafkaException

from canvas_demo.lab.widgets.base import Away, SelectingView, Selection, Watching

if TYPE_CHECKING:
    from canvas_demo.lab.kafka import Kafka

KEPT = 40
EVERY = 1.0


class PartitionLanes(SelectingView):
    """The newest records of each partition; `frame` and `Kafka.positions` say the same."""

    view = "lanes"
    topic = traitlets.Unicode().tag(sync=True)
    lanes: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self, kafka: "Kafka", topic: str, groups: tuple[str, ...] = (), selection: Selection | None = None
    ) -> None:
        super().__init__(topic=topic, selection=selection)
        self._kafka, self._groups = kafka, groups
        self.look()
        self._watching = Watching(self, self.look, EVERY)

    def __repr__(self) -> str:
        return f"Partitions of {self.topic}: {len(self.lanes)} lanes"

    def stop(self) -> None:
        """Look no more; what is there stays."""
        self._watching.close()

    def look(self) -> None:
        """Look again."""
        try:
            lanes = lanes_of(self._kafka, self.topic, self._groups)
        except KafkaException as error:
            raise Away(f"Kafka does not answer: {error}") from error
        if lanes != self.lanes:
            self.lanes = lanes

    @property
    def frame(self) -> pd.DataFrame:
        """By partition and group: the committed offset, the next record's, the lag, and who reads it."""
        rows = [
            (lane["partition"], place["group"], place["committed"], lane["next"], place["lag"], place["member"])
            for lane in self.lanes
            for place in lane["groups"]
        ]
        columns = ["partition", "group", "committed", "next", "lag", "member"]
        return pd.DataFrame(rows, columns=columns).astype({"committed": "Int64"})


def lanes_of(kafka: "Kafka", topic: str, groups: tuple[str, ...]) -> list[dict[str, Any]]:
    """The lanes, with the groups named, or else every group that has a member there."""
    ends = kafka.topics(topic)
    ends = ends[ends["topic"] == topic]
    readers = kafka.consumers(topic)
    newest = kafka.newest(topic, KEPT)
    shown = groups or tuple(sorted(readers["group"].unique()))
    positions = {group: kafka.positions(group, topic).set_index("partition") for group in shown}
    members = {(row.group, row.partition): row.member for row in readers.itertuples()}
    lanes = []
    for end in ends.itertuples():
        number = int(end.partition)
        places = []
        for group in shown:
            at = positions[group].loc[number]
            committed = None if pd.isna(at["committed"]) else int(at["committed"])
            member = members.get((group, number), "")
            places.append({"group": group, "committed": committed, "lag": int(at["lag"]), "member": member})
        records = [
            {"offset": record.offset, "id": record.event_id, "key": record.key, "type": record.event_type}
            for record in newest
            if record.partition == number
        ]
        lanes.append(
            {
                "partition": number,
                "first": int(end.first),
                "next": int(end.next),
                "records": records,
                "groups": places,
            }
        )
    return lanes
