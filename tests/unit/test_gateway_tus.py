"""Resumable uploads as the protocol says, over the gateway (tus 1.0.0)."""

import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from canvas_demo.gateway.tus_headers import BODY_TYPE
from tests.unit.fake_modules import FakeModules
from tests.unit.gateway_client import Gateway, fields_of, gateway_over_fakes, problem_of

CONTENT = bytes(range(256)) * 20
RESUMABLE = {"Tus-Resumable": "1.0.0"}


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with gateway_over_fakes() as running:
        yield running


def pairs(**values: str) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in values.items())


async def call(gateway: Gateway, method: str, path: str, **kwargs: Any) -> httpx.Response:
    headers = {**RESUMABLE, **kwargs.pop("headers", {})}
    answer = await gateway.call(method, path, headers=headers, **kwargs)
    assert answer.headers["Tus-Resumable"] == "1.0.0", answer.headers
    return answer


async def begin(gateway: Gateway, size: int = len(CONTENT), **kwargs: Any) -> httpx.Response:
    said = {"filename": "plän.txt", "filetype": "text/plain", "x": "1.5", "y": "-2"}
    said = {**said, "canvas_id": await gateway.new_canvas(), **kwargs.pop("metadata", {})}
    headers = {"Upload-Length": str(size), "Upload-Metadata": pairs(**said), **kwargs.pop("headers", {})}
    return await call(gateway, "POST", "/api/uploads", headers=headers, **kwargs)


async def started(gateway: Gateway, size: int = len(CONTENT)) -> str:
    answer = await begin(gateway, size)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


async def patch(gateway: Gateway, path: str, content: bytes, offset: int, **headers: str) -> httpx.Response:
    said = {"Content-Type": BODY_TYPE, "Upload-Offset": str(offset), **headers}
    return await call(gateway, "PATCH", path, headers=said, content=content)


def checksum(content: bytes, algorithm: str = "sha256") -> str:
    return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


def the_file(modules: FakeModules) -> Any:
    (file,) = modules.files.files.values()
    return file


async def test_what_tus_can_do_here_is_told_to_anybody(gateway: Gateway) -> None:
    answer = await gateway.http.options("/api/uploads")
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    extensions = {"creation", "creation-with-upload", "expiration", "checksum", "termination"}
    assert set(answer.headers["Tus-Extension"].split(",")) == extensions
    assert set(answer.headers["Tus-Checksum-Algorithm"].split(",")) >= {"sha1"}
    assert int(answer.headers["Tus-Max-Size"]) > 0


async def test_an_upload_is_a_pending_file_on_its_canvas_until_the_last_byte(gateway: Gateway) -> None:
    path = await started(gateway)
    file = the_file(gateway.modules)
    (canvas, _) = next(iter(gateway.modules.canvases.canvases.values()))
    (item,) = canvas.items.values()
    assert path == f"/api/uploads/{file.id}"
    assert (file.status, file.name, file.media_type) == ("PENDING", "plän.txt", "text/plain")
    assert (item.file_id, item.x, item.y) == (file.id, 1.5, -2)
    for start, end in ((0, 1000), (1000, 1000), (1000, len(CONTENT) - 1), (len(CONTENT) - 1, len(CONTENT))):
        assert file.status == "PENDING"
        answer = await patch(gateway, path, CONTENT[start:end], start)
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, str(end)), answer.text
    assert gateway.modules.files.files[file.id].status == "UPLOADED"
    assert gateway.modules.files.contents[file.id] == CONTENT


async def test_how_far_an_upload_has_come(gateway: Gateway) -> None:
    path = await started(gateway)
    await patch(gateway, path, CONTENT[:777], 0)
    answer = await call(gateway, "HEAD", path)
    assert answer.status_code == 200
    headers = answer.headers
    assert (headers["Upload-Offset"], headers["Upload-Length"]) == ("777", str(len(CONTENT)))
    assert headers["Cache-Control"] == "no-store"
    assert headers["Upload-Expires"] == "Fri, 02 Jan 2026 00:00:00 GMT"
    assert pairs(filename="plän.txt") in headers["Upload-Metadata"]
    await patch(gateway, path, CONTENT[777:], 777)
    answer = await call(gateway, "HEAD", path)
    assert (answer.headers["Upload-Offset"], answer.headers["Upload-Length"]) == (str(len(CONTENT)),) * 2
    assert answer.headers["Upload-Metadata"] == headers["Upload-Metadata"]
    assert "Upload-Expires" not in answer.headers


async def test_the_beginning_may_come_with_the_creation(gateway: Gateway) -> None:
    answer = await begin(gateway, headers={"Content-Type": BODY_TYPE}, content=CONTENT[:100])
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "100"), answer.text
    answer = await begin(gateway, headers={"Content-Type": BODY_TYPE}, content=CONTENT)
    assert answer.headers["Upload-Offset"] == str(len(CONTENT))
    assert gateway.modules.statuses() == ["PENDING", "UPLOADED"]


