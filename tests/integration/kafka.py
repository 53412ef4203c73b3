"""Kafka as a test reads it."""

import time
from collections.abc import Callable
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

DEADLINE = 60.0


def headers(record: Message) -> dict[str, str]:
    return {key: (value or b"").decode() for key, value in record.headers() or []}


def read_until(bootstrap: str, topic: str, enough: Callable[[list[Message]], bool]) -> list[Message]:
    """The records of ``topic`` from its beginning, once there are ``enough``; fails with what was seen."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": f"test-{uuid4()}", "enable.auto.commit": False})
    seen: list[Message] = []
    end = time.monotonic() + DEADLINE
    try:
        while not (partitions := consumer.list_topics(topic, timeout=10).topics[topic].partitions):
            assert time.monotonic() < end, f"no topic {topic}"
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        while not enough(seen):
            record = consumer.poll(0.5)
            if record is not None and not record.error():
                seen.append(record)
            elif record is not None:
                assert record.error().code() == KafkaError._PARTITION_EOF, record.error()
            assert time.monotonic() < end, f"not enough in {topic}: {[headers(each) for each in seen]}"
        return seen
    finally:
        consumer.close()
