"""Kafka as a consumer sees it: records with their partition, offset, time, key, headers and value."""

import json
import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Self

import pandas as pd
from confluent_kafka import (
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]  # its stubs forget it

from canvas_demo.lab.checks import collecting, until
from canvas_demo.lab.records import table_of

SECONDS = 30.0
SLACK = timedelta(seconds=2)
"""How much earlier than an event happened its record is looked for."""
COLUMNS = ("topic", "partition", "offset", "timestamp", "key", "event_id", "event_type", "headers", "value")
SHOWN = ("topic", "partition", "offset", "timestamp", "key", "headers", "value")


@dataclass(frozen=True, repr=False)
class KafkaRecord:
    """A record; ``timestamp`` has a resolution of 1 ms, ``received_at`` is when the lab got it."""

    topic: str
    partition: int
    offset: int
    timestamp: datetime | None
    key: str
    headers: Mapping[str, str]
    value: Any
    received_at: datetime

    def __repr__(self) -> str:
        headers = [f"    {name}: {value}" for name, value in self.headers.items()]
        value = json.dumps(self.value, ensure_ascii=False)
        place = f"{self.topic}, partition {self.partition}, offset {self.offset}, {self.timestamp}"
        return "\n".join([place, f"  key      {self.key}", "  headers", *headers, f"  value    {value}"])

    def _repr_html_(self) -> str:
        return table_of({name: vars(self)[name] for name in SHOWN})

    @property
    def event_id(self) -> str:
        """The event's id (CloudEvents: ``id``); empty where the record is no CloudEvent."""
        return self.headers.get("ce_id", "")

    @property
    def event_type(self) -> str:
        """The event's type; empty where the record is no CloudEvent."""
        return self.headers.get("ce_type", "")

    @classmethod
    def of(cls, message: Message) -> "KafkaRecord":
        """The record that a message of the client library is."""
        kind, milliseconds = message.timestamp()
        known = kind != TIMESTAMP_NOT_AVAILABLE
        headers: Any = message.headers() or []
        return cls(
            topic=message.topic() or "",
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            timestamp=datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds) if known else None,
            key=(message.key() or b"").decode(errors="replace"),
            headers={name: (value or b"").decode(errors="replace") for name, value in headers},
            value=json_of(message.value()),
            received_at=datetime.now(UTC),
        )


def json_of(value: bytes | None) -> Any:
    """The value as JSON, else as text; None for a tombstone."""
    if value is None:
        return None
    try:
        return json.loads(value)
    except ValueError:
        return value.decode(errors="replace")


def frame_of(records: list[KafkaRecord]) -> pd.DataFrame:
    """The records as a table, in the order of their partitions and offsets."""
    ordered = sorted(records, key=lambda record: (record.topic, record.partition, record.offset))
    rows = [[getattr(record, column) for column in COLUMNS] for record in ordered]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=object)


