"""Files, through HTTP on the real stack: up, down, in parts, and away."""

import hashlib
import random
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

import httpx
import psutil
import pytest

from tests.integration.api import Person, fields_of, file_statuses, newcomer, problem_of, until

MIB = 1024 * 1024
PLAN = ("file", ("plan.txt", b"content", "text/plain"))
MEMORY_LIMIT = 64 * MIB
"""Bytes that the backend may grow by while a file much larger passes through it."""


@pytest.fixture
def person(stack: Any) -> Person:
    return newcomer(stack.env["WEB_URL"])


def test_an_upload_comes_back_as_it_was(person: Person, stack: Any) -> None:
    content = random.randbytes(300_000)
    upload = person.upload(person.new_canvas(), content, ' Plän "日本" 🎨.txt ', x=1.5, y=-2)
    file, item = upload["file"], upload["item"]
    assert (file["status"], file["size"]) == ("UPLOADED", len(content))
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert (item["x"], item["y"], item["file_id"]) == (1.5, -2, file["id"])
    assert person.call("GET", f"/api/files/{file['id']}", 200).json() == file
    answer = person.call("GET", f"/api/files/{file['id']}/content", 200)
    assert answer.content == content
    assert answer.headers["ETag"] == f'"{file["sha256"]}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    name = answer.headers["Content-Disposition"].partition("filename*=UTF-8''")[2]
    assert unquote(name) == file["name"] == ' Plän "日本" 🎨.txt '
    assert file_statuses(stack.env["DATABASE_URL"], file["id"]) == ["PENDING", "UPLOADED"]


def test_head_says_what_get_would_and_the_connection_goes_on(person: Person) -> None:
    canvas_id = person.new_canvas()
    file_id = person.upload(canvas_id, b"content")["file"]["id"]
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items[0]["file"]["status"] == "UPLOADED")
    for path in (f"/api/canvases/{canvas_id}", f"/api/files/{file_id}", f"/api/files/{file_id}/content"):
        head, got = person.call("HEAD", path, 200), person.call("GET", path, 200)
        assert head.content == b""
        assert head.headers["Content-Length"] == str(len(got.content))
        assert head.headers.get("ETag") == got.headers.get("ETag")


def test_a_canvas_learns_that_its_file_was_uploaded_and_deleted(person: Person) -> None:
    canvas_id = person.new_canvas()
    file_id = person.upload(canvas_id, b"content")["file"]["id"]
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items[0]["file"]["status"] == "UPLOADED")
    person.call("DELETE", f"/api/files/{file_id}", 204)
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items == [])
    problem_of(person.call("GET", f"/api/files/{file_id}"), 404)
    problem_of(person.call("GET", f"/api/files/{file_id}/content"), 404)


def test_any_range_is_what_slicing_gives(person: Person) -> None:
    content = random.randbytes(400_000)
    file_id = person.upload(person.new_canvas(), content)["file"]["id"]
    path, size = f"/api/files/{file_id}/content", len(content)
    edges = (0, 1, 65_535, 65_536, 65_537, 131_072, size - 1)
    for first in edges:
        for last in (edge for edge in edges if edge >= first):
            answer = person.call("GET", path, 206, headers={"Range": f"bytes={first}-{last}"})
            assert answer.content == content[first : last + 1], (first, last)
            assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
    assert person.call("GET", path, 206, headers={"Range": "bytes=-100"}).content == content[-100:]
    answer = person.call("GET", path, headers={"Range": f"bytes={size}-"})
    problem_of(answer, 416)
    assert answer.headers["Content-Range"] == f"bytes */{size}"


def test_an_empty_file_is_a_file(person: Person) -> None:
    file = person.upload(person.new_canvas(), b"")["file"]
    assert (file["status"], file["size"]) == ("UPLOADED", 0)
    assert person.call("GET", f"/api/files/{file['id']}/content", 200).content == b""


@pytest.mark.parametrize("name", ["", "x" * 256, " \u3000"])
def test_a_file_name_that_can_not_be_taken_is_422_and_leaves_nothing(person: Person, name: str) -> None:
    canvas_id = person.new_canvas()
    answer = person.call("POST", f"/api/canvases/{canvas_id}/files", files={"file": (name, b"content")})
    assert fields_of(answer) == ["file"]
    assert person.canvas(canvas_id)["items"] == []


