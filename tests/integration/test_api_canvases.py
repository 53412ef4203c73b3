"""Canvases and their items, through HTTP on the real stack."""

import base64
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.integration.api import Person, fields_of, newcomer, problem_of


@pytest.fixture
def person(stack: Any) -> Person:
    return newcomer(stack.env["WEB_URL"])


def test_a_canvas_from_its_creation_to_the_archive(person: Person) -> None:
    created = person.call("POST", "/api/canvases", 201, json={"name": " Plan "})
    path = created.headers["Location"]
    assert path == f"/api/canvases/{created.json()['id']}"
    assert (created.json()["name"], created.json()["items"], created.headers["ETag"]) == ("Plan", [], '"1"')
    assert person.call("GET", path, 304, headers={"If-None-Match": '"1"'}).headers["ETag"] == '"1"'
    renamed = person.call("PATCH", path, 200, json={"name": "Garden"}, headers={"If-Match": '"1"'})
    assert (renamed.json()["version"], renamed.headers["ETag"]) == (2, '"2"')
    assert person.call("GET", path, 200, headers={"If-None-Match": '"1"'}).json() == renamed.json()
    listed = person.call("GET", "/api/canvases", 200).json()["canvases"]
    assert [(canvas["id"], canvas["name"]) for canvas in listed] == [(created.json()["id"], "Garden")]
    person.call("DELETE", path, 204, headers={"If-Match": '"2"'})
    assert person.call("GET", "/api/canvases", 200).json()["canvases"] == []
    problem_of(person.call("PATCH", path, json={"name": "Again"}), 409)


def test_a_stale_if_match_is_412_with_the_version_that_is_there(person: Person) -> None:
    path = f"/api/canvases/{person.new_canvas()}"
    person.call("PATCH", path, 200, json={"name": "Garden"})
    for method in ("PATCH", "DELETE"):
        answer = person.call(method, path, json={"name": "Other"}, headers={"If-Match": '"1"'})
        assert problem_of(answer, 412)["current_version"] == 2
    assert person.call("GET", path).json()["name"] == "Garden"


def test_of_two_that_change_a_canvas_at_once_one_wins_and_none_is_lost(person: Person) -> None:
    path = f"/api/canvases/{person.new_canvas()}"

    def rename(number: int) -> int:
        return person.call("PATCH", path, json={"name": f"Name {number}"}).status_code

    with ThreadPoolExecutor(8) as together:
        statuses = list(together.map(rename, range(24)))
    assert set(statuses) <= {200, 409}, statuses
    assert person.call("GET", path).json()["version"] == 1 + statuses.count(200)


def test_an_item_is_moved_and_removed(person: Person) -> None:
    canvas_id = person.new_canvas()
    item_id = person.upload(canvas_id, b"content", x=1, y=2)["item"]["id"]
    path = f"/api/canvases/{canvas_id}/items/{item_id}"
    moved = person.call("PATCH", path, 200, json={"x": -7.5, "y": 1e6}).json()
    assert (moved["x"], moved["y"]) == (-7.5, 1e6)
    assert [(item["x"], item["y"]) for item in person.canvas(canvas_id)["items"]] == [(-7.5, 1e6)]
    problem_of(person.call("DELETE", path, headers={"If-Match": '"1"'}), 412)
    person.call("DELETE", path, 204)
    assert person.canvas(canvas_id)["items"] == []
    problem_of(person.call("PATCH", path, json={"x": 1, "y": 1}), 404)


@pytest.mark.parametrize("name", ["", " \t ", "x" * 201, 7, None, ["a"], {"a": 1}, "a\0b", "a\x1bb"])
def test_a_name_that_can_not_be_taken_is_422_and_named(person: Person, name: Any) -> None:
    path = f"/api/canvases/{person.new_canvas()}"
    assert fields_of(person.call("POST", "/api/canvases", json={"name": name})) == ["name"]
    assert fields_of(person.call("PATCH", path, json={"name": name})) == ["name"]


def test_a_file_id_that_is_no_text_is_422_and_an_item_id_however_long_404(person: Person) -> None:
    path = f"/api/canvases/{person.new_canvas()}/items"
    body, kind = b'{"x": 1, "y": 2, "file_id": "\\ud800"}', {"Content-Type": "application/json"}
    assert fields_of(person.call("POST", path, content=body, headers=kind)) == ["file_id"]
    problem_of(person.call("PATCH", f"{path}/{'x' * 7000}", json={"x": 1, "y": 1}), 404)


