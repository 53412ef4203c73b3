"""What is stored comes back, whole or in part; what is not what was stored does not come at all."""

import asyncio
import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canvas_demo.kernel.errors import Conflict
from canvas_demo.kernel.settings import Settings
from canvas_demo.modules.files import contents
from canvas_demo.modules.files.contents import ContentWriter, Part, read
from canvas_demo.modules.files.encryption import SEALED_SEGMENT, SEGMENT, ContentKey
from canvas_demo.modules.files.storage import FileStorage, open_storage

KEY = ContentKey(b"k" * 32, "organisation/file/1")
PART = 4 * SEGMENT
SMALL = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SIZES = st.one_of(
    st.sampled_from([0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, PART - 1, PART, PART + 1, 2 * PART]),
    st.integers(0, 3 * PART),
)


@dataclass
class Content:
    """A content and what is known of it."""

    storage: FileStorage
    folder: Path
    parts: list[Part] = field(default_factory=list)
    digest: str = ""

    async def append(self, data: bytes, piece: int = 50_000) -> None:
        """As one call would bring it."""

        async def keep(part: Part) -> None:
            self.parts.append(part)

        size, digest = sum(part.size for part in self.parts), hashlib.sha256()
        writer = ContentWriter(self.storage, KEY, "o/f", keep, [digest], len(self.parts), size)
        for start in range(0, len(data), piece):
            await writer.write(data[start : start + piece])
        await writer.end()
        self.digest = digest.hexdigest()

    async def load(self, offset: int, length: int, key: ContentKey = KEY) -> bytes:
        return b"".join([piece async for piece in read(self.storage, key, self.parts, offset, length)])

    def path(self, number: int) -> Path:
        return self.folder / self.parts[number].object


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Content:
    monkeypatch.setattr(contents, "PART", PART)
    monkeypatch.setattr(contents, "READ", 2 * SEGMENT)
    return Content(open_storage(Settings(files_url=tmp_path.as_uri())), tmp_path)


@given(sizes=st.lists(SIZES, min_size=1, max_size=3), piece=st.integers(1000, 2 * PART), data=st.data())
@SMALL
async def test_any_part_of_what_came_in_any_number_of_calls_comes_back(
    content: Content, sizes: Sequence[int], piece: int, data: st.DataObject
) -> None:
    content.parts.clear()
    plain = random.Random(str(sizes)).randbytes(sum(sizes))
    start = 0
    for size in sizes:
        await content.append(plain[start : start + size], piece)
        start += size
        assert content.digest == hashlib.sha256(plain[start - size : start]).hexdigest()
    assert await content.load(0, len(plain)) == plain
    first = data.draw(st.integers(0, len(plain)))
    length = data.draw(st.integers(0, len(plain) - first))
    assert await content.load(first, length) == plain[first : first + length]


async def test_no_plaintext_lies_in_the_folder(content: Content) -> None:
    await content.append(b"plain text " * 100_000)
    stored = [path for path in content.folder.rglob("*") if path.is_file()]
    assert len(stored) == len(content.parts) > 1
    assert all(b"plain" not in path.read_bytes() for path in stored)


def segment(data: bytes, number: int) -> bytes:
    return data[number * SEALED_SEGMENT : (number + 1) * SEALED_SEGMENT]


def flipped(data: bytes) -> bytes:
    at = SEALED_SEGMENT + 100
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def flipped_in_the_last_byte(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 0x80])


def swapped(data: bytes) -> bytes:
    return segment(data, 1) + segment(data, 0) + data[2 * SEALED_SEGMENT :]


def repeated(data: bytes) -> bytes:
    return segment(data, 0) + segment(data, 0) + data[2 * SEALED_SEGMENT :]


def without_the_last_segment(data: bytes) -> bytes:
    return data[: 2 * SEALED_SEGMENT]


def cut(data: bytes) -> bytes:
    return data[:-100]


def without_the_first_segment(data: bytes) -> bytes:
    return data[SEALED_SEGMENT:]


def emptied(_: bytes) -> bytes:
    return b""


TAMPERED = (InvalidTag, FileNotFoundError)


@pytest.mark.parametrize(
    "tamper",
    [
        flipped,
        flipped_in_the_last_byte,
        swapped,
        repeated,
        without_the_last_segment,
        without_the_first_segment,
        cut,
        emptied,
    ],
)
async def test_a_part_that_was_tampered_with_does_not_come(content: Content, tamper: Callable[[bytes], bytes]) -> None:
    await content.append(random.randbytes(2 * SEGMENT + 1000))
    path = content.path(0)
    path.write_bytes(tamper(path.read_bytes()))
    with pytest.raises(TAMPERED):
        await content.load(0, 2 * SEGMENT + 1000)