def test_files_that_are_dropped_on_a_canvas_at_once_all_lie_on_it(person: Person) -> None:
    canvas_id = person.new_canvas()
    with ThreadPoolExecutor(6) as together:
        uploads = list(together.map(lambda number: person.upload(canvas_id, b"x" * 1000 * number), range(12)))
    expected = {upload["file"]["id"] for upload in uploads}
    items = until(
        lambda: person.canvas(canvas_id)["items"],
        lambda items: all(item["file"]["status"] == "UPLOADED" for item in items),
    )
    assert {item["file_id"] for item in items} == expected


@pytest.mark.parametrize("ending", ["reset", "closed", "form cut short"])
def test_an_upload_that_breaks_off_leaves_no_uploaded_file(person: Person, stack: Any, ending: str) -> None:
    canvas_id = person.new_canvas()
    body = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n' + random.randbytes(200_000)
    length = len(body) + (0 if ending == "form cut short" else 100_000)
    head = (
        f"POST /api/canvases/{canvas_id}/files HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Type: multipart/form-data; boundary=cut\r\nContent-Length: {length}\r\n\r\n"
    )
    address = urlsplit(stack.env["WEB_URL"])
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + body)
        if ending == "form cut short":
            assert connection.recv(12) == b"HTTP/1.1 422"
        else:
            items = until(lambda: person.canvas(canvas_id)["items"], lambda items: len(items) == 1)
            assert items[0]["file"]["status"] == "PENDING"
        if ending == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    until(lambda: person.canvas(canvas_id), lambda canvas: canvas["version"] >= 3 and canvas["items"] == [])
    assert _statuses_on(stack, canvas_id) == [["PENDING", "DELETED"]]


def _statuses_on(stack: Any, canvas_id: str) -> list[list[str]]:
    """What became of every file that was ever on the canvas."""
    import psycopg

    with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
        rows = connection.execute(
            "SELECT payload->>'file_id' FROM canvases.outbox WHERE aggregate_id = %s AND event_type = 'ItemPlaced'",
            [canvas_id],
        ).fetchall()
    return [file_statuses(stack.env["DATABASE_URL"], row[0]) for row in rows]


def test_a_large_file_passes_through_in_constant_memory(person: Person, stack: Any) -> None:
    canvas_id = person.new_canvas()
    person.upload(canvas_id, random.randbytes(24 * MIB))  # what the first upload needs, every later one has
    backend = psutil.Process(_pid_of_web(stack))
    content = random.randbytes(150 * MIB)
    before = peak = backend.memory_info().rss
    with ThreadPoolExecutor(1) as aside:
        upload = aside.submit(person.upload, canvas_id, content, "large.bin")
        while not upload.done():
            peak = max(peak, backend.memory_info().rss)
        file = upload.result()["file"]
        download = aside.submit(lambda: person.call("GET", f"/api/files/{file['id']}/content", 200).content)
        while not download.done():
            peak = max(peak, backend.memory_info().rss)
        same = download.result() == content
    assert file["sha256"] == hashlib.sha256(content).hexdigest()
    assert same, "the content that came back is not the one that was sent"
    print(f"150 MiB up and down: resident memory {before / MIB:.0f} MiB, at most {peak / MIB:.0f} MiB")  # noqa: T201  (the figure)
    assert peak - before < MEMORY_LIMIT, f"grew by {(peak - before) / MIB:.0f} MiB"


def _pid_of_web(stack: Any) -> int:
    """The process that listens on the web port."""
    port = urlsplit(stack.env["WEB_URL"]).port
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            return int(connection.pid)
    raise AssertionError(f"nobody listens on {port}")


# --- sent twice --------------------------------------------------------------------------------------------