def test_a_canvas_of_many_long_notes_is_shown_and_takes_more(person: Person) -> None:
    """More than gRPC takes in one answer unless it is told to."""
    canvas_id, text = person.new_canvas(), "\N{TOMATO}" * 10_000
    for _ in range(108):
        person.call("POST", f"/api/canvases/{canvas_id}/items", 201, json={"x": 1, "y": 2, "text": text})
    shown = person.call("GET", f"/api/canvases/{canvas_id}", 200)
    assert len(shown.content) > 4 * 1024 * 1024
    person.upload(canvas_id, b"content")


@pytest.mark.parametrize("canvas_id", ["1", "no-uuid", "%00", "5f39e815-b3da-49d4-949c-c69b831bb31d"])
def test_an_id_that_nothing_has_is_404(person: Person, canvas_id: str) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        problem_of(person.call(method, f"/api/canvases/{canvas_id}", json={"name": "Plan"}), 404)
    condition = {"If-Match": '"1"'}
    problem_of(person.call("PATCH", f"/api/canvases/{canvas_id}", json={"name": "Plan"}, headers=condition), 404)
    problem_of(person.call("POST", f"/api/canvases/{canvas_id}/files", files={"file": b"x"}), 404)


@pytest.mark.parametrize("first", ["%D9%A0", "%0A", "%20", "+", "urn:uuid:0"])
def test_what_only_reads_like_an_id_is_404_and_nothing_happens(person: Person, first: str) -> None:
    canvas_id = person.new_canvas()
    body = {"x": 1, "y": 2, "text": "Water the garden"}
    problem_of(person.call("POST", f"/api/canvases/{first}{canvas_id[1:]}/items", json=body), 404)
    assert person.canvas(canvas_id)["version"] == 1


def test_ids_may_come_in_capitals(person: Person) -> None:
    canvas_id = person.new_canvas()
    path = f"/api/canvases/{canvas_id.upper()}/items"
    placed = person.call("POST", path, 201, json={"x": 1, "y": 2, "text": "Water the garden"})
    item_id = placed.json()["id"]
    assert placed.headers["Location"] == f"/api/canvases/{canvas_id}/items/{item_id}"
    for change in ({"x": 3, "y": 4}, {"width": 5, "height": 6}, {"layer": 7}, {"text": "Mow the lawn"}):
        assert person.call("PATCH", f"{path}/{item_id.upper()}", 200, json=change).json()["id"] == item_id
    person.call("DELETE", f"{path}/{item_id.upper()}", 204)
    assert person.canvas(canvas_id)["items"] == []


def test_what_is_of_another_organisation_is_404(person: Person, stack: Any) -> None:
    canvas_id = person.new_canvas()
    upload = person.upload(canvas_id, b"secret")
    stranger = newcomer(stack.env["WEB_URL"])
    canvas, file = f"/api/canvases/{canvas_id}", f"/api/files/{upload['file']['id']}"
    item = f"{canvas}/items/{upload['item']['id']}"
    for method, path in (
        ("GET", canvas),
        ("PATCH", canvas),
        ("DELETE", canvas),
        ("DELETE", item),
        ("GET", file),
        ("GET", f"{file}/content"),
        ("DELETE", file),
    ):
        problem_of(stranger.call(method, path, json={"name": "Mine"}, headers={"If-Match": "*"}), 404)
    problem_of(stranger.call("PATCH", item, json={"x": 0, "y": 0}), 404)
    problem_of(stranger.call("POST", f"{canvas}/files", files={"file": b"x"}), 404)
    assert stranger.call("GET", "/api/canvases").json()["canvases"] == []


def test_the_trace_of_a_request_is_that_of_its_event(person: Person, stack: Any) -> None:
    traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    headers = {"traceparent": traceparent, "X-Correlation-Id": f"conversation-{uuid4()}"}
    answer = person.call("POST", "/api/canvases", 201, json={"name": "Plan"}, headers=headers)
    assert answer.headers["X-Correlation-Id"] == headers["X-Correlation-Id"]
    with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
        row = connection.execute(
            "SELECT correlation_id, causation_id, traceparent FROM canvases.outbox WHERE aggregate_id = %s",
            [answer.json()["id"]],
        ).fetchone()
    assert row == (headers["X-Correlation-Id"], headers["X-Correlation-Id"], traceparent)


# --- lists, and a canvas as it was --------------------------------------------------------------------------