async def test_of_what_was_tampered_with_nothing_comes_from_the_changed_segment_on(content: Content) -> None:
    plain = random.randbytes(PART)
    await content.append(plain)
    content.path(0).write_bytes(flipped(content.path(0).read_bytes()))
    assert await content.load(0, SEGMENT) == plain[:SEGMENT]
    with pytest.raises(InvalidTag):
        await content.load(SEGMENT, 1)


async def test_parts_do_not_stand_in_for_each_other(content: Content) -> None:
    await content.append(random.randbytes(2 * PART), SEGMENT)
    first, second = content.path(0).read_bytes(), content.path(1).read_bytes()
    content.path(0).write_bytes(second)
    content.path(1).write_bytes(first)
    for offset in (0, PART):
        with pytest.raises(InvalidTag):
            await content.load(offset, PART)
    content.path(1).write_bytes(second)
    first_part, second_part = content.parts
    content.parts[0] = replace(second_part, number=0, start=0)
    with pytest.raises(InvalidTag):
        await content.load(0, PART)
    content.parts[0] = replace(first_part, header=second_part.header)
    with pytest.raises(InvalidTag):
        await content.load(0, PART)


@pytest.mark.parametrize(
    "other",
    [
        ContentKey(KEY.data_key, "another/file/1"),
        ContentKey(KEY.data_key, "organisation/another/1"),
        ContentKey(KEY.data_key, "organisation/file/2"),
        ContentKey(b"j" * 32, KEY.context),
    ],
)
async def test_what_is_another_organisation_s_file_s_or_key_s_does_not_open(
    content: Content, other: ContentKey
) -> None:
    await content.append(b"content")
    with pytest.raises(InvalidTag):
        await content.load(0, 7, other)


async def test_a_part_that_is_gone_is_missed(content: Content) -> None:
    await content.append(random.randbytes(3 * PART), SEGMENT)
    content.path(1).unlink()
    with pytest.raises(FileNotFoundError):
        await content.load(0, 3 * PART)
    await content.load(2 * PART, PART)
    del content.parts[1]
    with pytest.raises(FileNotFoundError, match=f"bytes 0 to {3 * PART - 1}"):
        await content.load(0, 3 * PART)


@pytest.mark.parametrize(("error", "left"), [(Conflict("taken over"), 0), (ConnectionError(), 1)])
async def test_what_is_refused_leaves_no_object_and_what_may_have_been_kept_does(
    content: Content, error: Exception, left: int
) -> None:
    async def fail(_: Part) -> None:
        raise error

    writer = ContentWriter(content.storage, KEY, "o/f", fail, [], 0, 0)
    await writer.write(b"x" * PART)
    with pytest.raises(type(error)):
        await writer.end()
    assert len([path for path in content.folder.rglob("*") if path.is_file()]) == left


# --- several parts at once ---------------------------------------------------------------------------------


async def test_parts_are_kept_in_their_order_however_long_each_takes_to_be_stored(
    content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is stored last."""
    put, others, names = content.storage.put, asyncio.Event(), list[str]()

    async def slow(name: str, data: bytes | bytearray) -> None:
        names.append(name)
        if len(names) == 1:
            await others.wait()
        await put(name, data)
        if len(names) == contents.AT_ONCE:
            others.set()

    monkeypatch.setattr(content.storage, "put", slow)
    plain = random.randbytes(5 * PART + 1)
    await content.append(plain, PART)
    assert [part.number for part in content.parts] == list(range(6))
    assert content.digest == hashlib.sha256(plain).hexdigest()
    assert await content.load(0, len(plain)) == plain


async def test_where_a_part_is_not_kept_none_after_it_is(content: Content) -> None:
    kept: list[int] = []

    async def keep(part: Part) -> None:
        if part.number == 1:
            raise Conflict("Another request has taken over.")
        kept.append(part.number)

    writer = ContentWriter(content.storage, KEY, "o/f", keep, [], 0, 0)
    await writer.write(bytes(PART))
    await writer.write(bytes(PART))
    await writer.write(bytes(PART))
    with pytest.raises(Conflict):
        await writer.end()
    await writer.abandon()
    assert kept == [0]
