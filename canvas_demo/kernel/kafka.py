"""Kafka: the topics, and records as the CloudEvents that they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from confluent_kafka import KafkaException, Message
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import KafkaError, NewTopic

from canvas_demo.kernel.events import M, event_of
from canvas_demo.kernel.keyring import KeyRing
from canvas_demo.kernel.reading import Readable, Written, read
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.trace import Trace, set_trace

PARTITIONS = 6
TOPIC_PREFIX = "canvas-demo."


def topic_of(aggregate_type: str) -> str:
    """The topic of an aggregate type."""
    return TOPIC_PREFIX + aggregate_type


class NotAnEvent(ValueError):
    """A record that is no CloudEvent of ours; says what is wrong with it."""


@dataclass(frozen=True)
class Record:
    """A record as it stands in a topic; what is no UTF-8 in its texts is replaced."""

    topic: str
    partition: int
    offset: int
    key: str | None
    headers: Mapping[str, str]
    value: bytes

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.topic}/{self.partition}/{self.offset}"

    @property
    def id(self) -> str:
        """An id for a record that names no event: the same whenever it comes."""
        return str(uuid5(NAMESPACE_URL, f"kafka:{self.place}"))

    @classmethod
    def of(cls, message: Message) -> "Record":
        """The record that a client of Kafka was given."""
        headers: Any = message.headers() or []
        key: Any = message.key()
        return cls(
            topic=message.topic() or "",
            partition=message.partition() or 0,
            offset=message.offset() or 0,
            key=None if key is None else _text(key),
            headers={_text(name): _text(value) for name, value in headers},
            value=message.value() or b"",
        )


def _text(value: str | bytes | None) -> str:
    """As PostgreSQL can store it, which takes no NUL."""
    text = value if isinstance(value, str) else (value or b"").decode(errors="replace")
    return text.replace("\0", "\ufffd")


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
        """The event's JSON as it was written, with what is personal in it sealed; see `opened`. Raises `NotAnEvent`."""
        try:
            payload = json.loads(self.data)
        except (ValueError, RecursionError) as error:
            raise NotAnEvent(f"its value is no JSON: {error}") from error
        if not isinstance(payload, dict):
            raise NotAnEvent("its value is no JSON object")
        return payload

    def go_on(self) -> None:
        """From here on, in this task, what is done belongs to the event's conversation, and the event has caused it."""
        set_trace(self.trace.child(self.id))

    async def opened(self, keys: KeyRing) -> Readable:
        """The event as those may read it who hold the organisation's key, as its newest version."""
        written = Written(self.source, self.type, self.schema_version, self.organization_id, self.id, self.payload)
        return await read(written, keys)

    @classmethod
    def of(cls, record: Record) -> "Delivered":
        """The event that a record holds. Raises `NotAnEvent`."""
        headers = record.headers
        try:
            event = cls(
                id=str(UUID(headers["ce_id"])),
                type=headers["ce_type"],
                source=headers["ce_source"],
                subject=headers["ce_subject"],
                time=headers["ce_time"],
                organization_id=headers["ce_organizationid"],
                aggregate_version=int(headers["ce_aggregateversion"]),
                schema_version=int(headers.get("ce_schemaversion", 1)),
                trace=Trace(headers["ce_correlationid"], headers["ce_causationid"], headers["traceparent"]),
                data=record.value,
                topic=record.topic,
                partition=record.partition,
                offset=record.offset,
            )
        except KeyError as error:
            raise NotAnEvent(f"it has no header {error.args[0]}") from error
        except ValueError as error:
            raise NotAnEvent(f"its headers make no sense: {error}") from error
        if not event.aggregate_id:
            raise NotAnEvent(f"its subject {event.subject!r} names no aggregate")
        _ = event.payload
        return event


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
