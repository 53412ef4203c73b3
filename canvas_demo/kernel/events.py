"""Events: protobuf messages, kept and sent as proto3 JSON with the fields' own names."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from importlib import import_module
from typing import Any, TypeVar

from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message

from canvas_demo.kernel.settings import MODULES

M = TypeVar("M", bound=Message)
SOURCE_PREFIX = "/canvas-demo/"


@dataclass(frozen=True)
class Recorded:
    """An event as it stands in an outbox."""

    position: int
    event_id: str
    aggregate_type: str
    aggregate_id: str
    aggregate_version: int
    event_type: str
    schema_version: int
    organization_id: str
    payload: dict[str, Any]
    correlation_id: str
    causation_id: str
    traceparent: str
    occurred_at: datetime
    source: str


def message_type(source: str, event_type: str) -> type[Message] | None:
    """The message of an event: ``source`` is ``/canvas-demo/<module>``; None for a type that proto/ does not name."""
    name = source.removeprefix(SOURCE_PREFIX)
    if name not in MODULES:
        return None
    return getattr(import_module(f"canvas_demo.contracts.{name}.v1.events_pb2"), event_type, None)


class EventTypes:
    """The events of an aggregate: name ↔ message class."""

    def __init__(self, messages: Iterable[type[Message]]) -> None:
        self._messages = tuple(messages)

    @cached_property
    def _by_name(self) -> dict[str, type[Message]]:
        return {message.DESCRIPTOR.name: message for message in self._messages}

    @property
    def names(self) -> frozenset[str]:
        """The types of events that there are."""
        return frozenset(self._by_name)

    def read(self, event_type: str, payload: dict[str, Any]) -> Message:
        """The message that ``payload`` stands for. Raises KeyError for an unknown type."""
        return event_of(self._by_name[event_type], payload)


def payload_of(event: Message) -> dict[str, Any]:
    """An event as JSON: every field by its own name, defaults written out."""
    return MessageToDict(event, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)


def event_of(message: type[M], payload: dict[str, Any]) -> M:
    """The event that the JSON stands for; fields of a later version are passed over."""
    return ParseDict(payload, message(), ignore_unknown_fields=True)