class Kafka:
    """The stack's Kafka, read without a consumer group: nobody's offsets are touched."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def __repr__(self) -> str:
        return f"Kafka({self._bootstrap})"

    @property
    def bootstrap(self) -> str:
        """Where clients begin."""
        return self._bootstrap

    # --- what there is -------------------------------------------------------------------------------------

    def topics(self, prefix: str = "canvas-demo.") -> pd.DataFrame:
        """Partitions of the topics that begin with ``prefix``: first offset, and the offset of the next record."""
        with self._consumer() as consumer:
            found = consumer.list_topics(timeout=SECONDS).topics
            places = [
                (topic, number) for topic in sorted(found) if topic.startswith(prefix) for number in _of(found[topic])
            ]
            rows = [
                (*place, *consumer.get_watermark_offsets(TopicPartition(*place), timeout=SECONDS)) for place in places
            ]
        frame = pd.DataFrame(rows, columns=["topic", "partition", "first", "next"])
        frame["records"] = frame["next"] - frame["first"]
        return frame

    def consumers(self, topic: str = "") -> pd.DataFrame:
        """The consumer groups' members, by partition, each with the group's committed offset and its lag.

        An offset of None: the group has committed none there yet.
        """
        admin = self.admin()
        ids = [group.group_id for group in admin.list_consumer_groups(request_timeout=SECONDS).result().valid or []]
        described = admin.describe_consumer_groups(ids) if ids else {}
        rows = [
            (id_, place.topic, place.partition, member.client_id)
            for id_, group in described.items()
            for member in group.result().members
            for place in (member.assignment.topic_partitions if member.assignment else ())
            if topic in {"", place.topic}
        ]
        frame = pd.DataFrame(rows, columns=["group", "topic", "partition", "member"])
        return self._with_positions(admin, frame.sort_values(["group", "topic", "partition"], ignore_index=True))

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises KafkaException for one that there is not."""
        with self._consumer() as consumer:
            return len(list(_of(consumer.list_topics(topic, timeout=SECONDS).topics[topic])))

    def settings(self, topic: str) -> dict[str, str]:
        """A topic's settings, as the broker has them: ``retention.ms`` and the others (Kafka: Topic-Level Configs)."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        admin = self.admin()  # kept: what was asked ends with it
        found = admin.describe_configs([resource], request_timeout=SECONDS)[resource].result()
        return {name: entry.value for name, entry in sorted(found.items())}

    def groups(self) -> pd.DataFrame:
        """The consumer groups: state, members, and how far each is behind, in records over all its partitions."""
        admin = self.admin()
        listed = admin.list_consumer_groups(request_timeout=SECONDS).result().valid or []
        ids = sorted(group.group_id for group in listed)
        described = admin.describe_consumer_groups(ids) if ids else {}
        ends = self._ends()
        rows = []
        for id_ in ids:
            group, offsets = described[id_].result(), self._committed(admin, id_)
            lag = sum(max(0, ends.get(place, offset) - offset) for place, offset in offsets.items())
            rows.append((id_, group.state.name, len(group.members), lag))
        return pd.DataFrame(rows, columns=["group", "state", "members", "lag"])

    def positions(self, group: str, topic: str) -> pd.DataFrame:
        """By partition: the offset that a group has committed (None: none yet), the next record's, the lag."""
        committed, ends = self._committed(self.admin(), group), self.topics(topic)
        rows = []
        for row in ends[ends["topic"] == topic].itertuples():
            offset = committed.get((topic, row.partition))
            rows.append((row.partition, offset, row.next, row.next - (row.first if offset is None else offset)))
        frame = pd.DataFrame(rows, columns=["partition", "committed", "next", "lag"])
        return frame.astype({"committed": "Int64"})

    def committed(self, group: str) -> int:
        """The sum of a group's committed offsets: it grows by one with each record that was handled."""
        return sum(self._committed(self.admin(), group).values())

    def _ends(self) -> dict[tuple[str, int], int]:
        return {(row.topic, row.partition): row.next for row in self.topics("").itertuples()}

    @staticmethod
    def _committed(admin: AdminClient, group: str) -> dict[tuple[str, int], int]:
        """What a group has committed, by topic and partition."""
        found = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result()
        return {(each.topic, each.partition): each.offset for each in found.topic_partitions if each.offset >= 0}

    def _with_positions(self, admin: AdminClient, frame: pd.DataFrame) -> pd.DataFrame:
        committed = {
            (group, *place): offset
            for group in frame["group"].unique()
            for place, offset in self._committed(admin, group).items()
        }
        ends = self._ends()
        rows = list(frame.itertuples())
        frame["committed"] = [committed.get((row.group, row.topic, row.partition)) for row in rows]
        frame["lag"] = [
            ends.get((row.topic, row.partition), 0) - (committed.get((row.group, row.topic, row.partition)) or 0)
            for row in rows
        ]
        return frame.astype({"committed": "Int64", "lag": "Int64"})

    # --- records -------------------------------------------------------------------------------------------

    def records(
        self,
        topic: str,
        *,
        key: str | None = None,
        since: datetime | None = None,
        limit: int = 10_000,
    ) -> pd.DataFrame:
        """The first ``limit`` records of a topic, of one ``key`` where it is given, that are no older than ``since``.

        ``since`` is found by Kafka's index of times: what is older is not read.
        """
        with closing(self._read(topic, since)) as read:
            return frame_of(list(islice((record for record in read if key in {None, record.key}), limit)))

    def record(self, topic: str, event_id: str, *, since: datetime, timeout: float = SECONDS) -> KafkaRecord:
        """The record of one event, once it is there; ``since``: when it happened. Raises `NotYet`."""

        def look() -> list[KafkaRecord]:
            return [record for record in self._read(topic, since - SLACK) if record.event_id == event_id]

        return until(look, f"event {event_id} is in {topic}", timeout, every=0.1)[0]

    def newest(self, topic: str, count: int) -> list[KafkaRecord]:
        """The newest records of each partition, so many at most."""
        return list(self._read(topic, None, newest=count))

    def _read(
        self, topic: str, since: datetime | None, newest: int | None = None
    ) -> Generator[KafkaRecord, None, None]:
        """The records from ``since`` to the end as it is now, partition by partition."""
        with self._consumer() as consumer:
            numbers = list(_of(consumer.list_topics(topic, timeout=SECONDS).topics[topic]))
            starts = {number: self._start(consumer, TopicPartition(topic, number), since) for number in numbers}
            ends = {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=SECONDS)[1]
                for number in numbers
            }
            if newest is not None:
                starts = {number: max(starts[number], ends[number] - newest) for number in numbers}
            wanted = {number for number in numbers if starts[number] < ends[number]}
            consumer.assign([TopicPartition(topic, number, starts[number]) for number in wanted])
            deadline = time.monotonic() + SECONDS
            while wanted:
                message = consumer.poll(0.2)
                if message is None:
                    # What is at the end may be a transaction's marker, which is no record.
                    done = consumer.position([TopicPartition(topic, number) for number in wanted])
                    wanted -= {place.partition for place in done if place.offset >= ends[place.partition]}
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{topic}: no record within {SECONDS:g} s, partitions {sorted(wanted)}")
                    continue
                if message.error():
                    raise KafkaException(message.error())
                record = KafkaRecord.of(message)
                if record.offset + 1 >= ends[record.partition]:
                    wanted.discard(record.partition)
                if record.offset < ends[record.partition]:
                    yield record

    @staticmethod
    def _start(consumer: Consumer, place: TopicPartition, since: datetime | None) -> int:
        """The offset to read from: of the first record that is no older than ``since``."""
        first, end = consumer.get_watermark_offsets(place, timeout=SECONDS)
        if since is None:
            return int(first)
        asked = TopicPartition(place.topic, place.partition, int(since.timestamp() * 1000))
        found = consumer.offsets_for_times([asked], timeout=SECONDS)[0].offset
        return int(found if found >= 0 else end)

    def tail(self, topic: str) -> "Tail":
        """Follow a topic from its end as it is now, as one more consumer."""
        consumer = self._new_consumer()
        numbers = list(_of(consumer.list_topics(topic, timeout=SECONDS).topics[topic]))
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=SECONDS)[1] for number in numbers]
        consumer.assign([TopicPartition(topic, *place) for place in zip(numbers, ends, strict=True)])
        return Tail(topic, consumer)

    # --- plumbing ------------------------------------------------------------------------------------------

    def delete_topics(self, prefix: str) -> list[str]:
        """Delete the topics that begin with ``prefix``; their names."""
        admin = self.admin()
        names = [name for name in admin.list_topics(timeout=SECONDS).topics if name.startswith(prefix)]
        for deleted in admin.delete_topics(names, operation_timeout=SECONDS).values() if names else ():
            deleted.result()
        return names

    def admin(self) -> AdminClient:
        """The client library's own administrator."""
        return AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 2})

    def delete_group(self, group: str) -> None:
        """Forget a consumer group's offsets; its members have left."""
        admin = self.admin()
        admin.delete_consumer_groups([group])[group].result()

    def group_consumer(self, group: str) -> Consumer:
        """A member of a group, from the first record on, that commits only what it is told to."""
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "range",
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 500,
                "fetch.wait.max.ms": 10,
                "log_level": 2,
            }
        )

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        consumer = self._new_consumer()
        try:
            yield consumer
        finally:
            consumer.close()

    def _new_consumer(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": f"lab-{secrets.token_hex(6)}",  # the library wants one; nothing is committed under it
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
                "log_level": 2,
            }
        )


