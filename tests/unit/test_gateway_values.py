"""The gateway's pure parts: forms, ranges, conditions, headers."""

from collections.abc import AsyncIterator, Sequence
from urllib.parse import unquote

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from canvas_demo.gateway.content import UNKNOWN, content_disposition, media_type_of
from canvas_demo.gateway.edge import is_foreign
from canvas_demo.gateway.multipart import PartBegins, PartEnds, Piece, read_form
from canvas_demo.gateway.preconditions import NEVER, expected_versions_of, matches
from canvas_demo.gateway.ranges import Span, span_of
from canvas_demo.kernel.errors import Invalid

FORM = "multipart/form-data; boundary=cut"


def form(*parts: tuple[str, bytes], end: bytes = b"--cut--\r\n") -> bytes:
    """A form of parts, each the rest of its Content-Disposition and its content."""
    rendered = (
        b"--cut\r\nContent-Disposition: form-data; " + headers.encode() + b"\r\n\r\n" + content + b"\r\n"
        for headers, content in parts
    )
    return b"".join(rendered) + end


async def pieces_of(body: bytes, sizes: Sequence[int] = (), content_type: str = FORM) -> list[Piece | bytes]:
    """The pieces of ``body`` as it arrives in chunks of ``sizes``; runs of bytes in one."""

    async def chunks() -> AsyncIterator[bytes]:
        start = 0
        for size in sizes:
            yield body[start : start + size]
            start += size
        yield body[start:]

    found: list[Piece | bytes] = []
    async for piece in read_form(chunks(), content_type):
        if isinstance(piece, memoryview) and found and isinstance(found[-1], bytes):
            found[-1] += piece
        else:
            found.append(bytes(piece) if isinstance(piece, memoryview) else piece)
    return found


@for_all(st.binary(max_size=300), st.lists(st.integers(1, 50), max_size=20))
async def test_a_form_is_the_same_however_it_is_cut_into_chunks(content: bytes, sizes: list[int]) -> None:
    content = content.replace(b"--cut", b"")
    body = form(('name="x"', b"1"), ('name="file"; filename="ü.txt"', content))
    expected = [
        PartBegins("x", None, ""),
        b"1",
        PartEnds(),
        PartBegins("file", "ü.txt", ""),
        *([content] if content else []),
        PartEnds(),
    ]
    assert await pieces_of(body, sizes) == expected


@pytest.mark.parametrize("cut", [3, 5, 40, 60, 80])
async def test_a_form_that_ends_early_is_invalid(cut: int) -> None:
    body = form(('name="file"; filename="a"', b"content"))
    with pytest.raises(Invalid):
        await pieces_of(body[:-cut])


@pytest.mark.parametrize(
    "content_type", ["", "application/json", "multipart/form-data", "multipart/mixed; boundary=cut"]
)
async def test_a_body_that_is_no_form_is_415(content_type: str) -> None:
    with pytest.raises(HTTPException) as raised:
        await pieces_of(form(), content_type=content_type)
    assert raised.value.status_code == 415


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ('filename="a%22b.txt"', 'a"b.txt'),
        (r'filename="a\"b.txt"', 'a"b.txt'),
        ('filename="50%20off.txt"', "50%20off.txt"),
        ('filename="日本 🎨.png"', "日本 🎨.png"),
        ("filename=\"plain\"; filename*=UTF-8''other", "plain"),
        ('filename=""', ""),
        ('filename="a%00b%0A"', "a%00b%0A"),
        (r'filename="a\"; b.txt"', 'a"; b.txt'),
        (r'filename="a; name=other; b.txt"', "a; name=other; b.txt"),
        ('filename="C:\\"', "C:\\"),
        ('filename="C:\\"; other="x"', "C:\\"),
        ("filename=a b.txt", "a b.txt"),
    ],
)
async def test_the_name_of_a_file_is_what_the_browser_meant(sent: str, name: str) -> None:
    begins = (await pieces_of(form((f'name="file"; {sent}', b""))))[0]
    assert isinstance(begins, PartBegins)
    assert (begins.name, begins.filename) == ("file", name)


async def test_a_name_that_is_no_utf_8_is_invalid() -> None:
    body = form(('name="file"; filename="?"', b"")).replace(b"?", b"\xff")
    with pytest.raises(Invalid):
        await pieces_of(body)


