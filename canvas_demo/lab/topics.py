"""Topics of a notebook's own, and how to write to them."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

import pandas as pd
from confluent_kafka import KafkaError, Message, Producer
from confluent_kafka.cimpl import NewTopic

from canvas_demo.lab.kafka import SECONDS, Kafka, KafkaRecord, Tail, json_of
from canvas_demo.lab.leftovers import Leftovers

PREFIX = "canvas-demo-lab-"
JAVAS = "murmur2_random"
"""Keys go to the partitions that Kafka's own Java client, and so Debezium, would choose."""
ANY = -1
"""The partition that librdkafka takes for: choose by the key."""


class NotProduced(Exception):
    """Kafka did not take a record."""


class OwnTopic:
    """A topic with a random name; deleted with `close`, or the lab's."""

    def __init__(self, kafka: Kafka, leftovers: Leftovers, partitions: int, name: str = "topic", **config: str) -> None:
        self._kafka = kafka
        self.name = f"{PREFIX}{secrets.token_hex(4)}.{name}"
        self.partitions = partitions
        self._forget = leftovers.note("topic", name=self.name)
        new = NewTopic(self.name, num_partitions=partitions, replication_factor=1, config=config)
        admin = kafka.admin()  # kept: what was asked ends with it
        for made in admin.create_topics([new], operation_timeout=SECONDS).values():
            made.result()
        self._producer = producer_of(kafka)

    def __repr__(self) -> str:
        return f"OwnTopic {self.name}: {self.partitions} partitions"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Delete it; a second time does nothing."""
        self._kafka.delete_topics(self.name)
        self._forget()

    def produce(
        self, key: str, value: Any, headers: Mapping[str, str] | None = None, partition: int | None = None
    ) -> KafkaRecord:
        """Write a record, and wait until Kafka has it. The key chooses the partition where none is given.

        Raises `NotProduced`.
        """
        place = (self.name, ANY if partition is None else partition)
        return produced(self._producer, place, key, json.dumps(value), dict(headers or {}))

    @property
    def records(self) -> pd.DataFrame:
        """What is in it, in the order of partitions and offsets."""
        return self._kafka.records(self.name)

    def tail(self) -> Tail:
        """Follow it from its end as it is now; close what this returns."""
        return self._kafka.tail(self.name)


def repeat(kafka: Kafka, record: KafkaRecord, value: str | None = None, event_id: str = "") -> KafkaRecord:
    """Write a record once more to the partition where it lies; with another text as its value, or as another event.

    Raises `NotProduced`.
    """
    text = json.dumps(record.value) if value is None else value
    headers = {**record.headers, "ce_id": event_id or record.event_id}
    return produced(producer_of(kafka), (record.topic, record.partition), record.key, text, headers)


def producer_of(kafka: Kafka) -> Producer:
    """A producer that sends at once."""
    return Producer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "linger.ms": 0,
            "enable.idempotence": True,
            "partitioner": JAVAS,
            "log_level": 2,
        }
    )


def produced(
    producer: Producer, place: tuple[str, int], key: str, text: str, headers: Mapping[str, str]
) -> KafkaRecord:
    """The record that was written at a place (topic, partition), once Kafka has it. Raises `NotProduced`."""
    topic, partition = place
    results: list[tuple[KafkaError | None, Message]] = []
    producer.produce(
        topic,
        key=key,
        value=text,
        headers=dict(headers),
        on_delivery=lambda error, message: results.append((error, message)),
        partition=partition,
    )
    producer.flush(SECONDS)
    if not results or results[0][0]:
        raise NotProduced(f"{topic}: {results[0][0] if results else f'no answer within {SECONDS:g} s'}")
    message = results[0][1]
    return KafkaRecord(
        topic=topic,
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        timestamp=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
        key=key,
        headers=dict(headers),
        value=json_of(text.encode()),
        received_at=datetime.now(UTC),
    )
