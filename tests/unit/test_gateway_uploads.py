"""Files on their way through the gateway, in and out."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio
from grpc import StatusCode
from grpc.aio import AioRpcError, Metadata
from starlette.types import Message

from canvas_demo.contracts.files.v1 import files_pb2
from canvas_demo.gateway.sending import MESSAGE, PIECES, Sending
from canvas_demo.kernel.errors import Unavailable
from canvas_demo.kernel.rpc import error_of
from tests.unit.gateway_client import Gateway, fields_of, gateway_over_fakes, problem_of


@pytest_asyncio.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with gateway_over_fakes() as running:
        yield running


def form(*parts: tuple[str, bytes]) -> dict[str, Any]:
    """A form whose parts come in this order; the part ``file`` is a file."""
    boundary = uuid4().hex
    body = b""
    for name, content in parts:
        filename = '; filename="plan.txt"\r\nContent-Type: text/plain' if name == "file" else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode()
        body += content + b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return {"content": body, "headers": {"Content-Type": f"multipart/form-data; boundary={boundary}"}}


async def upload(gateway: Gateway, **kwargs: Any) -> httpx.Response:
    return await gateway.call("POST", f"/api/canvases/{await gateway.new_canvas()}/files", **kwargs)


async def upload_in_pieces(gateway: Gateway, pieces: Sequence[bytes], *, whole: bool) -> list[Message]:
    """What the application sends when ``pieces`` arrive one by one and then, unless they are whole, the client goes."""
    canvas_id = await gateway.new_canvas()
    headers = {**gateway.headers(), "Content-Type": "multipart/form-data; boundary=cut"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": f"/api/canvases/{canvas_id}/files",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 3000),
    }
    arriving = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    arriving.append({"type": "http.request", "body": b"", "more_body": False} if whole else {"type": "http.disconnect"})
    sent: list[Message] = []

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    await gateway.app(scope, receive, send)
    return sent


BEGINNING = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'


async def test_an_upload_places_an_item_and_stores_the_file(gateway: Gateway) -> None:
    content = b"0123456789" * 30_000
    answer = await upload(gateway, files={"file": ("plän.txt", content, "text/plain")}, data={"x": "1.5", "y": "-2"})
    assert answer.status_code == 201, answer.text
    item, file = answer.json()["item"], answer.json()["file"]
    assert (file["status"], file["name"], file["media_type"]) == ("UPLOADED", "plän.txt", "text/plain")
    assert (file["size"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert (item["x"], item["y"], item["file_id"], item["file"]["status"]) == (1.5, -2, file["id"], "UPLOADED")
    assert answer.headers["Location"] == f"/api/files/{file['id']}"
    assert gateway.modules.files.contents[file["id"]] == content


@pytest.mark.parametrize("order", [("x", "y", "file"), ("file", "x", "y"), ("x", "file", "y")])
async def test_the_place_may_come_before_the_file_or_after_it(gateway: Gateway, order: tuple[str, ...]) -> None:
    parts = {"x": b"3", "y": b"4.25e0", "file": b"content"}
    answer = await upload(gateway, **form(*((name, parts[name]) for name in order)))
    item = answer.json()["item"]
    assert (item["x"], item["y"]) == (3, 4.25)
    (canvas, _) = next(iter(gateway.modules.canvases.canvases.values()))
    assert (canvas.items[item["id"]].x, canvas.items[item["id"]].y) == (3, 4.25)


class Written:
    """Of a call, what was written."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def write(self, request: files_pb2.AppendContentRequest) -> None:
        self.sizes.append(len(request.chunk))

    async def initial_metadata(self) -> None:
        await asyncio.Event().wait()

    def cancel(self) -> None:
        """Nothing is under way."""


async def test_pieces_do_not_pile_up_however_small_they_are() -> None:
    call: Any = Written()
    sending = Sending(call)
    for _ in range(2 * PIECES + 1):
        await sending.send(memoryview(b"."))
    await sending.send(bytes(MESSAGE))
    sending.cancel()
    assert call.sizes == [PIECES, PIECES, 1 + MESSAGE]


