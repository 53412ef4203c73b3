"""Resumable uploads with tuspy, on the real stack."""

import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

from tests.integration.api import Person, file_statuses, newcomer, problem_of, until
from tests.integration.uploading import MIB, breaking, creation, half_a_patch, offset_of, resumed, uploader

BODY = {"Content-Type": "application/offset+octet-stream"}
ANOTHER = {"Upload-Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}
"""The checksum of another content."""


@pytest.fixture
def person(stack: Any) -> Person:
    return newcomer(stack.env["WEB_URL"])


def file_of(url: str) -> str:
    return urlsplit(url).path.rpartition("/")[2]


def assert_uploaded(person: Person, stack: Any, url: str, content: bytes) -> None:
    file_id = file_of(url)
    answer = person.call("GET", f"/api/files/{file_id}/content", 200)
    assert answer.content == content
    assert file_statuses(stack.env["DATABASE_URL"], file_id) == ["PENDING", "UPLOADED"]


@pytest.mark.parametrize("how", [{}, {"upload_checksum": True}])
def test_an_upload_in_pieces_lies_on_its_canvas_and_comes_back(
    person: Person, stack: Any, how: dict[str, bool]
) -> None:
    canvas_id, content = person.new_canvas(), random.randbytes(900_000)
    upload = uploader(person, canvas_id, content, chunk_size=400_000, **how)
    upload.upload_chunk()
    (item,) = person.canvas(canvas_id)["items"]
    assert (item["x"], item["y"], item["file_id"], item["file"]["status"]) == (3, 4, file_of(upload.url), "PENDING")
    assert offset_of(person, upload.url) == 400_000
    problem_of(person.call("GET", f"/api/files/{item['file_id']}/content"), 409)
    upload.upload()
    assert_uploaded(person, stack, upload.url, content)
    file = person.call("GET", f"/api/files/{item['file_id']}", 200).json()
    assert (file["name"], file["media_type"], file["size"]) == ("plän.bin", "application/x-plan", len(content))
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items[0]["file"]["status"] == "UPLOADED")


def test_an_empty_upload_is_a_file(person: Person, stack: Any) -> None:
    upload = uploader(person, person.new_canvas(), b"")
    upload.upload()
    assert_uploaded(person, stack, upload.url, b"")


def test_an_upload_of_which_all_has_come_is_finished_by_whoever_asks_for_it(person: Person, stack: Any) -> None:
    """As after a process that ended between keeping the last part and saying that the file is there."""
    upload = person.call("POST", "/api/uploads", 201, headers=creation(person.new_canvas(), 9)).headers["Location"]
    said = {"Tus-Resumable": "1.0.0"}
    person.call("PATCH", upload, 204, headers={**said, "Upload-Offset": "0", **BODY}, content=b"content")
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        database.execute("UPDATE files.upload SET size = 7 WHERE file_id = %s", [file_of(upload)])
    assert person.call("HEAD", upload, 200, headers=said).headers["Upload-Offset"] == "7"
    assert_uploaded(person, stack, upload, b"content")


def test_an_upload_whose_connections_break_comes_to_its_end(person: Person, stack: Any) -> None:
    content = random.randbytes(3 * MIB)
    with breaking(stack.env["WEB_URL"], limit=MIB, breaks=3) as way:
        upload = uploader(person, person.new_canvas(), content, way.url, retries=20, retry_delay=0)
        upload.upload()
        assert way.broken == 3
    assert_uploaded(person, stack, upload.url, content)


def test_what_came_before_the_connection_broke_is_kept(person: Person, stack: Any) -> None:
    content = random.randbytes(MIB)
    upload = uploader(person, person.new_canvas(), content)
    upload.set_url(upload.create_url())
    with half_a_patch(person, upload.url, content, 700_000):
        pass
    offset = until(lambda: offset_of(person, upload.url), bool)
    assert 0 < offset <= 700_000
    again = resumed(person, upload.url, content)
    again.upload()
    assert_uploaded(person, stack, upload.url, content)


def test_whoever_goes_on_takes_over_from_a_connection_that_hangs(person: Person, stack: Any) -> None:
    content = random.randbytes(MIB)
    upload = uploader(person, person.new_canvas(), content)
    upload.set_url(upload.create_url())
    with half_a_patch(person, upload.url, content, 700_000):
        resumed(person, upload.url, content).upload()
        assert_uploaded(person, stack, upload.url, content)
    assert offset_of(person, upload.url) == len(content)


def test_what_is_not_as_its_checksum_says_is_not_kept(person: Person) -> None:
    content = random.randbytes(100_000)
    upload = uploader(person, person.new_canvas(), content)
    upload.set_url(upload.create_url())
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        **BODY,
        **ANOTHER,
    }
    problem_of(person.call("PATCH", urlsplit(upload.url).path, headers=headers, content=content), 460)
    assert offset_of(person, upload.url) == 0


def test_an_upload_that_is_ended_leaves_the_canvas_and_its_bytes_go(person: Person, stack: Any) -> None:
    canvas_id = person.new_canvas()
    upload = uploader(person, canvas_id, b"x" * 100_000, chunk_size=50_000)
    upload.upload_chunk()
    folder = stack.home / "files" / person.user["organization_id"] / file_of(upload.url)
    assert len(list(folder.iterdir())) == 1
    person.call("DELETE", urlsplit(upload.url).path, 204, headers={"Tus-Resumable": "1.0.0"})
    assert not folder.exists() or not list(folder.iterdir())
    with pytest.raises(TusUploadFailed) as failed:
        upload.upload_chunk()
    assert failed.value.status_code == 410
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items == [])
    assert file_statuses(stack.env["DATABASE_URL"], file_of(upload.url)) == ["PENDING", "DELETED"]