async def test_an_empty_file_is_there_once_it_is_created(gateway: Gateway) -> None:
    answer = await begin(gateway, 0)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, "0")
    assert the_file(gateway.modules).status == "UPLOADED"


async def test_another_offset_is_409_and_stores_nothing(gateway: Gateway) -> None:
    path = await started(gateway)
    await patch(gateway, path, CONTENT[:100], 0)
    for offset in (0, 99, 101):
        problem = problem_of(await patch(gateway, path, CONTENT[offset:], offset), 409)
        assert problem["current_offset"] == 100
    assert (await call(gateway, "HEAD", path)).headers["Upload-Offset"] == "100"


async def test_what_is_complete_takes_nothing_more(gateway: Gateway) -> None:
    path = await started(gateway)
    await patch(gateway, path, CONTENT, 0)
    assert (await patch(gateway, path, b"", len(CONTENT))).status_code == 204
    problem_of(await patch(gateway, path, CONTENT, 0), 409)
    end = len(CONTENT)
    assert problem_of(await patch(gateway, path, b"more!", end), 413)["limit"] == end
    problem_of(await patch(gateway, path, b"", end, **{"Upload-Checksum": checksum(b"another")}), 460)
    assert (await patch(gateway, path, b"", end, **{"Upload-Checksum": checksum(b"")})).status_code == 204


async def test_more_than_was_said_is_413(gateway: Gateway) -> None:
    path = await started(gateway, 100)
    problem_of(await patch(gateway, path, CONTENT, 0), 413)
    assert the_file(gateway.modules).status == "PENDING"


async def test_a_file_that_is_too_large_is_413_and_is_not_created(gateway: Gateway) -> None:
    problem_of(await begin(gateway, gateway.modules.files.limit + 1), 413)
    assert gateway.modules.statuses() == []


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
async def test_a_checksum_that_matches_and_one_that_does_not(gateway: Gateway, algorithm: str) -> None:
    path = await started(gateway)
    said = checksum(CONTENT[:100], algorithm)
    answer = await patch(gateway, path, CONTENT[1:101], 0, **{"Upload-Checksum": said})
    assert problem_of(answer, 460)["title"] == "Checksum Mismatch"
    assert (await call(gateway, "HEAD", path)).headers["Upload-Offset"] == "0"
    answer = await patch(gateway, path, CONTENT[:100], 0, **{"Upload-Checksum": said})
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "100")


@pytest.mark.parametrize("bad", ["", "md5 AAAA", "sha1", "sha1 ", "sha1 ***", "crc32 AAAA"])
async def test_a_checksum_that_is_none_is_400(gateway: Gateway, bad: str) -> None:
    problem_of(await patch(gateway, await started(gateway), CONTENT, 0, **{"Upload-Checksum": bad}), 400)


async def test_an_upload_that_was_ended_is_gone_and_so_is_its_file(gateway: Gateway) -> None:
    path = await started(gateway)
    await patch(gateway, path, CONTENT[:100], 0)
    assert (await call(gateway, "DELETE", path)).status_code == 204
    assert the_file(gateway.modules).status == "DELETED"
    assert (await call(gateway, "HEAD", path)).status_code == 410
    assert problem_of(await patch(gateway, path, CONTENT[100:], 100), 410)["title"] == "Gone"
    problem_of(await call(gateway, "DELETE", path), 410)


async def test_an_upload_of_somebody_else_or_of_nobody_is_404(gateway: Gateway) -> None:
    path = await started(gateway)
    for method in ("HEAD", "PATCH", "DELETE"):
        headers = {"Content-Type": BODY_TYPE, "Upload-Offset": "0"}
        for other, user in ((path, "mallory"), (f"/api/uploads/{uuid4()}", "admin"), ("/api/uploads/x", "admin")):
            answer = await call(gateway, method, other, headers=headers, user=user)
            assert answer.status_code == 404, (method, other, user)
    assert the_file(gateway.modules).status == "PENDING"


async def test_a_file_that_came_in_one_piece_is_no_upload(gateway: Gateway) -> None:
    file_id = await gateway.new_file(CONTENT)
    for status in ("UPLOADED", "PENDING"):
        gateway.modules.files.files[file_id].status = status
        for method in ("HEAD", "PATCH", "DELETE"):
            headers = {"Content-Type": BODY_TYPE, "Upload-Offset": str(len(CONTENT))}
            answer = await call(gateway, method, f"/api/uploads/{file_id}", headers=headers)
            assert answer.status_code == 404, (status, method)


async def test_what_is_told_of_an_upload_is_documented(gateway: Gateway) -> None:
    paths = (await gateway.http.get("/openapi.json")).json()["paths"]
    headers = paths["/api/uploads/{upload_id}"]["head"]["responses"]["200"]["headers"]
    assert set(headers) == {"Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires"}


