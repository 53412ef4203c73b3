"""Contents on their way: sealed and stored part by part as they come, opened a few segments at a time as they go."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from canvas_demo.kernel.trace import new_id
from canvas_demo.modules.files.encryption import SEALED_SEGMENT, SEGMENT, ContentKey, PartCipher
from canvas_demo.modules.files.storage import FileStorage

PART = 64 * SEGMENT
"""Bytes after which a part is stored: so much of an upload is in memory, and may have to be sent again."""
READ = 16 * SEGMENT
"""Bytes that are read and opened at once."""


class Digest(Protocol):
    """A hash of `hashlib` that takes more and more bytes."""

    def update(self, data: bytes, /) -> None:
        """Take the next bytes."""

    def digest(self) -> bytes:
        """The hash of what it took."""

    def hexdigest(self) -> str:
        """The same in hex digits."""


@dataclass(frozen=True)
class Part:
    """Where a part of a content lies: ``size`` bytes from the byte ``start``, sealed in ``object``."""

    number: int
    start: int
    size: int
    object: str
    header: bytes


class ContentWriter:
    """Seals what comes and stores it part by part: one is being stored while the next comes.

    ``keep`` is told of each part when it is stored; where it raises, the part's object is removed.
    ``hashes`` take all the bytes in their order, each part's before it is kept.
    """

    def __init__(
        self,
        storage: FileStorage,
        key: ContentKey,
        folder: str,
        keep: Callable[[Part], Awaitable[None]],
        hashes: Sequence[Digest],
        number: int,
        start: int,
    ) -> None:
        self._storage, self._key, self._folder = storage, key, folder
        self._keep, self._hashes = keep, hashes
        self._number, self._start = number, start
        self._waiting: list[bytes] = []
        self._storing: asyncio.Task[None] | None = None
        self.size = start
        """Bytes of the content so far, stored or not."""

    async def write(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._waiting.append(chunk)
        self.size += len(chunk)
        if self.size - self._start >= PART:
            await self._send()

    async def end(self) -> None:
        """Store what is left; all that came is stored when this returns."""
        if self.size > self._start:
            await self._send()
        await self._stored()

    async def abandon(self) -> None:
        """Store nothing any more."""
        if self._storing:
            self._storing.cancel()
            await asyncio.wait([self._storing])

    async def _send(self) -> None:
        await self._stored()
        plain, self._waiting = b"".join(self._waiting), []
        self._storing = asyncio.create_task(self._store(plain, self._number, self._start))
        self._number, self._start = self._number + 1, self.size

    async def _stored(self) -> None:
        if self._storing:
            storing, self._storing = self._storing, None
            try:
                await asyncio.shield(storing)
            except asyncio.CancelledError:
                storing.cancel()
                raise

    async def _store(self, plain: bytes, number: int, start: int) -> None:
        cipher = self._key.new_part(start)
        name = f"{self._folder}/{new_id()}"
        await self._storage.put(name, await asyncio.to_thread(self._seal, cipher, plain))
        try:
            await self._keep(Part(number, start, len(plain), name, cipher.header))
        except Exception:
            await self._storage.delete(name)
            raise

    def _seal(self, cipher: PartCipher, plain: bytes) -> bytearray:
        for each in self._hashes:
            each.update(plain)
        return cipher.seal(plain)


async def read(
    storage: FileStorage, key: ContentKey, parts: Sequence[Part], offset: int, length: int
) -> AsyncIterator[bytes]:
    """``length`` bytes from ``offset`` on of a content; ``parts`` are those that hold them.

    One piece is read while the one before it goes. Raises `cryptography.exceptions.InvalidTag` at the
    first segment that is not what was stored, and FileNotFoundError where something of it is gone.
    """
    pieces = _pieces(parts, offset, offset + length)
    if sum(until - first for _, first, until in pieces) != length:
        raise FileNotFoundError(f"the parts of this content do not hold its bytes {offset} to {offset + length - 1}")
    ahead: asyncio.Task[bytes] | None = None
    try:
        for piece in pieces:
            reading, ahead = ahead, asyncio.create_task(_open(storage, key, *piece))
            if reading:
                yield await reading
        if ahead:
            yield await ahead
    finally:
        if ahead:
            ahead.cancel()


def _pieces(parts: Sequence[Part], offset: int, end: int) -> Sequence[tuple[Part, int, int]]:
    """What is read at once: of a part, the bytes from one place in it to another."""
    pieces = []
    for part in parts:
        first, last = max(offset - part.start, 0), min(end - part.start, part.size)
        while first < last:
            until = min(first // SEGMENT * SEGMENT + READ, last)
            pieces.append((part, first, until))
            first = until
    return pieces


async def _open(storage: FileStorage, key: ContentKey, part: Part, first: int, until: int) -> bytes:
    segment, last = first // SEGMENT, (part.size - 1) // SEGMENT
    segments = (until - 1) // SEGMENT - segment + 1
    sealed = await storage.read(part.object, segment * SEALED_SEGMENT, segments * SEALED_SEGMENT)
    cipher = key.part(part.start, part.header)
    plain = await asyncio.to_thread(cipher.open, sealed, segment, last)
    start = segment * SEGMENT
    wanted = plain[first - start : until - start]
    if len(wanted) != until - first:
        raise FileNotFoundError(f"{part.object} ends before its segment {segment + segments - 1}")
    return wanted


async def sha256_of(content: AsyncIterator[bytes]) -> Digest:
    """The SHA-256 of a content, open for more."""
    digest = hashlib.sha256()
    async for chunk in content:
        await asyncio.to_thread(digest.update, chunk)
    return digest
