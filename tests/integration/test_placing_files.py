"""A file that is placed on a canvas while something becomes of it, on the real stack."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from canvas_demo.contracts.files.v1.events_pb2 import FileDescriptorChanged
from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Connection, open_pool
from canvas_demo.kernel.events import payload_of
from canvas_demo.kernel.kafka import Delivered
from canvas_demo.kernel.trace import Trace
from canvas_demo.modules.canvases.domain import RenameCanvas
from canvas_demo.modules.canvases.reactions import when_file_descriptors_changed_update_items
from canvas_demo.modules.canvases.store import CANVAS
from tests.integration.api import Person, fields_of, newcomer, until

PLACES = "pg_advisory_xact_lock_shared"
"""What whoever places a file takes of it, and whoever hears of a change waits for."""
HEARS = "pg_advisory_xact_lock"


@pytest.fixture
def person(stack: Any) -> Person:
    return newcomer(stack.env["WEB_URL"])


@contextmanager
def holding(stack: Any, file_id: str, lock: str) -> Iterator[None]:
    """Be one who is in the middle of it, until somebody has come who waits, and the block ends."""
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        database.execute(f"SELECT {lock}(hashtextextended('canvases/file/' || %s, 0))", [file_id])
        yield


def somebody_waits(stack: Any) -> bool:
    query = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        return database.execute(query).fetchone() is not None


def test_a_file_that_is_deleted_before_it_was_looked_at_is_not_placed(person: Person, stack: Any) -> None:
    file_id = person.upload(person.new_canvas(), b"content")["file"]["id"]
    path = f"/api/canvases/{person.new_canvas()}"
    with ThreadPoolExecutor(1) as background:
        with holding(stack, file_id, HEARS):
            placed = background.submit(person.call, "POST", f"{path}/items", json={"file_id": file_id, "x": 1, "y": 2})
            until(lambda: somebody_waits(stack), bool)
            person.call("DELETE", f"/api/files/{file_id}", 204)
        assert fields_of(placed.result()) == ["file_id"]
    assert person.call("GET", path, 200).json()["items"] == []


def test_whoever_hears_that_a_file_was_deleted_waits_for_one_who_places_it(person: Person, stack: Any) -> None:
    canvas_id = person.new_canvas()
    file_id = person.upload(canvas_id, b"content")["file"]["id"]
    with holding(stack, file_id, PLACES):
        person.call("DELETE", f"/api/files/{file_id}", 204)
        until(lambda: somebody_waits(stack), bool)
        assert len(person.canvas(canvas_id)["items"]) == 1
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items == [])


def told(person: Person, file_id: str, version: int, **file: Any) -> Delivered:
    """The event of the file at this version, as canvases hears of it."""
    organization_id = person.user["organization_id"]
    event = FileDescriptorChanged(file_id=file_id, organization_id=organization_id, **file)
    return Delivered(
        id=str(uuid4()),
        type="FileDescriptorChanged",
        source="/canvas-demo/files",
        subject=f"file/{file_id}",
        time="2026-01-01T00:00:00Z",
        organization_id=organization_id,
        aggregate_version=version,
        schema_version=1,
        trace=Trace.start(),
        data=json.dumps(payload_of(event)).encode(),
        topic="canvas-demo.file",
        partition=0,
        offset=0,
    )


def is_blocked(stack: Any, connection: Connection) -> bool:
    """Whether it waits for another transaction."""
    query, pid = "SELECT FROM cardinality(pg_blocking_pids(%s)) AS others WHERE others > 0", connection.info.backend_pid
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        return database.execute(query, [pid]).fetchone() is not None


async def test_whoever_hears_of_a_file_is_not_hindered_by_others_who_change_its_canvas(
    person: Person, stack: Any
) -> None:
    canvas_id = person.new_canvas()
    file_id = person.upload(canvas_id, b"content")["file"]["id"]
    until(lambda: person.canvas(canvas_id)["items"][0]["file"]["status"], lambda status: status == "UPLOADED")
    deleted = told(person, file_id, 3, status="DELETED")
    async with open_pool(stack.settings, "canvases") as pool, pool.connection() as hearer:
        async with pool.connection() as quicker:
            rename = RenameCanvas(canvas_id, "Garden")
            await execute(quicker, CANVAS, canvas_id, deleted.organization_id, rename, datetime.now(UTC))
            hearing = asyncio.create_task(when_file_descriptors_changed_update_items(hearer, [deleted]))
            await asyncio.to_thread(until, lambda: is_blocked(stack, hearer), bool)
        await hearing
    canvas = person.canvas(canvas_id)
    assert (canvas["name"], canvas["items"]) == ("Garden", [])


async def test_what_is_heard_late_of_a_file_changes_nothing(person: Person, stack: Any) -> None:
    """It was UPLOADED when it was placed; then canvases hears of what it was before, and of that."""
    file_id = person.upload(person.new_canvas(), b"content")["file"]["id"]
    canvas_id = person.new_canvas()
    person.call("POST", f"/api/canvases/{canvas_id}/items", 201, json={"file_id": file_id, "x": 1, "y": 2})
    seen = person.canvas(canvas_id)
    late = [told(person, file_id, 1, status="PENDING"), told(person, file_id, 2, status="UPLOADED", size=7)]
    async with open_pool(stack.settings, "canvases") as pool, pool.connection() as connection:
        await when_file_descriptors_changed_update_items(connection, late)
    assert person.canvas(canvas_id) == seen


def test_a_file_has_one_id_however_it_is_spelt(person: Person) -> None:
    file_id = person.upload(person.new_canvas(), b"content")["file"]["id"]
    canvas_id = person.new_canvas()
    person.call("POST", f"/api/canvases/{canvas_id}/items", 201, json={"file_id": file_id.upper(), "x": 1, "y": 2})
    assert [item["file_id"] for item in person.canvas(canvas_id)["items"]] == [file_id]
    person.call("DELETE", f"/api/files/{file_id}", 204)
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items == [])
