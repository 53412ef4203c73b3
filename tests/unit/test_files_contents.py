"""What is stored comes back, whole or in part; what is not what was stored does not come at all."""

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from canvas_demo.kernel.errors import TooLarge
from canvas_demo.modules.files import contents
from canvas_demo.modules.files.contents import Stored
from canvas_demo.modules.files.encryption import HEADER, SEALED_SEGMENT, SEGMENT, Segments
from canvas_demo.modules.files.storage import LocalFileStorage

KEY, CONTEXT = b"k" * 32, "organisation/file/1"
SIZES = st.one_of(
    st.sampled_from([0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT, contents.BATCH * SEGMENT + 1]),
    st.integers(0, 5 * SEGMENT),
)


async def pieces(data: bytes, size: int = 50_000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def store(storage: LocalFileStorage, data: bytes, key: str = "file") -> Stored:
    async with storage.draft(key) as draft:
        stored = await contents.store(pieces(data), Segments.new(KEY, CONTEXT), draft)
        draft.commit()
    return stored


async def load(
    storage: LocalFileStorage, size: int, offset: int = 0, length: int | None = None, context: str = CONTEXT
) -> bytes:
    segments = Segments.of(KEY, context, await contents.read_header(storage, "file"))
    wanted = size if length is None else length
    return b"".join([part async for part in contents.load(storage, "file", segments, size, offset, wanted)])


@given(size=SIZES, offset=st.integers(0, 6 * SEGMENT), length=st.integers(1, 6 * SEGMENT))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_part_of_what_was_stored_comes_back(tmp_path: Path, size: int, offset: int, length: int) -> None:
    data = random.Random(size).randbytes(size)
    storage = LocalFileStorage(tmp_path)
    assert (await store(storage, data)).size == size
    assert await load(storage, size) == data
    if offset < size:
        assert await load(storage, size, offset, length) == data[offset : offset + length]


async def test_no_plaintext_lies_in_the_folder(tmp_path: Path) -> None:
    await store(LocalFileStorage(tmp_path), b"plain text " * 10_000)
    (stored,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert b"plain" not in stored.read_bytes()


def flipped(data: bytes) -> bytes:
    at = HEADER + SEALED_SEGMENT + 100
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def swapped(data: bytes) -> bytes:
    first, second = data[HEADER : HEADER + SEALED_SEGMENT], data[HEADER + SEALED_SEGMENT : HEADER + 2 * SEALED_SEGMENT]
    return data[:HEADER] + second + first + data[HEADER + 2 * SEALED_SEGMENT :]


def repeated(data: bytes) -> bytes:
    first = data[HEADER : HEADER + SEALED_SEGMENT]
    return data[:HEADER] + first + first + data[HEADER + 2 * SEALED_SEGMENT :]


def truncated(data: bytes) -> bytes:
    return data[: HEADER + 2 * SEALED_SEGMENT]


def other_prefix(data: bytes) -> bytes:
    return data[: HEADER - 1] + bytes([data[HEADER - 1] ^ 1]) + data[HEADER:]


@pytest.mark.parametrize("tamper", [flipped, swapped, repeated, truncated, other_prefix])
async def test_a_content_that_was_tampered_with_does_not_come(tmp_path: Path, tamper: Callable[[bytes], bytes]) -> None:
    size = 2 * SEGMENT + 1000
    storage = LocalFileStorage(tmp_path)
    await store(storage, random.randbytes(size))
    (path,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    path.write_bytes(tamper(path.read_bytes()))
    with pytest.raises(InvalidTag):
        await load(storage, size)


async def test_another_organisation_s_or_file_s_segments_do_not_open(tmp_path: Path) -> None:
    storage = LocalFileStorage(tmp_path)
    await store(storage, b"content")
    with pytest.raises(InvalidTag):
        await load(storage, 7, context="organisation/another/1")


async def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 3 * SEGMENT
        raise ConnectionError

    storage = LocalFileStorage(tmp_path)
    with pytest.raises(ConnectionError):
        async with storage.draft("file") as draft:
            await contents.store(broken(), Segments.new(KEY, CONTEXT), draft)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_what_is_too_large_is_refused_while_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "SIZE_LIMIT", 100_000)
    with pytest.raises(TooLarge):
        await store(LocalFileStorage(tmp_path), b"x" * 100_001)