def _of(topic: Any) -> Iterator[int]:
    """The partitions of a topic. Raises KafkaException where there is no such topic."""
    if topic.error is not None:
        raise KafkaException(topic.error)
    return iter(sorted(topic.partitions))


class Tail:
    """The records of a topic as they come, each with the time at which the lab got it; ends with `close`."""

    def __init__(self, topic: str, consumer: Consumer) -> None:
        self.topic = topic
        self.records: list[KafkaRecord] = []
        self._consumer = consumer
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name=f"tail of {topic}", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"Tail of {self.topic}: {len(self.records)} records"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Read no more; what has come stays."""
        self._stopping.set()
        self._thread.join()

    @property
    def frame(self) -> pd.DataFrame:
        """The records so far, in the order of their partitions and offsets."""
        records = sorted(self.records, key=lambda record: (record.partition, record.offset))
        return frame_of(records).assign(received_at=[record.received_at for record in records])

    def find(self, event_id: str) -> KafkaRecord | None:
        """The record of an event, if it has come."""
        return next((record for record in self.records if record.event_id == event_id), None)

    def _read(self) -> None:
        with collecting(f"tail of {self.topic}"), closing(self._consumer):
            while not self._stopping.is_set():
                message = self._consumer.poll(0.1)
                if message is not None and message.error():
                    raise KafkaException(message.error())
                if message is not None:
                    self.records.append(KafkaRecord.of(message))
