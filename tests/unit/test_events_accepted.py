"""Stored events stay readable: a change of proto/ that breaks a reader is refused, with what to do instead."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from canvas_demo.contracts.canvases.v1 import events_pb2 as canvases
from canvas_demo.contracts.kernel.v1 import options_pb2
from canvas_demo.kernel.upcasting import UPCASTERS, schema_version_of

PROTO = Path(__file__).parents[2] / "proto"


@pytest.fixture
def accept() -> Any:
    spec = importlib.util.spec_from_file_location("accept", PROTO / "accept.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_event_breaks_what_was_accepted(accept: Any) -> None:
    accepted = json.loads(accept.ACCEPTED.read_text())
    assert not list(accept.breaks(accepted, accept.describe(accept.events_files())))


def test_all_events_are_accepted_as_they_are(accept: Any) -> None:
    assert accept.ACCEPTED.read_text() == accept.text_of(accept.describe(accept.events_files())), (
        "there are new events or fields; when they are as they shall be for good, run: make accept-events"
    )


def test_every_old_version_has_an_upcaster(accept: Any) -> None:
    for file in accept.events_files():
        for name in file.message_types_by_name:
            event = getattr(
                importlib.import_module(f"canvas_demo.contracts.{file.package.split('.')[1]}.v1.events_pb2"), name
            )
            old = set(range(1, schema_version_of(event)))
            assert old == {version for message, version in UPCASTERS if message is event}, name


def changed(change: Callable[[FileDescriptorProto], None]) -> FileDescriptor:
    """A copy of what canvases publishes, after ``change``."""
    pool, seen = DescriptorPool(), set()

    def add(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            add(dependency)
        if file.name not in seen:
            seen.add(file.name)
            proto = FileDescriptorProto()
            file.CopyToProto(proto)
            if file.name in {canvases.DESCRIPTOR.name, "canvas_demo/canvases/v1/canvases.proto"}:
                change(proto)
            pool.Add(proto)

    add(canvases.DESCRIPTOR)
    return pool.FindFileByName(canvases.DESCRIPTOR.name)


def message(file: FileDescriptorProto, name: str) -> DescriptorProto | None:
    return next((each for each in file.message_type if each.name == name), None)


def field(file: FileDescriptorProto, message_name: str, name: str) -> FieldDescriptorProto:
    found = message(file, message_name)
    return next((each for each in found.field if each.name == name) if found else iter([FieldDescriptorProto()]))


def removed(file: FileDescriptorProto) -> None:
    for each in file.message_type:
        if each.name == "CanvasRenamed":
            del each.field[1]


def event_removed(file: FileDescriptorProto) -> None:
    for number, each in enumerate(file.message_type):
        if each.name == "ItemMoved":
            del file.message_type[number]


def renamed(file: FileDescriptorProto) -> None:
    field(file, "CanvasRenamed", "name").name = "title"


def renumbered(file: FileDescriptorProto) -> None:
    field(file, "CanvasRenamed", "name").number = 7


def retyped(file: FileDescriptorProto) -> None:
    field(file, "CanvasRenamed", "name").type = FieldDescriptorProto.TYPE_BYTES


def repeated(file: FileDescriptorProto) -> None:
    field(file, "CanvasRenamed", "name").label = FieldDescriptorProto.LABEL_REPEATED


def no_longer_personal(file: FileDescriptorProto) -> None:
    field(file, "NoteEdited", "text").options.Extensions[options_pb2.personal] = False


def personal_all_at_once(file: FileDescriptorProto) -> None:
    field(file, "CanvasRenamed", "canvas_id").options.Extensions[options_pb2.personal] = True


def removed_from_a_part(file: FileDescriptorProto) -> None:
    field(file, "ItemFile", "size").name = "bytes"


def version_lowered(file: FileDescriptorProto) -> None:
    if found := message(file, "ItemPlaced"):
        found.options.Extensions[options_pb2.schema_version] = 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (removed, "CanvasRenamed.name is gone. Stored events name it: keep it"),
        (event_removed, "ItemMoved is gone. Events of it are stored: keep the message"),
        (renamed, "CanvasRenamed.name became title. Stored events name it: keep it"),
        (renumbered, "CanvasRenamed.name: number was 2 and is 7. Give it its old number back"),
        (retyped, "CanvasRenamed.name: type was string and is bytes. Stored events hold the old type"),
        (repeated, "CanvasRenamed.name: repeated was False and is True. Stored events hold one or the other"),
        (no_longer_personal, "NoteEdited.text: personal was True and is False. What is stored was sealed"),
        (personal_all_at_once, "CanvasRenamed.canvas_id: personal was False and is True. What is stored was sealed"),
        (removed_from_a_part, "ItemFile.size became bytes. Stored events name it: keep it"),
        (version_lowered, "ItemPlaced went from schema_version 2 back to 1. Versions only grow"),
    ],
)
def test_a_breaking_change_is_refused(
    accept: Any, change: Callable[[FileDescriptorProto], None], sentence: str
) -> None:
    accepted = accept.describe([changed(lambda _: None)])
    (said,) = accept.breaks(accepted, accept.describe([changed(change)]))
    assert said.startswith(f"canvas_demo.canvases.v1.{sentence}")


def test_a_new_field_a_new_event_and_a_new_version_break_nobody(accept: Any) -> None:
    def grow(file: FileDescriptorProto) -> None:
        if found := message(file, "CanvasRenamed"):
            found.field.add(name="reason", number=3, type=FieldDescriptorProto.TYPE_STRING)
            found.options.Extensions[options_pb2.schema_version] = 2
            file.message_type.add(name="CanvasColoured")

    accepted = accept.describe([changed(lambda _: None)])
    assert not list(accept.breaks(accepted, accept.describe([changed(grow)])))
