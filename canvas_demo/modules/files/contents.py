"""Contents on their way: encrypted as they come, decrypted as they go, a few segments at a time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from canvas_demo.kernel.errors import TooLarge
from canvas_demo.modules.files.encryption import HEADER, SEALED_SEGMENT, SEGMENT, Segments
from canvas_demo.modules.files.storage import Draft, LocalFileStorage

BATCH = 16
"""Segments that are encrypted or decrypted at once, in a thread of their own."""
SIZE_LIMIT = 1024**3
"""Bytes of the largest content."""


@dataclass(frozen=True)
class Stored:
    """What was stored: bytes, and the SHA-256 of the plaintext in hex digits."""

    size: int
    sha256: str


class _Writer:
    def __init__(self, segments: Segments, draft: Draft) -> None:
        self._segments = segments
        self._draft = draft
        self._hash = hashlib.sha256()
        self._number = 0

    def write(self, plain: bytes, *, last: bool) -> None:
        """Encrypt and write whole segments, and at the last also the rest; blocks."""
        self._hash.update(plain)
        view = memoryview(plain)
        starts = range(0, max(len(plain), 1), SEGMENT)
        for start in starts:
            ends = last and start == starts[-1]
            self._draft.write(self._segments.seal(self._number, view[start : start + SEGMENT], last=ends))
            self._number += 1

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


async def store(chunks: AsyncIterator[bytes], segments: Segments, draft: Draft) -> Stored:
    """Encrypt what ``chunks`` brings into a draft. Raises `TooLarge`, and whatever ``chunks`` does."""
    writer = _Writer(segments, draft)
    await asyncio.to_thread(draft.write, segments.header)
    waiting, size, batch = bytearray(), 0, BATCH * SEGMENT
    async for chunk in chunks:
        size += len(chunk)
        if size > SIZE_LIMIT:
            raise TooLarge(f"A file may have at most {SIZE_LIMIT} bytes.", limit=SIZE_LIMIT)
        waiting += chunk
        while len(waiting) > batch:
            plain = bytes(waiting[:batch])
            del waiting[:batch]
            await asyncio.to_thread(writer.write, plain, last=False)
    await asyncio.to_thread(writer.write, bytes(waiting), last=True)
    return Stored(size, writer.sha256)


async def read_header(storage: LocalFileStorage, key: str) -> bytes:
    """The header of a content. Raises FileNotFoundError."""
    return await asyncio.to_thread(storage.read, key, 0, HEADER)


async def load(
    storage: LocalFileStorage, key: str, segments: Segments, size: int, offset: int, length: int
) -> AsyncIterator[bytes]:
    """``length`` bytes from ``offset`` of a content of ``size`` bytes.

    Raises `cryptography.exceptions.InvalidTag` at the first segment that is not what was stored.
    """
    last = max(size - 1, 0) // SEGMENT
    end = min(offset + length, size)
    first = offset // SEGMENT
    for start in range(first, max(end - 1, 0) // SEGMENT + 1, BATCH):
        stop = min(start + BATCH - 1, max(end - 1, 0) // SEGMENT)
        plain = await asyncio.to_thread(_open, storage, key, segments, start, stop, last)
        yield plain[max(offset - start * SEGMENT, 0) : end - start * SEGMENT]


def _open(storage: LocalFileStorage, key: str, segments: Segments, start: int, stop: int, last: int) -> bytes:
    sealed = memoryview(storage.read(key, HEADER + start * SEALED_SEGMENT, (stop - start + 1) * SEALED_SEGMENT))
    return b"".join(
        segments.open(
            number,
            sealed[(number - start) * SEALED_SEGMENT : (number - start + 1) * SEALED_SEGMENT],
            last=number == last,
        )
        for number in range(start, stop + 1)
    )
