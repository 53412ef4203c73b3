"""HEAD, and requests that make conditions (RFC 9110, 9.3.2 and 13), over modules that keep their state in memory."""

import hashlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.unit.gateway_client import Gateway, gateway_over_fakes, problem_of

OTHERS = ['"nope"', '"1", "2"', 'W/"{}"', "{}", ""]
"""Conditions that don't name an ETag by strong comparison, whatever it is."""


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with gateway_over_fakes() as running:
        yield running


async def test_head_is_answered_wherever_get_is_and_says_the_same(gateway: Gateway) -> None:
    canvas_id, file_id = await gateway.new_canvas(), await gateway.new_file(b"content")
    of = {"canvas_id": canvas_id, "file_id": file_id}
    paths = [route.path for route in gateway.app.state.operations if "GET" in route.methods]
    assert len(paths) >= 10
    for path in paths:
        got, head = [await gateway.call(method, path.format(**of)) for method in ("GET", "HEAD")]
        assert head.status_code == got.status_code, path
        own = {"x-correlation-id", "traceparent", "date", "last-modified"}
        told = [{key: value for key, value in each.headers.items() if key not in own} for each in (got, head)]
        assert told[0] == told[1], path


async def test_head_of_a_content_reads_none_of_it_and_knows_no_range(gateway: Gateway) -> None:
    path = f"/api/files/{await gateway.new_file(b'content')}/content"
    gateway.modules.files.breaks_after = 0
    head = await gateway.call("HEAD", path, headers={"Range": "bytes=1-2"})
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "7", b"")


async def test_what_is_not_there_is_404_by_head_too_and_head_is_among_what_is_allowed(gateway: Gateway) -> None:
    assert (await gateway.call("HEAD", "/api/canvases/7")).status_code == 404
    assert (await gateway.call("HEAD", "/api/login")).headers["Allow"] == "POST"
    assert (await gateway.call("PUT", "/api/canvases")).headers["Allow"] == "GET, HEAD, POST"


async def test_the_api_documents_what_the_answers_with_a_content_carry(gateway: Gateway) -> None:
    path = f"/api/files/{await gateway.new_file(b'content')}/content"
    api = (await gateway.http.get("/openapi.json")).json()
    told = api["paths"]["/api/files/{file_id}/content"]["get"]["responses"]
    carried = {"ETag", "Accept-Ranges", "Content-Disposition", "Content-Range"}
    tag = (await gateway.call("GET", path)).headers["ETag"]
    for asked in ({}, {"Range": "bytes=1-2"}, {"If-None-Match": tag}):
        answer = await gateway.call("GET", path, headers=asked)
        assert set(told[str(answer.status_code)]["headers"]) == {name for name in carried if name in answer.headers}


@pytest.mark.parametrize("condition", OTHERS)
async def test_what_is_asked_for_in_another_state_is_412(gateway: Gateway, condition: str) -> None:
    sha256 = hashlib.sha256(b"content").hexdigest()
    content = f"/api/files/{await gateway.new_file(b'content')}/content"
    canvas = f"/api/canvases/{await gateway.new_canvas()}"
    assert (await gateway.call("PATCH", canvas, json={"name": "A"})).status_code == 200
    assert (await gateway.call("PATCH", canvas, json={"name": "B"})).headers["ETag"] == '"3"'
    for path, tag in ((content, sha256), (canvas, "3")):
        asked = {"If-Match": condition.format(tag)}
        assert problem_of(await gateway.call("GET", path, headers=asked), 412)["type"] == "urn:canvas-demo:stale"
        assert (await gateway.call("HEAD", path, headers=asked)).status_code == 412


@pytest.mark.parametrize("condition", ["*", '"{}"', '"nope", "{}"'])
async def test_what_is_asked_for_in_the_state_that_it_is_in_is_answered(gateway: Gateway, condition: str) -> None:
    sha256 = hashlib.sha256(b"content").hexdigest()
    content = f"/api/files/{await gateway.new_file(b'content')}/content"
    canvas = f"/api/canvases/{await gateway.new_canvas()}"
    for path, tag in ((content, sha256), (canvas, "1")):
        assert (await gateway.call("GET", path, headers={"If-Match": condition.format(tag)})).status_code == 200
    both = {"If-Match": '"nope"', "If-None-Match": f'"{sha256}"'}
    problem_of(await gateway.call("GET", content, headers=both), 412)


async def test_a_file_of_another_version_is_not_deleted(gateway: Gateway) -> None:
    path = f"/api/files/{await gateway.new_file(b'content')}"
    version = (await gateway.call("GET", path)).json()["version"]
    answer = await gateway.call("DELETE", path, headers={"If-Match": '"999"'})
    assert problem_of(answer, 412)["current_version"] == version
    assert (await gateway.call("DELETE", path, headers={"If-Match": f'"{version}"'})).status_code == 204


@pytest.mark.parametrize("condition", ['"1", "15"', '"15", W/"3", "1"', '"1"'])
async def test_of_several_versions_the_one_that_is_there_is_changed(gateway: Gateway, condition: str) -> None:
    path = f"/api/canvases/{await gateway.new_canvas()}"
    answer = await gateway.call("PATCH", path, json={"name": "Garden"}, headers={"If-Match": condition})
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