def pages_of(person: Person, **query: Any) -> list[list[str]]:
    """The names on each page of the list, followed to its end."""
    pages, token = [], ""
    while True:
        page = person.call("GET", "/api/canvases", 200, params={**query, "page_token": token}).json()
        pages.append([canvas["name"] for canvas in page["canvases"]])
        if not (token := page["next_page_token"]):
            return pages


def test_a_list_is_sorted_as_asked_and_comes_in_pages(person: Person) -> None:
    for name in ("birch", "Alder", "elm", "cedar", "Dogwood"):
        person.new_canvas(name)
    assert pages_of(person, order_by="name", page_size=2) == [["Alder", "birch"], ["cedar", "Dogwood"], ["elm"]]
    assert pages_of(person, order_by="-name", page_size=4) == [["elm", "Dogwood", "cedar", "birch"], ["Alder"]]
    assert pages_of(person, order_by="name", page_size=5) == [["Alder", "birch", "cedar", "Dogwood", "elm"]]
    assert pages_of(person, order_by="created_at") == [["birch", "Alder", "elm", "cedar", "Dogwood"]]


def test_a_page_goes_on_where_the_one_before_ended_whatever_came_between(person: Person) -> None:
    for name in ("b", "d", "f"):
        person.new_canvas(name)
    query = {"order_by": "name", "page_size": 2}
    first = person.call("GET", "/api/canvases", 200, params=query).json()
    person.new_canvas("a"), person.new_canvas("e")
    rest = person.call("GET", "/api/canvases", 200, params={**query, "page_token": first["next_page_token"]}).json()
    assert [canvas["name"] for canvas in first["canvases"] + rest["canvases"]] == ["b", "d", "e", "f"]


def forged(text: str) -> str:
    """What looks like the token of a page, and says ``text``."""
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("page_size", 0),
        ("page_size", 201),
        ("order_by", "size"),
        ("page_token", "made-up"),
        ("page_token", forged('{"created_at": "2026-01-01", "id": "x"}')),
        ("page_token", forged('{"created_at": 7, "id": "00000000-0000-7000-8000-000000000001"}')),
        ("page_token", forged("[" * 3000)),
    ],
)
def test_a_page_that_there_can_not_be_is_422_and_named(person: Person, field: str, value: Any) -> None:
    assert fields_of(person.call("GET", "/api/canvases", params={field: value})) == [field]


@pytest.mark.parametrize("name", [r"\u0000", r"\ud800"])
def test_a_page_after_a_name_that_nothing_can_have_is_422(person: Person, name: str) -> None:
    token = forged(f'{{"name": "{name}", "id": "{uuid4()}"}}')
    assert fields_of(person.call("GET", "/api/canvases", params={"order_by": "name", "page_token": token})) == [
        "page_token"
    ]


def test_an_archived_canvas_is_listed_apart_until_it_is_restored(person: Person) -> None:
    path = f"/api/canvases/{person.new_canvas()}"
    person.call("DELETE", path, 204)
    assert (pages_of(person), pages_of(person, archived=True)) == ([[]], [["Plan"]])
    assert person.call("POST", f"{path}/restore", 200).headers["ETag"] == '"3"'
    assert (pages_of(person), pages_of(person, archived=True)) == ([["Plan"]], [[]])


def test_a_canvas_is_shown_as_it_was_at_each_version(person: Person) -> None:
    path = f"/api/canvases/{person.new_canvas()}"
    seen = [person.call("GET", path).json()]
    note = person.call("POST", f"{path}/items", 201, json={"x": 1, "y": 2, "text": "Water the garden"}).json()
    seen.append(person.call("GET", path).json())
    for change in ({"text": "Mow the lawn"}, {"width": 20, "height": 10}, {"layer": 7}, {"x": 3, "y": 4}):
        person.call("PATCH", f"{path}/items/{note['id']}", 200, json=change)
        seen.append(person.call("GET", path).json())
    person.call("DELETE", f"{path}/items/{note['id']}", 204)
    person.call("PATCH", path, 200, json={"name": "Garden"})
    assert [canvas["version"] for canvas in seen] == [1, 2, 3, 4, 5, 6]
    for canvas in seen:
        assert person.call("GET", path, 200, params={"version": canvas["version"]}).json() == canvas
    assert person.call("GET", path, params={"version": 8}).json() == person.call("GET", path).json()
    assert (seen[5]["items"][0]["text"], seen[5]["items"][0]["layer"]) == ("Mow the lawn", 7)


def test_a_version_that_there_never_was_is_404(person: Person) -> None:
    problem_of(person.call("GET", f"/api/canvases/{person.new_canvas()}", params={"version": 2}), 404)
