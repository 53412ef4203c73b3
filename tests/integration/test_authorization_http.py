"""Who may do what over HTTP: every operation that the running gateway's OpenAPI tells of.

An operation without a recipe for a valid request fails, so none can escape.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import httpx
import pytest

from canvas_demo.kernel.tokens import NOT_VALID
from tests.integration.api import PASSWORD, Person, anybody, newcomer, until
from tests.integration.things import Things, forged, grown_up, mentions
from tests.integration.uploading import creation

PUBLIC = {"login", "logout", "get_jwks", "register_organization", "get_health", "tus_options"}
"""Written down here once more: whoever opens an operation to all changes this too."""


@dataclass(frozen=True)
class Recipe:
    """What makes a request valid besides the ids in its path, and what is heard otherwise.

    ``foreign``: by someone of another organisation, or where there is no such thing; 404 where the
    path names a thing. ``deleted``: where the canvas is archived, the file deleted, the item removed.
    """

    request: Callable[[Things], dict[str, Any]] = field(default=lambda _: {})
    foreign: int = 0
    deleted: int = 404


def saying(**body: Any) -> Callable[[Things], dict[str, Any]]:
    return lambda _: {"json": body}


def a_user(**more: Any) -> Callable[[Things], dict[str, Any]]:
    return lambda _: {"json": {"username": f"user-{uuid4()}", "password": PASSWORD, **more}}


def tus(**headers: str) -> Callable[[Things], dict[str, Any]]:
    return lambda _: {"headers": {"Tus-Resumable": "1.0.0", **headers}}


def an_upload(of: Things) -> dict[str, Any]:
    return {"headers": creation(of.canvas_id, 7)}


BODY = {"Content-Type": "application/offset+octet-stream"}
RECIPES = {
    "login": Recipe(saying(username="admin", password="changeme")),
    "refresh": Recipe(),
    "change_password": Recipe(saying(current_password=PASSWORD, new_password=PASSWORD)),
    "logout": Recipe(),
    "get_jwks": Recipe(),
    "register_organization": Recipe(a_user(name="Another")),
    "add_user": Recipe(a_user()),
    "get_me": Recipe(),
    "list_keys": Recipe(),
    "rotate_key": Recipe(),
    "destroy_keys": Recipe(lambda of: {"params": {"confirm": of.organization_id}}, foreign=422),
    "create_canvas": Recipe(saying(name="Plan")),
    "list_canvases": Recipe(),
    "get_canvas": Recipe(deleted=200),
    "list_presence": Recipe(deleted=200),
    "rename_canvas": Recipe(saying(name="Garden"), deleted=409),
    "archive_canvas": Recipe(deleted=204),
    "restore_canvas": Recipe(deleted=200),
    "place_item": Recipe(saying(x=1.0, y=2.0, text="Water the garden"), deleted=409),
    "change_item": Recipe(saying(x=1.0, y=2.0), deleted=409),
    "remove_item": Recipe(deleted=409),
    "upload_file": Recipe(lambda _: {"files": {"file": ("plan.txt", b"content", "text/plain")}}, deleted=409),
    "tus_options": Recipe(),
    "begin_upload": Recipe(an_upload, foreign=404, deleted=409),
    "get_upload": Recipe(tus(), deleted=410),
    "append_to_upload": Recipe(tus(**{"Upload-Offset": "7", **BODY}), deleted=410),
    "end_upload": Recipe(tus(), deleted=410),
    "get_file": Recipe(),
    "delete_file": Recipe(),
    "get_content": Recipe(),
    "get_health": Recipe(),
}


@dataclass(frozen=True)
class Operation:
    """An operation of the API; ``overridden``: one that is asked for with POST, as OpenAPI does not tell."""

    method: str
    path: str
    told: dict[str, Any]
    overridden: bool = False

    @property
    def id(self) -> str:
        return str(self.told["operationId"])

    @property
    def name(self) -> str:
        """What no other is called."""
        return f"{self.id}, overridden" if self.overridden else self.id

    @property
    def recipe(self) -> Recipe:
        return RECIPES[self.id]

    @property
    def foreign(self) -> int:
        """What is heard where the things are not the caller's; 0: the request names none."""
        return self.recipe.foreign or (404 if "{" in self.path else 0)

    def send(self, client: httpx.Client, things: Things, **headers: str) -> httpx.Response:
        """The answer to the valid request; one that a reaction was quicker than is sent again, as clients do."""
        request = self.recipe.request(things)
        request["headers"] = {**request.get("headers", {}), **headers}
        method = "POST" if self.overridden else self.method
        if self.overridden:
            request["headers"]["X-HTTP-Method-Override"] = self.method
        path = self.path.format(**{each: getattr(things, each) for each in vars(things)}, upload_id=things.pending_id)
        while True:
            answer = client.request(method, path, **request)
            if answer.status_code != 409 or answer.json().get("type") != "urn:canvas-demo:conflict":
                return answer


@pytest.fixture(scope="session")
def web(stack: Any) -> str:
    return str(stack.env["WEB_URL"])


@pytest.fixture(scope="session")
def operations(web: str) -> list[Operation]:
    with anybody(web) as http:
        paths = http.get("/openapi.json").json()["paths"]
    told = [
        Operation(method.upper(), path, told)
        for path, methods in paths.items()
        for method, told in methods.items()
        if method in {"get", "put", "post", "patch", "delete", "head", "options"}
    ]
    return told + [replace(each, overridden=True) for each in told if each.path == "/api/uploads/{upload_id}"]


