"""Old versions of events, read as the newest: the one place that knows how.

proto/ says which version of an event is the newest (the option `schema_version`), and each row,
record and frame says which one it holds. A version that only adds what old events may leave empty
needs nothing here. One that says what old events left to be concluded has an upcaster, from each
version to the next: JSON in, JSON out. What is stored stays as it was written.
"""

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from canvas_demo.contracts.canvases.v1.events_pb2 import ItemPlaced
from canvas_demo.contracts.kernel.v1 import options_pb2

Payload = dict[str, Any]
Upcaster = Callable[[Payload], Payload]


def item_placed_says_its_kind(old: Payload) -> Payload:
    """Version 1 had files and notes alone: what names no file is a note."""
    return {**old, "kind": "FILE" if old.get("file_id") else "NOTE"}


UPCASTERS: Mapping[tuple[type[Message], int], Upcaster] = {
    (ItemPlaced, 1): item_placed_says_its_kind,
}
"""(event, version) → what makes the next version of it."""


def schema_version_of(message: type[Message]) -> int:
    """The newest version of an event."""
    return int(message.DESCRIPTOR.GetOptions().Extensions[options_pb2.schema_version]) or 1


def upcast(message: type[Message], schema_version: int, payload: Payload) -> Payload:
    """``payload`` of ``schema_version`` as the newest version; one that is newer than what is known here as it is."""
    for version in range(schema_version, schema_version_of(message)):
        if upcaster := UPCASTERS.get((message, version)):
            payload = upcaster(payload)
    return payload
