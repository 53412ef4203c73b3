"""What is personal is sealed where it is stored, and gone with the key."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from canvas_demo.contracts.canvases.v1 import events_pb2 as canvases
from canvas_demo.contracts.files.v1 import events_pb2 as files
from canvas_demo.contracts.identity.v1 import events_pb2 as identity
from canvas_demo.contracts.kernel.v1 import options_pb2
from canvas_demo.contracts.websockets.v1 import events_pb2 as websockets
from canvas_demo.kernel.errors import Gone
from canvas_demo.kernel.events import message_type, payload_of
from canvas_demo.kernel.personal import personal_fields, seal, unseal
from canvas_demo.kernel.sealing import Sealer
from canvas_demo.kernel.settings import MODULES

ORGANIZATION = str(uuid4())


class Keys:
    """Keys at hand: a new one, and what became of the old."""

    def __init__(self) -> None:
        self.sealers: dict[int, Sealer | None] = {1: Sealer(b"1" * 32)}

    async def newest(self, organization_id: str) -> tuple[int, Sealer]:
        version = max(self.sealers)
        sealer = self.sealers[version]
        if sealer is None:
            raise Gone("destroyed")
        return version, sealer

    async def sealer(self, organization_id: str, version: int) -> Sealer | None:
        return self.sealers[version]


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (identity.UserAdded, {("username",)}),
        (files.FileDescriptorChanged, {("name",), ("attributes",)}),
        (identity.OrganizationRegistered, {("name",)}),
        (canvases.CanvasCreated, {("name",)}),
        (canvases.CanvasRenamed, {("name",)}),
        (websockets.WebSocketMessageReceived, {("text",)}),
        (canvases.ItemPlaced, {("file", "name"), ("text",)}),
        (canvases.ItemMoved, set()),
    ],
)
def test_proto_says_what_is_personal(message: Any, fields: set[tuple[str, ...]]) -> None:
    assert set(personal_fields(message)) == fields


def test_an_event_of_kafka_is_found_by_its_source_and_type() -> None:
    assert message_type("/canvas-demo/files", "FileDescriptorChanged") is files.FileDescriptorChanged
    assert message_type("/canvas-demo/files", "Unknown") is None
    assert message_type("/elsewhere", "FileDescriptorChanged") is None


@given(st.text(), st.text())
async def test_sealed_text_says_nothing_and_comes_back(text: str, name: str) -> None:
    keys: Any = Keys()
    text, name = text.encode(errors="ignore").decode(), name.encode(errors="ignore").decode()
    payload = payload_of(canvases.ItemPlaced(canvas_id="c", text=text, file={"name": name, "size": 7}))
    before = payload_of(canvases.ItemPlaced(canvas_id="c", text=text, file={"name": name, "size": 7}))
    sealed = await seal(payload, canvases.ItemPlaced, keys, ORGANIZATION, "event")
    assert payload == before
    for plain, hidden in ((text, sealed["text"]), (name, sealed["file"]["name"])):
        assert hidden.startswith("sealed:1:") if plain else hidden == ""
    assert sealed["file"]["size"] == 7
    assert await unseal(sealed, canvases.ItemPlaced, keys, ORGANIZATION, "event") == payload


async def test_what_was_sealed_under_an_older_key_opens_after_a_rotation() -> None:
    keys: Any = Keys()
    sealed = await seal({"username": "ada"}, identity.UserAdded, keys, ORGANIZATION, "event")
    keys.sealers[2] = Sealer(b"2" * 32)
    again = await seal({"username": "ada"}, identity.UserAdded, keys, ORGANIZATION, "event")
    assert again["username"].startswith("sealed:2:")
    for each in (sealed, again):
        assert await unseal(each, identity.UserAdded, keys, ORGANIZATION, "event") == {"username": "ada"}


@pytest.mark.parametrize(
    ("organization", "event"), [("another", "event"), (ORGANIZATION, "another")], ids=["organisation", "event"]
)
async def test_sealed_text_that_was_moved_does_not_open(organization: str, event: str) -> None:
    keys: Any = Keys()
    sealed = await seal({"username": "ada"}, identity.UserAdded, keys, ORGANIZATION, "event")
    with pytest.raises(InvalidTag):
        await unseal(sealed, identity.UserAdded, keys, organization, event)


async def test_with_the_key_destroyed_a_text_stands_for_it_and_nothing_more_is_stored() -> None:
    keys: Any = Keys()
    event_id = str(uuid4())
    sealed = await seal({"username": "ada"}, identity.UserAdded, keys, ORGANIZATION, event_id)
    keys.sealers[1] = None
    opened = await unseal(sealed, identity.UserAdded, keys, ORGANIZATION, event_id)
    assert opened == {"username": f"destroyed-{event_id[-12:]}"}
    with pytest.raises(Gone):
        await seal({"username": "ada"}, identity.UserAdded, keys, ORGANIZATION, event_id)


NOT_PERSONAL = {
    "organization_id",
    "user_id",
    "canvas_id",
    "item_id",
    "file_id",
    "connection_id",
    "subscription_id",
    "created_by",  # ids are pseudonyms: without the name they tell of nobody
    "kind",
    "status",
    "state",
    "media_type",
    "sha256",
    "host",
    "reason",  # the system's own words
    "subject",  # a type and an id, checked
    "ends_at",  # a time
}
"""Texts of events that were looked at and tell of nobody, nor are they what a person wrote."""


def texts_of(message: Any) -> Iterator[tuple[str, Any]]:
    for field in message.fields:
        if field.message_type and not field.message_type.GetOptions().map_entry:
            yield from texts_of(field.message_type)
        elif field.message_type or field.type == field.TYPE_STRING:
            yield f"{message.full_name}.{field.name}", field


def test_each_text_of_each_event_was_decided_to_be_personal_or_not() -> None:
    undecided = []
    for module in MODULES:
        file = import_module(f"canvas_demo.contracts.{module}.v1.events_pb2").DESCRIPTOR
        for message in file.message_types_by_name.values():
            for name, field in texts_of(message):
                marked = field.GetOptions().Extensions[options_pb2.personal]
                if marked == (field.name in NOT_PERSONAL):
                    undecided.append(name)
    assert undecided == []


async def test_each_entry_of_a_map_is_sealed_and_none_fits_in_the_place_of_another() -> None:
    keys: Any = Keys()
    event = files.FileDescriptorChanged(file_id="f", attributes={"author": "Ada", "title": "Plan", "empty": ""})
    payload = payload_of(event)
    sealed = await seal(payload, files.FileDescriptorChanged, keys, ORGANIZATION, "e")
    assert "Ada" not in str(sealed)
    assert await unseal(sealed, files.FileDescriptorChanged, keys, ORGANIZATION, "e") == payload
    swapped = {**sealed, "attributes": {**sealed["attributes"], "author": sealed["attributes"]["title"]}}
    with pytest.raises(InvalidTag):
        await unseal(swapped, files.FileDescriptorChanged, keys, ORGANIZATION, "e")
