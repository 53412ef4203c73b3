"""Any commands that an aggregate understands, as Hypothesis makes them.

Which commands there are is read from the signature of ``decide``: a new one can't escape. What their
fields may hold is said here by the fields' names; a field of an unknown name fails the tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints
from uuid import uuid4

from hypothesis import strategies as st

from canvas_demo.kernel.aggregate import Aggregate
from canvas_demo.modules.canvases.domain import File
from canvas_demo.modules.canvases.store import CANVAS
from canvas_demo.modules.files.store import FILE
from canvas_demo.modules.identity.store import ORGANIZATION, USER
from canvas_demo.modules.keys.store import KEY
from canvas_demo.modules.notifications.domain import subscription_id
from canvas_demo.modules.notifications.store import SUBSCRIPTION
from canvas_demo.modules.websockets.store import CONNECTION, CONVERSATION

MODULES = {
    "identity": (ORGANIZATION, USER),
    "keys": (KEY,),
    "canvases": (CANVAS,),
    "files": (FILE,),
    "websockets": (CONNECTION, CONVERSATION),
    "notifications": (SUBSCRIPTION,),
}
AGGREGATES = [(module, aggregate) for module, aggregates in MODULES.items() for aggregate in aggregates]
OWN_ID = {
    "organization": "organization_id",
    "user": "user_id",
    "key": "organization_id",
    "canvas": "canvas_id",
    "file": "file_id",
    "websocket-connection": "connection_id",
    "websocket-message": "connection_id",
}
"""Aggregate type → the field of its commands that holds its id."""

SUBJECT = "canvas/0198"
names = st.sampled_from(["Plan", " Garden ", "", "x" * 256, "a\0b", "Größe 📐"]) | st.text(max_size=20)
numbers = st.floats() | st.sampled_from([0.0, 1.0, 1e9])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "item_id": st.sampled_from(["i", "j", "k"]),
    "name": names,
    "text": names,
    "username": names.map(lambda name: f"{name}-{uuid4()}" if name.strip() else name).filter(
        lambda name: "\0" not in name  # it comes from a token, and no token names anybody so
    ),
    "x": numbers,
    "y": numbers,
    "width": numbers,
    "height": numbers,
    "layer": st.integers(-2_000_000, 2_000_000) | st.integers(-2, 2),
    "created_by": st.just("somebody"),
    "user_id": st.just("somebody"),
    "media_type": st.sampled_from(["image/png", "", "none"]),
    "attributes": st.dictionaries(st.sampled_from(["kind", "from", ""]), names, max_size=2),
    "size": st.integers(0, 2**53),
    "sha256": st.binary(min_size=32, max_size=32).map(bytes.hex),
    "key_version": st.integers(1, 9),
    "host": st.sampled_from(["ws-1", "ws-2"]),
    "reason": st.sampled_from(["closed", "host died"]),
    "subject": st.just(SUBJECT),
    "ends_at": st.sampled_from(["2999-01-01T00:00:00.000000Z", "2999-01-01T00:00:09.000000Z"]),
}
files = st.builds(
    File,
    st.sampled_from(["PENDING", "UPLOADED", "DELETED"]),
    st.sampled_from(["plan.pdf", "📐.png"]),
    st.just("image/png"),
    st.integers(0, 2**53),
    st.integers(0, 9),
)


@dataclass(frozen=True)
class Subject:
    """An aggregate to send commands to."""

    aggregate: Aggregate[Any]
    id: str
    organization_id: str
    connection_id: str

    @classmethod
    def new(cls, aggregate: Aggregate[Any]) -> "Subject":
        own, connection = str(uuid4()), str(uuid4())
        if aggregate is SUBSCRIPTION:
            return cls(aggregate, subscription_id(connection, SUBJECT), str(uuid4()), connection)
        organization = own if OWN_ID[aggregate.type] == "organization_id" else str(uuid4())
        return cls(aggregate, own, organization, connection)


def commands_of(subject: Subject) -> st.SearchStrategy[Any]:
    """Any of the commands that the aggregate's ``decide`` takes."""
    hint = get_type_hints(subject.aggregate.decide)["command"]
    kinds: Sequence[type] = get_args(hint) or (hint,)
    return st.one_of([st.builds(kind, **_fields(kind, subject)) for kind in kinds])


def _fields(kind: Any, subject: Subject) -> dict[str, st.SearchStrategy[Any]]:
    own = {
        OWN_ID.get(subject.aggregate.type, ""): st.just(subject.id),
        "organization_id": st.just(subject.organization_id),
    }
    lone = {
        "file_id": st.sampled_from(["", "f", "g"]),
        "file": st.none() | files if kind.__name__ == "PlaceItem" else files,
        "connection_id": st.just(subject.connection_id),
    }
    known = {**VALUES, **lone, **own}
    return {field.name: known[field.name] for field in fields(kind)}