def closed(operations: list[Operation]) -> list[Operation]:
    return [operation for operation in operations if operation.id not in PUBLIC]


def is_problem(answer: httpx.Response) -> bool:
    return answer.headers["content-type"] == "application/problem+json"


def test_each_operation_has_a_recipe_and_says_whether_it_is_for_all(operations: list[Operation]) -> None:
    ids = {operation.id for operation in operations}
    assert ids == set(RECIPES), "write a recipe for a valid request"
    assert {operation.id for operation in operations if not operation.told.get("security")} == ids & PUBLIC


def test_each_operation_documents_its_problems(operations: list[Operation]) -> None:
    for operation in operations:
        responses = operation.told["responses"]
        wanted = {"default"} | ({"404"} if "{" in operation.path else set())
        wanted |= set() if operation.id in PUBLIC else {"401"}
        assert wanted <= set(responses), operation.id
        for status, response in responses.items():
            if status == "default" or 400 <= int(status) < 500:
                assert list(response["content"]) == ["application/problem+json"], (operation.id, status)


def test_without_a_token_and_with_a_forged_one_only_what_is_public_answers(
    web: str, operations: list[Operation]
) -> None:
    ada, things = grown_up_with_upload(web)
    with anybody(web) as http:
        for operation in closed(operations):
            for headers in ({}, {"Cookie": "canvas_demo_token="}):
                answer = operation.send(http, things, **headers)
                assert (answer.status_code, is_problem(answer)) == (401, True), operation.name
            for headers in (
                {"Authorization": f"Bearer {forged(ada.token)}"},
                {"Cookie": f"canvas_demo_token={forged(ada.token)}"},
            ):
                answer = operation.send(http, things, **headers)
                assert answer.status_code == 401, f"{operation.name}: {answer.status_code} {answer.text}"
                assert answer.request.method == "HEAD" or answer.json()["detail"] == NOT_VALID


def test_things_of_another_organisation_are_not_there_and_stay_as_they_are(
    web: str, operations: list[Operation]
) -> None:
    ada, things = grown_up_with_upload(web)
    before = ada.canvas(things.canvas_id), ada.call("GET", f"/api/files/{things.file_id}", 200).json()
    for operation in closed(operations):
        stranger = newcomer(web)
        answer = operation.send(stranger.http, things)
        said = f"{operation.name}: {answer.status_code} {answer.text}"
        if operation.foreign:
            assert answer.status_code == operation.foreign, said
        else:
            assert answer.is_success, said
            assert mentions(answer.text, things) == set(), said
    assert (ada.canvas(things.canvas_id), ada.call("GET", f"/api/files/{things.file_id}", 200).json()) == before


def test_what_there_is_not_is_not_found(web: str, operations: list[Operation]) -> None:
    ada = newcomer(web)
    naming = [operation for operation in closed(operations) if operation.foreign]
    seen = {operation.name: operation.send(ada.http, Things()).status_code for operation in naming}
    assert seen == {operation.name: operation.foreign for operation in naming}


def test_what_was_deleted_is_not_there_or_takes_no_changes(web: str, operations: list[Operation]) -> None:
    ada, things = deleted(web)
    naming = [operation for operation in closed(operations) if operation.foreign == 404]
    naming.sort(key=lambda operation: operation.id == "restore_canvas")  # last: then nothing is archived any more
    seen = {operation.name: operation.send(ada.http, things).status_code for operation in naming}
    assert seen == {operation.name: operation.recipe.deleted for operation in naming}


def test_of_an_organisation_without_keys_each_operation_answers_as_it_documents(
    web: str, operations: list[Operation]
) -> None:
    ada, things = grown_up_with_upload(web)
    ada.call("DELETE", "/api/organization/keys", 204, params={"confirm": things.organization_id})
    until(lambda: ada.canvas(things.canvas_id)["name"], lambda name: name.startswith("destroyed-"))
    ending = {"destroy_keys", "logout", "archive_canvas", "delete_file", "end_upload", "remove_item"}
    for operation in sorted(operations, key=lambda operation: operation.id in ending):
        answer = operation.send(ada.http, things)
        assert str(answer.status_code) in operation.told["responses"], (
            f"{operation.name}: {answer.status_code} {answer.text}"
        )


def test_each_recipe_is_a_request_that_its_owner_may_make(web: str, operations: list[Operation]) -> None:
    """Else what is refused above could be refused for another reason."""
    for operation in operations:
        ada, things = grown_up_with_upload(web)
        answer = operation.send(ada.http, things)
        assert answer.is_success, f"{operation.name}: {answer.status_code} {answer.text}"


def grown_up_with_upload(web: str) -> tuple[Person, Things]:
    """Someone's things, and an upload that is complete."""
    ada, things = grown_up(web)
    headers = {**creation(things.canvas_id, 7), **BODY}
    upload = ada.call("POST", "/api/uploads", 201, headers=headers, content=b"content").headers["Location"]
    until(
        lambda: ada.canvas(things.canvas_id)["items"],
        lambda items: [item["file"]["status"] for item in items] == ["UPLOADED"] * 2,
    )
    return ada, replace(things, pending_id=upload.rpartition("/")[2])


def deleted(web: str) -> tuple[Person, Things]:
    """Someone's things that are no more: the files are deleted, the canvas archived."""
    ada, things = grown_up_with_upload(web)
    for file_id in (things.file_id, things.pending_id):
        ada.call("DELETE", f"/api/files/{file_id}", 204)
    ada.call("DELETE", f"/api/canvases/{things.canvas_id}", 204)
    return ada, things
