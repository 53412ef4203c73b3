"""Kafka: the topics, and records as the CloudEvents that they are."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from confluent_kafka import KafkaException, Message
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import KafkaError, NewTopic

from canvas_demo.kernel.events import M, event_of
from canvas_demo.kernel.keyring import KeyRing
from canvas_demo.kernel.reading import Readable, Written, read
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.trace import Trace

PARTITIONS = 6
TOPIC_PREFIX = "canvas-demo."


def topic_of(aggregate_type: str) -> str:
    """The topic of an aggregate type."""
    return TOPIC_PREFIX + aggregate_type


@dataclass(frozen=True)
class Delivered:
    """An event as a consumer gets it: a CloudEvent in the Kafka binary mode, and where it stood."""

    id: str
    type: str
    source: str
    subject: str
    time: str
    organization_id: str
    aggregate_version: int
    schema_version: int
    trace: Trace
    data: bytes
    topic: str
    partition: int
    offset: int

    @property
    def aggregate_type(self) -> str:
        """The type of the aggregate that it happened to."""
        return self.subject.partition("/")[0]

    @property
    def aggregate_id(self) -> str:
        """The aggregate that it happened to; the record's key."""
        return self.subject.partition("/")[2]

    @cached_property
    def payload(self) -> dict[str, Any]:
        """The event's JSON as it was written, with what is personal in it sealed; see `opened`."""
        payload: dict[str, Any] = json.loads(self.data)
        return payload

    async def opened(self, keys: KeyRing) -> Readable:
        """The event as those may read it who hold the organisation's key, as its newest version."""
        written = Written(self.source, self.type, self.schema_version, self.organization_id, self.id, self.payload)
        return await read(written, keys)

    @classmethod
    def of(cls, record: Message) -> "Delivered":
        """The event that a record holds. Raises KeyError for a record that is no CloudEvent of ours."""
        headers = {key: (value or b"").decode() for key, value in _headers(record)}
        return cls(
            id=headers["ce_id"],
            type=headers["ce_type"],
            source=headers["ce_source"],
            subject=headers["ce_subject"],
            time=headers["ce_time"],
            organization_id=headers["ce_organizationid"],
            aggregate_version=int(headers["ce_aggregateversion"]),
            schema_version=int(headers.get("ce_schemaversion", 1)),
            trace=Trace(headers["ce_correlationid"], headers["ce_causationid"], headers["traceparent"]),
            data=record.value() or b"",
            topic=record.topic() or "",
            partition=record.partition() or 0,
            offset=record.offset() or 0,
        )


def _headers(record: Message) -> list[tuple[str, bytes | None]]:
    headers: Any = record.headers() or []
    return list(headers)


async def event_in(delivered: Delivered, message: type[M], keys: KeyRing) -> M:
    """The event, as those may read it who hold the organisation's key."""
    return event_of(message, (await delivered.opened(keys)).payload)


def ensure_topics(settings: Settings, aggregate_types: list[str]) -> None:
    """Create the topics that are not there yet; blocks until the broker has answered."""
    admin = AdminClient({"bootstrap.servers": settings.bootstrap, "log_level": 2})
    topics = [NewTopic(topic_of(type_), num_partitions=PARTITIONS) for type_ in aggregate_types]
    for created in admin.create_topics(topics, operation_timeout=20).values():
        try:
            created.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
