"""The web API as a test calls it: each test in an organisation of its own."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import httpx
import psycopg

T = TypeVar("T")
DEADLINE = 30.0
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    http: httpx.Client
    token: str
    user: dict[str, Any]

    def call(self, method: str, path: str, status: int = 0, **kwargs: Any) -> httpx.Response:
        """The answer; where ``status`` is given it must be that one."""
        answer = self.http.request(method, path, **kwargs)
        assert status in {0, answer.status_code}, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def new_canvas(self, name: str = "Plan") -> str:
        canvas_id: str = self.call("POST", "/api/canvases", 201, json={"name": name}).json()["id"]
        return canvas_id

    def canvas(self, canvas_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/api/canvases/{canvas_id}", 200).json()
        return found

    def upload(self, canvas_id: str, content: bytes, name: str = "plan.txt", **place: float) -> dict[str, Any]:
        """Puts a file on a canvas; the answer's ``item`` and ``file``."""
        files = {"file": (name, content, "text/plain")}
        answer: dict[str, Any] = self.call(
            "POST", f"/api/canvases/{canvas_id}/files", 201, files=files, data=place
        ).json()
        return answer


def anybody(web_url: str) -> httpx.Client:
    """A client that is not signed in."""
    return httpx.Client(base_url=web_url, timeout=30)


def sign_in(web_url: str, username: str, password: str) -> Person:
    """The person of this name."""
    with anybody(web_url) as http:
        answer = http.post("/api/login", json={"username": username, "password": password})
    assert answer.status_code == 200, answer.text
    session = answer.json()
    signed_in = httpx.Client(base_url=web_url, timeout=30, headers={"Authorization": f"Bearer {session['token']}"})
    return Person(signed_in, session["token"], session["user"])


def newcomer(web_url: str) -> Person:
    """The first user of a new organisation."""
    username = f"user-{uuid4()}"
    with anybody(web_url) as http:
        body = {"name": f"Organisation {uuid4()}", "username": username, "password": PASSWORD}
        answer = http.post("/api/organizations", json=body)
        assert answer.status_code == 201, answer.text
    return sign_in(web_url, username, PASSWORD)


def until(look: Callable[[], T], good: Callable[[T], bool]) -> T:
    """What ``look`` sees, once it is ``good``; fails with the last thing seen."""
    end = time.monotonic() + DEADLINE
    while not good(seen := look()):
        assert time.monotonic() < end, f"not within {DEADLINE:.0f} s; last seen: {seen!r}"
        time.sleep(0.02)
    return seen


def file_statuses(database_url: str, file_id: str) -> list[str]:
    """Every status that the file has had, by its events."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "SELECT payload->>'status' FROM files.outbox WHERE aggregate_id = %s ORDER BY aggregate_version", [file_id]
        ).fetchall()
    return [row[0] for row in rows]


def problem_of(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that ``answer`` is."""
    assert answer.status_code == status, f"{answer.request.method} {answer.request.url}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["correlation_id"] == answer.headers["X-Correlation-Id"]
    return body


def fields_of(answer: httpx.Response) -> list[str]:
    """The fields that a 422 names."""
    return [error["field"] for error in problem_of(answer, 422)["errors"]]