async def test_an_empty_file_is_a_file(gateway: Gateway) -> None:
    answer = await upload(gateway, **form(("file", b"")))
    assert (answer.json()["file"]["status"], answer.json()["file"]["size"]) == ("UPLOADED", 0)
    content = await gateway.call("GET", answer.headers["Location"] + "/content")
    assert (content.status_code, content.content, content.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.parametrize("bad", [b"one", b"", b"nan", b"inf", b"1e999", b"1_0", b"2e9", "\uff11".encode(), b"1" * 2000])
async def test_a_place_that_is_none_is_422_and_leaves_no_file(gateway: Gateway, bad: bytes) -> None:
    assert fields_of(await upload(gateway, **form(("x", bad), ("file", b"content")))) == ["x"]
    assert fields_of(await upload(gateway, **form(("file", b"content"), ("x", bad)))) == ["x"]
    assert gateway.modules.statuses() == ["DELETED"]
    assert gateway.modules.files.contents == {}


@pytest.mark.parametrize(
    "kwargs",
    [
        form(("x", b"1")),
        {"data": {"file": "no file"}},
        {"files": {"file": ("", b"content")}},
        {"files": {"file": ("x" * 256, b"content")}},
        {"files": {"file": (" ", b"content")}},
        form(("file", b"one"), ("file", b"two")),
    ],
)
async def test_a_file_that_can_not_be_taken_is_422_and_leaves_no_file(gateway: Gateway, kwargs: dict[str, Any]) -> None:
    answer = await upload(gateway, **kwargs)
    if "data" in kwargs:
        problem_of(answer, 415)
    else:
        assert fields_of(answer) == ["file"]
    assert set(gateway.modules.statuses()) <= {"DELETED"}
    assert gateway.modules.files.contents == {}


def named(disposition: str) -> dict[str, Any]:
    """A form whose file has this in its Content-Disposition."""
    body = f"--cut\r\nContent-Disposition: form-data; {disposition}\r\n\r\ncontent\r\n--cut--\r\n"
    return {"content": body.encode(), "headers": {"Content-Type": "multipart/form-data; boundary=cut"}}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (" lead.txt", " lead.txt"),
        ("trail .txt ", "trail .txt "),
        ("\u3000x", "\u3000x"),
        ("plan %22A%22.png", 'plan "A".png'),
        ("rep%0Aort%0D%00.pdf", "rep%0Aort%0D%00.pdf"),
        (r"C:\x.txt", r"C:\x.txt"),
        (r"\server\x.txt", r"\server\x.txt"),
        (r"a\\b \"c\".txt", r'a\b "c".txt'),
        ("a; b=c.txt", "a; b=c.txt"),
        ("ends with \\", "ends with \\"),
    ],
)
async def test_a_name_comes_as_browsers_write_it(gateway: Gateway, sent: str, name: str) -> None:
    for disposition in (f'name="file"; filename="{sent}"', f'filename="{sent}"; name="file"'):
        answer = await upload(gateway, **named(disposition))
        assert answer.status_code == 201, answer.text
        assert answer.json()["file"]["name"] == name


async def test_a_name_may_come_without_quotes(gateway: Gateway) -> None:
    answer = await upload(gateway, **named("name=file; filename=plan.txt"))
    assert answer.json()["file"]["name"] == "plan.txt"


async def test_an_upload_to_a_canvas_that_is_not_there_creates_nothing(gateway: Gateway) -> None:
    answer = await gateway.call("POST", f"/api/canvases/{uuid4()}/files", **form(("file", b"content")))
    problem_of(answer, 404)
    assert gateway.modules.statuses() == []


async def test_an_upload_to_an_archived_canvas_leaves_no_file(gateway: Gateway) -> None:
    canvas_id = await gateway.new_canvas()
    await gateway.call("DELETE", f"/api/canvases/{canvas_id}")
    problem_of(await gateway.call("POST", f"/api/canvases/{canvas_id}/files", **form(("file", b"content"))), 409)
    assert gateway.modules.statuses() == ["DELETED"]


async def test_a_whole_upload_in_pieces_is_answered(gateway: Gateway) -> None:
    sent = await upload_in_pieces(gateway, [BEGINNING, b"some ", b"content", b"\r\n--cut--\r\n"], whole=True)
    assert sent[0]["status"] == 201
    assert list(gateway.modules.files.contents.values()) == [b"some content"]


@pytest.mark.parametrize(
    "pieces",
    [
        [BEGINNING],
        [BEGINNING, b"some content"],
        [BEGINNING, b"some content\r\n--cut"],
        [BEGINNING, b'some content\r\n--cut\r\nContent-Disposition: form-data; name="x"\r\n\r\n'],
    ],
)
async def test_an_upload_that_breaks_off_leaves_no_uploaded_file(gateway: Gateway, pieces: list[bytes]) -> None:
    assert await upload_in_pieces(gateway, pieces, whole=False) == []
    assert gateway.modules.statuses() == ["DELETED"]
    assert gateway.modules.files.contents == {}


async def test_a_form_that_ends_early_is_422_and_leaves_no_file(gateway: Gateway) -> None:
    sent = await upload_in_pieces(gateway, [BEGINNING, b"some content"], whole=True)
    assert sent[0]["status"] == 422
    assert gateway.modules.statuses() == ["DELETED"]
    assert gateway.modules.files.contents == {}


async def test_a_store_that_fails_half_way_is_said_and_leaves_no_file(gateway: Gateway) -> None:
    gateway.modules.files.fails_after = 100_000
    piece = b"x" * 60_000
    sent = await upload_in_pieces(gateway, [BEGINNING, *[piece] * 50, b"\r\n--cut--\r\n"], whole=True)
    assert sent[0]["status"] == 503
    assert gateway.modules.statuses() == ["DELETED"]


