"""Every POST of the API, twice with the same ``Idempotency-Key``: the first answer again, and one effect."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from canvas_demo.kernel.settings import MODULES
from tests.integration.api import PASSWORD, Person, anybody, newcomer
from tests.integration.uploading import creation

Request = tuple[str, dict[str, Any]]


def _archived(person: Person) -> str:
    canvas = person.new_canvas()
    person.call("DELETE", f"/api/canvases/{canvas}", 204)
    return canvas


def _account() -> dict[str, str]:
    return {"username": f"ada-{uuid4()}", "password": PASSWORD}


def _upload(canvas: str) -> dict[str, str]:
    return creation(canvas, 4, filetype="text/plain")


REQUESTS: Mapping[str, Callable[[Person], Request]] = {
    "/api/login": lambda person: ("", {"json": {"username": person.user["username"], "password": PASSWORD}}),
    "/api/refresh": lambda _: ("", {}),
    "/api/logout": lambda _: ("", {}),
    "/api/me/password": lambda _: ("", {"json": {"current_password": PASSWORD, "new_password": f"new {PASSWORD}"}}),
    "/api/organizations": lambda _: ("", {"json": {"name": "Acme", **_account()}}),
    "/api/users": lambda _: ("", {"json": _account()}),
    "/api/organization/keys/rotate": lambda _: ("", {}),
    "/api/canvases": lambda _: ("", {"json": {"name": "Plan"}}),
    "/api/canvases/{canvas_id}/restore": lambda person: (_archived(person), {}),
    "/api/canvases/{canvas_id}/items": lambda person: (
        person.new_canvas(),
        {"json": {"x": 1, "y": 2, "text": "Water the garden"}},
    ),
    "/api/canvases/{canvas_id}/files": lambda person: (
        person.new_canvas(),
        {"files": {"file": ("plan.txt", b"plan")}, "data": {"x": "1", "y": "2"}},
    ),
    "/api/uploads": lambda person: ("", {"headers": _upload(person.new_canvas())}),
}
"""Path of a POST → the id in it, and what to send, for a person."""
EVENTLESS = {"/api/login", "/api/refresh", "/api/logout"}
"""These store no event; their answer alone is what may not be another."""


def posts(stack: Any) -> set[str]:
    with anybody(stack.env["WEB_URL"]) as http:
        paths = http.get("/openapi.json").json()["paths"]
    return {path for path, operations in paths.items() if "post" in operations}


def test_no_post_escapes(stack: Any) -> None:
    assert posts(stack) == REQUESTS.keys()


@pytest.mark.parametrize("path", REQUESTS)
def test_a_post_that_comes_twice_has_one_effect(stack: Any, path: str) -> None:
    person = newcomer(stack.env["WEB_URL"])
    id_, request = REQUESTS[path](person)
    key, first_trace, second_trace = (str(uuid4()) for _ in range(3))

    def post(trace: str) -> httpx.Response:
        headers = {**request.get("headers", {}), "Idempotency-Key": key, "X-Correlation-Id": trace}
        return person.call("POST", path.format(canvas_id=id_), **{**request, "headers": headers})

    first = post(first_trace)
    assert first.is_success, first.text
    if "token" in (first.json() if first.content else {}):
        person.http.headers["Authorization"] = f"Bearer {first.json()['token']}"
    again = post(second_trace)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    for header in ("Location", "ETag"):
        assert again.headers.get(header) == first.headers.get(header)
    assert bool(events(stack, first_trace)) == (path not in EVENTLESS)
    assert events(stack, second_trace) == []


def events(stack: Any, trace: str) -> list[str]:
    """The types of the events that a conversation led to."""
    union = " UNION ALL ".join(f"SELECT event_type, correlation_id FROM {module}.outbox" for module in MODULES)
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        found = database.execute(f"SELECT event_type FROM ({union}) AS event WHERE correlation_id = %s", [trace])
        return [row[0] for row in found.fetchall()]
