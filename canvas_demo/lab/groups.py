"""A consumer group of a notebook's own: several members, who has which partition, who handled what."""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import pandas as pd
from confluent_kafka import Consumer, KafkaException, TopicPartition

from canvas_demo.lab.checks import until
from canvas_demo.lab.kafka import Kafka, KafkaRecord

SECONDS = 45.0
Handler = Callable[[KafkaRecord], object]


@dataclass(frozen=True)
class Rebalance:
    """A member was given partitions, or had to give them up."""

    at: datetime
    member: str
    what: str
    partitions: tuple[int, ...]


class Member(threading.Thread):
    """A consumer in the group: handles a record, then commits the offset after it."""

    def __init__(self, group: "Group", name: str, handle: Handler, *, commits: bool) -> None:
        super().__init__(name=f"member {name} of {group.id}", daemon=True)
        self.title = name
        self.partitions: set[int] = set()
        self.handled: list[tuple[datetime, KafkaRecord]] = []
        self.error: Exception | None = None
        self._group, self._handle, self._commits = group, handle, commits
        self._leaving = threading.Event()
        self._consumer = group.kafka.group_consumer(group.id)
        self.start()

    def __repr__(self) -> str:
        state = f"failed: {self.error}" if self.error else "in the group" if self.is_alive() else "left"
        return f"Member {self.title}: {state}, partitions {sorted(self.partitions)}, {len(self.handled)} handled"

    def leave(self) -> None:
        """Leave the group, and wait until it has; its partitions go to the others."""
        self._leaving.set()
        self.join()

    def run(self) -> None:
        """Poll until told to leave, or the handler raises: then nothing more is committed."""
        with closing(self._consumer):
            self._consumer.subscribe([self._group.topic], on_assign=self._gained, on_revoke=self._lost)
            try:
                while not self._leaving.is_set():
                    self._take(self._consumer.poll(0.1))
            except Exception as error:  # noqa: BLE001  (a handler that fails is what a notebook looks at)
                self.error = error
        self.partitions.clear()

    def _take(self, message: Any) -> None:
        if message is None:
            return
        if message.error():
            raise KafkaException(message.error())
        record = KafkaRecord.of(message)
        self._handle(record)
        self.handled.append((datetime.now(UTC), record))
        if self._commits:
            self._consumer.commit(message=message, asynchronous=False)

    def _gained(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        self.partitions |= {place.partition for place in places}
        self._group.note(self.title, "gets", places)

    def _lost(self, _consumer: Consumer, places: list[TopicPartition]) -> None:
        self.partitions -= {place.partition for place in places}
        self._group.note(self.title, "gives up", places)


class Group:
    """A consumer group with a random name, on one topic from its beginning; deleted with `close`, or the lab's."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self.kafka, self.topic = kafka, topic
        self.id = f"canvas-demo-lab-{secrets.token_hex(4)}"
        self.members: list[Member] = []
        self._rebalances: deque[Rebalance] = deque()

    def __repr__(self) -> str:
        return "\n".join([f"Group {self.id} on {self.topic}", *(f"  {member!r}" for member in self.members)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Have all members leave, and forget the group's offsets; a second time does nothing."""
        for member in self.members:
            member.leave()
        if self.members:
            self.kafka.delete_group(self.id)
        self.members = []

    def join(self, name: str, handle: Handler = lambda _record: None, *, commits: bool = True) -> Member:
        """A further member; returns when it has partitions, or they are spread over all members.

        ``handle`` is called with each record, on the member's thread; where it raises, the member leaves
        without committing that record's offset. With ``commits=False``, it commits none at all.
        """
        member = Member(self, name, handle, commits=commits)
        self.members.append(member)
        self.settle()
        return member

    def settle(self, timeout: float = SECONDS) -> pd.DataFrame:
        """Wait until every partition has exactly one member, and every member its share; `assignments`.

        Where nobody is in the group any more, there is nothing to wait for.
        """
        wanted = list(range(self.kafka.partitions(self.topic)))

        def is_spread() -> bool:
            present = [member for member in self.members if member.is_alive()]
            if not present:
                return True
            shares = [len(member.partitions) for member in present]
            owned = sorted(number for member in present for number in member.partitions)
            return owned == wanted and max(shares) - min(shares) <= 1

        until(is_spread, f"the partitions of {self.topic} are spread over {self.id}", timeout)
        return self.assignments

    @property
    def assignments(self) -> pd.DataFrame:
        """Which member has which partition now."""
        rows = [(number, member.title) for member in self.members for number in sorted(member.partitions)]
        return pd.DataFrame(sorted(rows), columns=["partition", "member"])

    @property
    def positions(self) -> pd.DataFrame:
        """By partition: the offset that the group has committed, the next record's, and the lag between them."""
        return self.kafka.positions(self.id, self.topic)

    @property
    def handled(self) -> pd.DataFrame:
        """Every record that a member has handled, in the order in which that happened."""
        rows = [
            (at, member.title, record.partition, record.offset, record.key, record.event_id, record.value)
            for member in self.members
            for at, record in list(member.handled)
        ]
        columns = ["at", "member", "partition", "offset", "key", "event_id", "value"]
        return pd.DataFrame(sorted(rows, key=lambda row: row[0]), columns=columns, dtype=object)

    @property
    def rebalances(self) -> pd.DataFrame:
        """What members were given and had to give up, in the order in which that happened."""
        return pd.DataFrame([vars(each) for each in self._rebalances], columns=["at", "member", "what", "partitions"])

    def note(self, member: str, what: str, places: list[TopicPartition]) -> None:
        """Write down a rebalance."""
        numbers = tuple(sorted(place.partition for place in places))
        self._rebalances.append(Rebalance(datetime.now(UTC), member, what, numbers))