def test_a_call_that_ends_while_it_is_written_to_is_503() -> None:
    lost = AioRpcError(StatusCode.INTERNAL, Metadata(), Metadata(), "Internal error from Core")
    assert isinstance(error_of(lost), Unavailable)


async def test_a_server_that_stops_half_way_leaves_no_uploaded_file(gateway: Gateway) -> None:
    never = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield BEGINNING + b"some content"
        arrived.set()
        await never.wait()

    arrived = asyncio.Event()
    headers = {"Content-Type": "multipart/form-data; boundary=cut"}
    running = asyncio.create_task(upload(gateway, content=body(), headers=headers))
    await asyncio.wait_for(arrived.wait(), 5)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert gateway.modules.statuses() == ["DELETED"]
    assert gateway.modules.files.contents == {}


async def test_an_item_is_placed_also_where_other_writers_are_quicker(gateway: Gateway) -> None:
    canvas_id = await gateway.new_canvas()
    gateway.modules.canvases.conflicts = 3
    answer = await gateway.call("POST", f"/api/canvases/{canvas_id}/files", **form(("file", b"content")))
    assert answer.status_code == 201, answer.text


# --- contents ----------------------------------------------------------------------------------------------

CONTENT = bytes(range(256)) * 20


async def test_a_content_comes_back_with_its_name_and_can_not_run_as_a_page(gateway: Gateway) -> None:
    file_id = await gateway.new_file(CONTENT, 'pl"än.html', "text/html")
    answer = await gateway.call("GET", f"/api/files/{file_id}/content")
    assert (answer.status_code, answer.content) == (200, CONTENT)
    headers = answer.headers
    assert headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert headers["Content-Length"] == str(len(CONTENT))
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Type"].startswith("text/html")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == "attachment; filename=\"pl__n.html\"; filename*=UTF-8''pl%22%C3%A4n.html"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


@pytest.mark.parametrize("span", [(0, 0), (1, 2500), (2000, 3000), (5000, 5119)])
async def test_a_range_of_a_content(gateway: Gateway, span: tuple[int, int]) -> None:
    first, last = span
    path = f"/api/files/{await gateway.new_file(CONTENT)}/content"
    answer = await gateway.call("GET", path, headers={"Range": f"bytes={first}-{last}"})
    assert (answer.status_code, answer.content) == (206, CONTENT[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


async def test_a_range_beyond_the_content_is_416(gateway: Gateway) -> None:
    path = f"/api/files/{await gateway.new_file(CONTENT)}/content"
    answer = await gateway.call("GET", path, headers={"Range": f"bytes={len(CONTENT)}-"})
    problem_of(answer, 416)
    assert answer.headers["Content-Range"] == f"bytes */{len(CONTENT)}"


async def test_a_range_of_another_content_is_the_whole(gateway: Gateway) -> None:
    path = f"/api/files/{await gateway.new_file(CONTENT)}/content"
    tag = (await gateway.call("GET", path)).headers["ETag"]
    for if_range, status in ((tag, 206), ('"other"', 200), ("W/" + tag, 200)):
        answer = await gateway.call("GET", path, headers={"Range": "bytes=0-9", "If-Range": if_range})
        assert answer.status_code == status
    assert (await gateway.call("GET", path, headers={"If-None-Match": tag})).status_code == 304


async def test_a_content_that_is_not_complete_is_409(gateway: Gateway) -> None:
    file_id = await gateway.new_file(CONTENT)
    gateway.modules.files.files[file_id].status = "PENDING"
    problem_of(await gateway.call("GET", f"/api/files/{file_id}/content"), 409)


async def test_a_content_that_can_not_be_read_is_a_problem(gateway: Gateway) -> None:
    file_id = await gateway.new_file(CONTENT)
    gateway.modules.files.breaks_after = 0
    problem_of(await gateway.call("GET", f"/api/files/{file_id}/content"), 503)


async def test_a_content_that_breaks_off_is_never_a_whole_answer(gateway: Gateway) -> None:
    file_id = await gateway.new_file(CONTENT)
    gateway.modules.files.breaks_after = 2000
    with pytest.raises(Exception, match="The store is gone"):
        await gateway.call("GET", f"/api/files/{file_id}/content")


async def test_a_deleted_file_is_404(gateway: Gateway) -> None:
    path = f"/api/files/{await gateway.new_file(CONTENT)}"
    assert (await gateway.call("GET", path)).json()["status"] == "UPLOADED"
    assert (await gateway.call("DELETE", path)).status_code == 204
    problem_of(await gateway.call("GET", path), 404)
    problem_of(await gateway.call("DELETE", path), 404)