async def test_a_body_of_another_type_is_415(gateway: Gateway) -> None:
    path = await started(gateway)
    headers = {"Upload-Offset": "0", "Content-Type": "application/octet-stream"}
    problem_of(await call(gateway, "PATCH", path, headers=headers, content=CONTENT), 415)
    answer = await begin(gateway, headers={"Content-Type": "application/octet-stream"}, content=CONTENT)
    problem_of(answer, 415)


@pytest.mark.parametrize("bad", ["", "-1", "x", "1.5", "\uff11".encode(), "9" * 19])
async def test_a_number_of_bytes_that_is_none_is_400(gateway: Gateway, bad: str | bytes) -> None:
    path = await started(gateway)
    headers: dict[str, Any] = {"Content-Type": BODY_TYPE, "Upload-Offset": bad}
    problem_of(await call(gateway, "PATCH", path, headers=headers, content=CONTENT), 400)
    said = pairs(filename="a", canvas_id=await gateway.new_canvas())
    headers = {"Upload-Length": bad, "Upload-Metadata": said}
    problem_of(await call(gateway, "POST", "/api/uploads", headers=headers), 400)
    problem_of(await call(gateway, "POST", "/api/uploads", headers={"Upload-Metadata": said}), 400)


@pytest.mark.parametrize("version", [None, "0.2.2", "1.0"])
async def test_another_version_of_tus_is_412(gateway: Gateway, version: str | None) -> None:
    headers = {"Tus-Resumable": version} if version else {}
    answer = await gateway.call("POST", "/api/uploads", headers=headers)
    problem_of(answer, 412)
    assert answer.headers["Tus-Version"] == "1.0.0"


@pytest.mark.parametrize("bad", ["filename", "filename *", "filename YQ==,filename YQ==", " ,", "filename YQ==,,"])
async def test_metadata_that_are_none_are_refused(gateway: Gateway, bad: str) -> None:
    answer = await call(gateway, "POST", "/api/uploads", headers={"Upload-Length": "1", "Upload-Metadata": bad})
    assert answer.status_code in {400, 422}
    assert gateway.modules.statuses() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [("filename", ""), ("filename", "a\0b"), ("filename", "x" * 300), ("canvas_id", ""), ("x", "nan"), ("y", "one")],
)
async def test_a_value_that_can_not_be_taken_is_422_and_leaves_no_file(
    gateway: Gateway, field: str, value: str
) -> None:
    assert fields_of(await begin(gateway, metadata={field: value})) == [field]
    assert gateway.modules.statuses() == []


async def test_an_upload_to_a_canvas_that_takes_nothing_leaves_no_file(gateway: Gateway) -> None:
    problem_of(await begin(gateway, metadata={"canvas_id": str(uuid4())}), 404)
    assert gateway.modules.statuses() == []
    canvas_id = await gateway.new_canvas()
    await gateway.call("DELETE", f"/api/canvases/{canvas_id}")
    problem_of(await begin(gateway, metadata={"canvas_id": canvas_id}), 409)
    assert gateway.modules.statuses() == ["DELETED"]


async def test_methods_that_a_client_can_not_send_go_in_a_header(gateway: Gateway) -> None:
    path = await started(gateway)
    headers = {"Content-Type": BODY_TYPE, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    answer = await call(gateway, "POST", path, headers=headers, content=CONTENT[:10])
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (204, "10")
    assert (await call(gateway, "POST", path, headers={"X-HTTP-Method-Override": "DELETE"})).status_code == 204
    assert the_file(gateway.modules).status == "DELETED"
    problem_of(await call(gateway, "POST", path), 405)


@pytest.mark.parametrize("method", ["HEAD", "PATCH", "DELETE"])
async def test_a_method_in_a_header_asks_who_calls_and_whose_it_is(gateway: Gateway, method: str) -> None:
    path = await started(gateway)
    headers = {**RESUMABLE, "Content-Type": BODY_TYPE, "Upload-Offset": "0", "X-HTTP-Method-Override": method}
    problem_of(await gateway.http.post(path, headers=headers, content=CONTENT), 401)
    problem_of(await gateway.call("POST", path, user="mallory", headers=headers, content=CONTENT), 404)
    assert the_file(gateway.modules).status == "PENDING"


async def test_a_module_that_takes_no_more_says_why_however_much_comes(gateway: Gateway) -> None:
    gateway.modules.files.limit = 3_000_000
    path = await started(gateway, 3_000_000)
    gateway.modules.files.limit = 100_000

    async def body() -> AsyncIterator[bytes]:
        for _ in range(60):
            yield b"x" * 50_000

    headers = {"Content-Type": BODY_TYPE, "Upload-Offset": "0"}
    problem_of(await call(gateway, "PATCH", path, headers=headers, content=body()), 413)
