"""What was written in an old version is read as the newest."""

from typing import Any

import pytest

from canvas_demo.contracts.canvases.v1.events_pb2 import CanvasRenamed, ItemPlaced
from canvas_demo.kernel.events import payload_of
from canvas_demo.kernel.reading import Written, read
from canvas_demo.kernel.upcasting import schema_version_of, upcast

VERSION_1 = {
    "canvas_id": "c",
    "item_id": "i",
    "file_id": "f",
    "x": 1.0,
    "y": 2.0,
    "file": {"status": "PENDING", "name": "plan.pdf", "media_type": "application/pdf", "size": 0.0},
    "text": "",
    "layer": 0,
}
"""An ItemPlaced as it was stored before there were kinds."""


@pytest.mark.parametrize(("file_id", "kind"), [("f", "FILE"), ("", "NOTE")])
def test_an_item_that_was_placed_before_there_were_kinds_has_one(file_id: str, kind: str) -> None:
    old = {**VERSION_1, "file_id": file_id}
    assert upcast(ItemPlaced, 1, old) == {**old, "kind": kind}
    assert "kind" not in old


def test_what_is_of_the_newest_version_or_a_later_one_stays_as_it_is() -> None:
    payload = payload_of(ItemPlaced(kind="DRAWING"))
    for version in (2, 3):
        assert upcast(ItemPlaced, version, payload) == payload


def test_proto_says_the_newest_version() -> None:
    assert (schema_version_of(ItemPlaced), schema_version_of(CanvasRenamed)) == (2, 1)


async def test_a_reader_gets_the_newest_version_and_is_told_so() -> None:
    nobody: Any = None
    written = Written("/canvas-demo/canvases", "ItemPlaced", 1, "o", "e", VERSION_1)
    readable = await read(written, nobody)
    assert (readable.schema_version, readable.payload["kind"]) == (2, "FILE")
    of_tomorrow = await read(Written("/canvas-demo/canvases", "ItemPlaced", 9, "o", "e", VERSION_1), nobody)
    assert (of_tomorrow.schema_version, of_tomorrow.payload) == (9, VERSION_1)
    unknown = await read(Written("/elsewhere", "ItemPlaced", 1, "o", "e", VERSION_1), nobody)
    assert (unknown.schema_version, unknown.payload) == (1, VERSION_1)
