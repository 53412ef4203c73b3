"""The API keeps what its OpenAPI promises, whatever is sent: each operation, with requests made from the schema.

Each operation is called in a fresh organisation of its own, so that none stands in another's way: the
one that destroys an organisation's keys, or changes the password, ends nothing but its own.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.api import Person, anybody, newcomer
from tests.integration.things import Things
from tests.integration.uploading import creation

TUS = {"Tus-Resumable": "1.0.0"}
EXAMPLES = 5
"""Of each operation, in each way to make them."""
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
AIMS: dict[str, Callable[[Things], dict[str, Any]]] = {
    "destroy_keys": lambda of: {"query": {"confirm": of.organization_id}},
    "begin_upload": lambda of: {"headers": creation(of.canvas_id, 7)},
    "get_upload": lambda _: {"headers": TUS},
    "append_to_upload": lambda _: {"headers": {**TUS, "Upload-Offset": "0"}},
    "end_upload": lambda _: {"headers": TUS},
}
"""What is fixed of a request besides the ids in its path, so that it gets further than the first refusal."""
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
bounded = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    verbosity=Verbosity.quiet,
)


@pytest.fixture(scope="session")
def web(stack: Any) -> str:
    return str(stack.env["WEB_URL"])


@pytest.fixture(scope="session")
def api(web: str) -> Any:
    """The schema without `default`: a status that an operation does not name is none that it may answer with."""
    with anybody(web) as http:
        told = http.get("/openapi.json").json()
    for methods in told["paths"].values():
        for operation in methods.values():
            operation["responses"].pop("default", None)
    config = schemathesis.Config()
    config.projects.default.generation.with_security_parameters = False
    return schemathesis.openapi.from_dict(told, config=config)


def test_each_operation_answers_as_it_documents(web: str, api: Any) -> None:
    """No 5xx, and no status, content type, header or body but those that the schema names."""
    found: dict[str, str] = {}
    for operation in (result.ok() for result in api.get_all_operations()):
        person, things = equipped(web)
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {person.token}"
            for cases in ways(operation, aim(operation, things)):
                found |= surprises(cases, web, session)
    assert not found, "\n\n".join(found.values())


def equipped(web: str) -> tuple[Person, Things]:
    """A person of a new organisation, a canvas with a file on it, and an upload that has begun."""
    person = newcomer(web)
    things = Things(person.user["organization_id"], person.user["id"], person.new_canvas())
    uploaded = person.upload(things.canvas_id, b"content")
    headers = creation(things.canvas_id, 7)
    begun = person.call("POST", "/api/uploads", 201, headers=headers).headers["Location"]
    item_id, file_id = uploaded["item"]["id"], uploaded["file"]["id"]
    return person, replace(things, item_id=item_id, file_id=file_id, pending_id=begun.rpartition("/")[2])


def aim(operation: Any, things: Things) -> dict[str, Any]:
    """What makes requests meet something that is there; the rest of them is generated."""
    ids = {**vars(things), "upload_id": things.pending_id}
    named = {each.name: ids[each.name] for each in operation.path_parameters}
    fixed = AIMS.get(operation.definition.raw["operationId"], lambda _: {})(things)
    return {"path_parameters": named, **fixed} if named else fixed


def ways(operation: Any, aimed: dict[str, Any]) -> Iterator[SearchStrategy[schemathesis.Case]]:
    """Valid requests for what is there; ones with anything wrong; and, for what is there, with a wrong body."""
    yield operation.as_strategy(GenerationMode.POSITIVE, **aimed)
    if operation.path_parameters or operation.query or operation.body:
        yield operation.as_strategy(GenerationMode.NEGATIVE)
    if aimed and operation.body:
        yield operation.as_strategy(GenerationMode.NEGATIVE, **aimed)


def surprises(cases: SearchStrategy[schemathesis.Case], web: str, session: requests.Session) -> dict[str, str]:
    """What the answers to generated requests have in them that the schema does not: the first of each kind."""
    found: dict[str, str] = {}

    @bounded
    @given(cases)
    def each(case: schemathesis.Case) -> None:
        response = case.call(base_url=web, session=session, headers=dict(session.headers), timeout=30)
        try:
            case.validate_response(response, checks=CHECKS)
        except schemathesis.errors.FailureGroup as error:
            for failure in error.exceptions:
                found.setdefault(f"{case.operation.label} {response.status_code} {failure.title}", str(error))

    with contextlib.suppress(Unsatisfiable):  # a body of any bytes can't be wrong
        each()
    return found
