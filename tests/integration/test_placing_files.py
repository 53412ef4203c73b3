"""A file that is placed on a canvas while something becomes of it, on the real stack."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

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


def test_a_file_has_one_id_however_it_is_spelt(person: Person) -> None:
    file_id = person.upload(person.new_canvas(), b"content")["file"]["id"]
    canvas_id = person.new_canvas()
    person.call("POST", f"/api/canvases/{canvas_id}/items", 201, json={"file_id": file_id.upper(), "x": 1, "y": 2})
    assert [item["file_id"] for item in person.canvas(canvas_id)["items"]] == [file_id]
    person.call("DELETE", f"/api/files/{file_id}", 204)
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items == [])