# --- ranges ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=2-5", Span(2, 4)),
        ("bytes=5-", Span(5, 5)),
        ("bytes=5-999", Span(5, 5)),
        ("bytes=-3", Span(7, 3)),
        ("bytes=-99", Span(0, 10)),
        ("BYTES=1-1", Span(1, 1)),
        (None, None),
        ("", None),
        ("bytes=5-2", None),
        ("bytes=0-1,4-5", None),
        ("items=0-1", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("bytes=٣-", None),
    ],
)
def test_a_range_of_ten_bytes(header: str | None, span: Span | None) -> None:
    assert span_of(header, 10) == span


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=10-20", 10), ("bytes=-0", 10), ("bytes=0-", 0), ("bytes=-5", 0)]
)
def test_a_range_without_a_byte_is_416_and_says_the_size(header: str, size: int) -> None:
    with pytest.raises(HTTPException) as raised:
        span_of(header, size)
    assert raised.value.status_code == 416
    assert raised.value.headers == {"Content-Range": f"bytes */{size}"}


@for_all(st.integers(1, 1000), st.integers(0, 1100), st.integers(0, 1100))
def test_a_range_is_what_slicing_gives(size: int, first: int, last: int) -> None:
    content = bytes(range(256)) * 4
    expected = content[:size][first : last + 1]
    if first > last or not expected:
        return
    span = span_of(f"bytes={first}-{last}", size)
    assert span is not None
    assert content[span.first : span.first + span.length] == expected
    assert span.content_range(size) == f"bytes {first}-{first + len(expected) - 1}/{size}"


# --- conditions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "versions"),
    [
        (None, []),
        ("*", []),
        ('"7"', [7]),
        ('"7", W/"8", "9"', [7, 9]),
        ('W/"7"', [NEVER]),
        ('"0"', [NEVER]),
        ('"-1"', [NEVER]),
        ('"07"', [NEVER]),
        ("7", [NEVER]),
        ("", [NEVER]),
    ],
)
def test_the_version_that_if_match_asks_for(header: str | None, versions: list[int]) -> None:
    assert list(expected_versions_of(header)) == versions


@pytest.mark.parametrize(
    ("header", "same"),
    [(None, False), ("*", True), ('"7"', True), ('W/"7"', True), ('"6", "7"', True), ("7", False), ('"6"', False)],
)
def test_what_the_client_has_already(header: str | None, *, same: bool) -> None:
    assert matches(header, '"7"') is same


# --- headers -----------------------------------------------------------------------------------------------


@for_all(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_any_name_comes_back_from_content_disposition(name: str) -> None:
    header = content_disposition(name)
    assert header.isascii()
    assert header.isprintable()
    _, _, encoded = header.partition("filename*=UTF-8''")
    assert unquote(encoded) == name
    assert header.count('"') == 2


@pytest.mark.parametrize("good", ["text/plain", "text/plain; charset=utf-8", "image/svg+xml"])
def test_a_media_type_stays(good: str) -> None:
    assert media_type_of(f" {good} ") == good


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ('application/pdf; name="Ada salary.pdf"', "application/pdf"),
        ('text/plain;title="a; charset=b"; Charset="UTF-8"', "text/plain; charset=UTF-8"),
        ('text/plain; charset="Ada\'s words"', "text/plain"),
    ],
)
def test_of_its_parameters_only_the_charset_stays(said: str, kept: str) -> None:
    assert media_type_of(said) == kept


@pytest.mark.parametrize("bad", ["", "text", "text/", "text/plain\r\nX: y", "text/plän", "a/" + "b" * 300, "a/b; c"])
def test_what_is_no_media_type_is_any_bytes(bad: str) -> None:
    assert media_type_of(bad) == UNKNOWN


@pytest.mark.parametrize(
    ("method", "headers", "foreign"),
    [
        ("POST", {"origin": "https://evil.example"}, True),
        ("POST", {"origin": "https://evil.example", "authorization": "Basic x"}, True),
        ("POST", {"origin": "https://evil.example", "authorization": "bearer x"}, False),
        ("POST", {"origin": "http://own.example"}, False),
        ("POST", {"origin": "https://proxied.example", "host": "proxied.example"}, False),
        ("POST", {"origin": "http://own.example", "sec-fetch-site": "cross-site"}, True),
        ("POST", {}, False),
        ("GET", {"sec-fetch-site": "cross-site"}, False),
        ("DELETE", {"sec-fetch-site": "cross-site"}, True),
    ],
)
def test_who_is_foreign(method: str, headers: dict[str, str], *, foreign: bool) -> None:
    assert is_foreign(method, Headers(headers), {"http://own.example"}) is foreign
