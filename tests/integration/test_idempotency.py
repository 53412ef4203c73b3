"""A request that comes twice with the same ``Idempotency-Key``: one effect, and the first answer again."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from canvas_demo.contracts.files.v1.files_pb2 import CreateFileRequest, File
from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.idempotency import Requests, set_idempotency_key
from tests.integration.api import PASSWORD, Person, anybody, fields_of, newcomer, problem_of


@pytest.fixture
def person(stack: Any) -> Person:
    return newcomer(stack.env["WEB_URL"])


def keyed() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid4())}


def names(person: Person) -> list[str]:
    return [canvas["name"] for canvas in person.call("GET", "/api/canvases", 200).json()["canvases"]]


def test_the_second_request_has_no_effect_and_gets_the_first_answer(person: Person) -> None:
    headers = keyed()
    first = person.call("POST", "/api/canvases", 201, json={"name": "Plan"}, headers=headers)
    person.call("PATCH", first.headers["Location"], 200, json={"name": "Garden"})
    again = person.call("POST", "/api/canvases", 201, json={"name": "Plan"}, headers=headers)
    assert again.json() == first.json()
    assert (again.headers["Location"], again.headers["ETag"]) == (first.headers["Location"], first.headers["ETag"])
    assert names(person) == ["Garden"]


def test_of_many_at_the_same_time_one_has_an_effect(person: Person) -> None:
    headers = keyed()

    def post(_: int) -> httpx.Response:
        return person.call("POST", "/api/canvases", 201, json={"name": "Plan"}, headers=headers)

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(post, range(6)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert names(person) == ["Plan"]


def test_the_key_of_another_request_is_refused(person: Person) -> None:
    headers = keyed()
    person.call("POST", "/api/canvases", 201, json={"name": "Plan"}, headers=headers)
    other = person.call("POST", "/api/canvases", json={"name": "Other"}, headers=headers)
    assert fields_of(other) == ["Idempotency-Key"]
    assert names(person) == ["Plan"]


def test_the_key_is_of_one_person_alone(person: Person, stack: Any) -> None:
    headers, other = keyed(), newcomer(stack.env["WEB_URL"])
    ids = {
        each.call("POST", "/api/canvases", 201, json={"name": "Plan"}, headers=headers).json()["id"]
        for each in (person, other)
    }
    assert len(ids) == 2


def test_what_failed_may_be_tried_again_with_the_same_key(person: Person) -> None:
    headers = keyed()
    assert fields_of(person.call("POST", "/api/canvases", json={"name": "\u0000"}, headers=headers)) == ["name"]
    person.call("POST", "/api/canvases", 201, json={"name": "Plan"}, headers=headers)


def test_who_is_not_signed_in_has_a_key_with_the_very_same_request(stack: Any) -> None:
    headers, body = keyed(), {"name": "Acme", "username": f"ada-{uuid4()}", "password": PASSWORD}
    with anybody(stack.env["WEB_URL"]) as http:
        first = http.post("/api/organizations", json=body, headers=headers)
        again = http.post("/api/organizations", json=body, headers=headers)
        other = http.post("/api/organizations", json={**body, "password": "another one"}, headers=headers)
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert problem_of(other, 409)["field"] == "username"


@pytest.mark.parametrize("key", ["", "x" * 256, "schl\u00fcssel".encode("latin-1"), "a b"])
def test_what_is_no_key_is_refused(person: Person, key: str) -> None:
    answer = person.call("POST", "/api/canvases", json={"name": "Plan"}, headers={"Idempotency-Key": key})
    assert fields_of(answer) == ["Idempotency-Key"]


ANSWER = "SELECT answer FROM canvases.request WHERE key = %s"


def test_answers_are_kept_sealed_and_not_for_ever(person: Person, stack: Any) -> None:
    headers = keyed()
    first = person.call("POST", "/api/canvases", 201, json={"name": "Secret plan"}, headers=headers)
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        row = database.execute(ANSWER, [headers["Idempotency-Key"]]).fetchone()
        assert row is not None
        assert b"Secret" not in row[0]
        database.execute(
            "UPDATE canvases.request SET created_at = created_at - interval '25 hours' WHERE key = %s",
            [headers["Idempotency-Key"]],
        )
    person.call("POST", "/api/canvases", 201, json={"name": "Plan"}, headers=keyed())
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        assert database.execute(ANSWER, [headers["Idempotency-Key"]]).fetchone() is None
    again = person.call("POST", "/api/canvases", 201, json={"name": "Secret plan"}, headers=headers)
    assert again.json()["id"] != first.json()["id"]


async def test_an_answer_that_was_undone_is_forgotten_and_no_later_one(stack: Any) -> None:
    """Of two that repeat a request whose file was given up, the second must not forget what the first has made."""
    asked, made = CreateFileRequest(name="plan.txt"), iter(["first", "second", "third"])

    async def make(_: Any) -> File:
        return File(id=next(made), attributes={"a": "1", "b": "2"})

    set_idempotency_key(str(uuid4()))
    try:
        async with open_pool(stack.settings, "files") as pool:
            requests = Requests(pool, stack.settings)
            first = await requests.once(asked, File, make)
            await requests.forget(asked, first)
            assert (await requests.once(asked, File, make)).id == "second"
            await requests.forget(asked, first)
            assert (await requests.once(asked, File, make)).id == "second"
    finally:
        set_idempotency_key(None)