def test_an_upload_that_is_ended_when_the_keys_are_gone_is_gone_too(person: Person) -> None:
    """No event can tell of its end: its file stays PENDING, and nothing may take it for complete."""
    upload = person.call("POST", "/api/uploads", 201, headers=creation(person.new_canvas(), 10)).headers["Location"]
    confirm = {"confirm": person.user["organization_id"]}
    person.call("DELETE", "/api/organization/keys", 204, params=confirm)
    file = f"/api/files/{file_of(upload)}"
    until(lambda: person.call("GET", file, 200).json()["name"], lambda name: name.startswith("destroyed-"))
    said = {"Tus-Resumable": "1.0.0"}
    person.call("DELETE", upload, 204, headers=said)
    assert person.call("GET", file, 200).json()["status"] == "PENDING"
    person.call("HEAD", upload, 410, headers=said)
    problem_of(person.call("PATCH", upload, headers={**said, "Upload-Offset": "0", **BODY}, content=b"content"), 410)


def test_an_upload_to_another_organisation_s_canvas_or_of_its_files_is_404(person: Person, stack: Any) -> None:
    stranger, canvas_id = newcomer(stack.env["WEB_URL"]), person.new_canvas()
    for canvas in (canvas_id, str(uuid4())):
        with pytest.raises(TusCommunicationError) as refused:
            uploader(stranger, canvas, b"x").create_url()
        assert refused.value.status_code == 404
    url = uploader(person, canvas_id, b"x").create_url()
    with pytest.raises(TusCommunicationError) as refused:
        resumed(stranger, url, b"x")
    assert refused.value.status_code == 404


def begun_twice(person: Person, canvas_id: str, size: int, content: bytes) -> Iterator[httpx.Response]:
    """The answers to a request that begins an upload with the first of its content, and comes twice."""
    headers = {**creation(canvas_id, size), **BODY, "Idempotency-Key": str(uuid4())}
    for _ in range(2):
        yield person.call("POST", "/api/uploads", 201, headers=headers, content=content)


@pytest.mark.parametrize("content", [b"content", b"con"])
def test_a_creation_that_comes_twice_makes_one_file_and_one_item(person: Person, content: bytes) -> None:
    canvas_id = person.new_canvas()
    first, second = begun_twice(person, canvas_id, 7, content)
    assert first.headers["Location"] == second.headers["Location"]
    assert first.headers["Upload-Offset"] == second.headers["Upload-Offset"] == str(len(content))
    assert len(person.canvas(canvas_id)["items"]) == 1


@pytest.mark.parametrize("content", [b"content", b"", None])
def test_a_creation_that_comes_again_after_its_upload_was_deleted_begins_no_other(
    person: Person, content: bytes | None
) -> None:
    canvas_id = person.new_canvas()
    headers = {**creation(canvas_id, len(content or b"")), "Idempotency-Key": str(uuid4())}
    if content is None:
        headers["Upload-Length"] = "7"
    elif content:
        headers |= BODY
    first = person.call("POST", "/api/uploads", 201, headers=headers, content=content)
    person.call("DELETE", first.headers["Location"], 204, headers={"Tus-Resumable": "1.0.0"})
    again = person.call("POST", "/api/uploads", 201, headers=headers, content=content)
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Upload-Offset"] == first.headers["Upload-Offset"] == str(len(content or b""))
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items == [])


def test_a_creation_whose_attempt_was_withdrawn_may_come_again(person: Person) -> None:
    canvas_id = person.new_canvas()
    headers = {**creation(canvas_id, 7), **BODY, "Idempotency-Key": str(uuid4())}
    problem_of(person.call("POST", "/api/uploads", headers={**headers, **ANOTHER}, content=b"content"), 460)
    upload = person.call("POST", "/api/uploads", 201, headers=headers, content=b"content").headers["Location"]
    assert person.call("GET", f"/api/files/{file_of(upload)}", 200).json()["status"] == "UPLOADED"


@pytest.mark.parametrize("more", [b"te", b"tent"])
def test_a_creation_that_comes_again_late_takes_nothing_back(person: Person, stack: Any, more: bytes) -> None:
    begun = begun_twice(person, person.new_canvas(), 7, b"con")
    upload = next(begun).headers["Location"]
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "3", **BODY}
    person.call("PATCH", upload, 204, headers=headers, content=more)
    again = next(begun)
    assert (again.headers["Location"], again.headers["Upload-Offset"]) == (upload, str(3 + len(more)))
    if len(more) == 4:
        assert_uploaded(person, stack, upload, b"content")


@pytest.mark.parametrize(
    ("said", "sent", "status"),
    [({}, b"too much", 413), ({"Upload-Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}, b"content", 460)],
)
def test_of_a_creation_that_is_refused_with_its_content_nothing_is_left(
    person: Person, said: dict[str, str], sent: bytes, status: int
) -> None:
    canvas_id = person.new_canvas()
    headers = {**creation(canvas_id, 7), **BODY, **said}
    problem_of(person.call("POST", "/api/uploads", headers=headers, content=sent), status)
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items == [])