def test_an_upload_that_broke_off_is_sent_again_with_its_key_and_lies_there_once(person: Person, stack: Any) -> None:
    canvas_id, key, content = person.new_canvas(), str(uuid4()), random.randbytes(200_000)
    head = (
        f"POST /api/canvases/{canvas_id}/files HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {person.token}\r\n"
        f"Idempotency-Key: {key}\r\nContent-Type: multipart/form-data; boundary=cut\r\nContent-Length: 300000\r\n\r\n"
        '--cut\r\nContent-Disposition: form-data; name="file"; filename="plan.txt"\r\n'
        "Content-Type: text/plain\r\n\r\n"
    )
    address = urlsplit(stack.env["WEB_URL"])
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(head.encode() + content[:100_000])
        (item,) = until(lambda: person.canvas(canvas_id)["items"], lambda items: len(items) == 1)
    sent = {"files": {"file": ("plan.txt", content, "text/plain")}, "headers": {"Idempotency-Key": key}}
    first, again = (person.call("POST", f"/api/canvases/{canvas_id}/files", 201, **sent) for _ in range(2))
    assert first.json() == again.json()
    assert first.json()["file"]["id"] == item["file_id"]
    assert first.json()["file"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert file_statuses(stack.env["DATABASE_URL"], item["file_id"]) == ["PENDING", "UPLOADED"]
    assert len(person.canvas(canvas_id)["items"]) == 1


def test_a_key_stands_for_one_content(person: Person) -> None:
    canvas_id, key = person.new_canvas(), str(uuid4())

    def send(content: bytes) -> httpx.Response:
        sent = {"files": {"file": ("plan.txt", content)}, "headers": {"Idempotency-Key": key}}
        return person.call("POST", f"/api/canvases/{canvas_id}/files", **sent)

    file = send(b"content").json()["file"]
    assert fields_of(send(b"another")) == ["Idempotency-Key"]
    assert person.call("GET", f"/api/files/{file['id']}/content", 200).content == b"content"


def test_a_key_stands_for_one_place(person: Person) -> None:
    canvas_id, headers = person.new_canvas(), {"Idempotency-Key": str(uuid4())}

    def send(*place: Any) -> httpx.Response:
        return person.call("POST", f"/api/canvases/{canvas_id}/files", files=[PLAN, *place], headers=headers)

    assert send().status_code == send().status_code == 201
    assert fields_of(send(("x", (None, "5")), ("y", (None, "5")))) == ["Idempotency-Key"]
    assert [(item["x"], item["y"]) for item in person.canvas(canvas_id)["items"]] == [(0, 0)]


def test_an_upload_that_comes_again_after_its_file_was_deleted_gets_its_first_answer(
    person: Person, stack: Any
) -> None:
    canvas_id, headers = person.new_canvas(), {"Idempotency-Key": str(uuid4())}
    path = f"/api/canvases/{canvas_id}/files"
    first = person.call("POST", path, 201, files=[PLAN], headers=headers)
    file_id = first.json()["file"]["id"]
    person.call("DELETE", f"/api/files/{file_id}", 204)
    again = person.call("POST", path, 201, files=[PLAN], headers=headers)
    assert (again.json(), again.headers["Location"]) == (first.json(), first.headers["Location"])
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items == [])
    assert file_statuses(stack.env["DATABASE_URL"], file_id) == ["PENDING", "UPLOADED", "DELETED"]


@pytest.mark.parametrize(("more", "field"), [(("x", (None, "abc")), "x"), (PLAN, "file")])
def test_a_repetition_that_is_refused_takes_nothing_of_what_is_stored(person: Person, more: Any, field: str) -> None:
    canvas_id, headers = person.new_canvas(), {"Idempotency-Key": str(uuid4())}
    path = f"/api/canvases/{canvas_id}/files"
    file = person.call("POST", path, 201, files=[PLAN], headers=headers).json()["file"]
    assert fields_of(person.call("POST", path, files=[PLAN, more], headers=headers)) == [field]
    assert person.call("GET", f"/api/files/{file['id']}/content", 200).content == b"content"
    assert len(person.canvas(canvas_id)["items"]) == 1


# --- what a content is, and when it is gone ----------------------------------------------------------------


def test_a_content_is_served_as_what_it_shows_itself_to_be(person: Person) -> None:
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 100
    file = person.upload(person.new_canvas(), png)["file"]  # declared as text/plain
    assert file["media_type"] == "image/png"
    assert person.call("GET", f"/api/files/{file['id']}/content", 200).headers["Content-Type"] == "image/png"


def test_when_an_organisation_s_keys_are_destroyed_its_contents_are_gone(person: Person) -> None:
    canvas_id = person.new_canvas()
    file_id = person.upload(canvas_id, b"content")["file"]["id"]
    confirm = {"confirm": person.user["organization_id"]}
    person.call("DELETE", "/api/organization/keys", 204, params=confirm)
    problem_of(person.call("GET", f"/api/files/{file_id}/content"), 410)
    problem_of(person.call("POST", f"/api/canvases/{canvas_id}/files", files={"file": ("a", b"b")}), 410)
    assert person.call("GET", f"/api/files/{file_id}", 200).json()["status"] == "UPLOADED"
