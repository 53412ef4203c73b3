"""Contents on their way: sealed and stored part by part as they come, opened a few segments at a time as they go."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from canvas_demo.kernel.errors import DomainError
from canvas_demo.kernel.trace import new_id
from canvas_demo.modules.files.encryption import SEALED_SEGMENT, SEGMENT, ContentKey, PartCipher
from canvas_demo.modules.files.storage import FileStorage

PART = 64 * SEGMENT
"""Bytes after which a part is stored; those of the parts on their way may have to be sent again."""
AT_ONCE = 3
"""Parts that are being stored while the next comes: so many, twice, and what comes are in memory."""
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
    """Seals what comes and stores it part by part: some are being stored while the next comes.

    ``keep`` is told of each part when it is stored, of one after the other in their order; where it
    refuses one, its object is removed, and no later part is kept. ``hashes`` take all the bytes in
    their order, each part's before it is kept.
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
        self._storing: deque[asyncio.Task[None]] = deque()
        self._hashing = asyncio.Lock()
        """Held by one part after the other, in their order: a lock of asyncio is given to who asked first."""
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
        await self._stored(0)

    async def abandon(self) -> None:
        """Keep nothing any more; an object that is just being written may remain, and belongs to no content."""
        for storing in self._storing:
            storing.cancel()
        await asyncio.gather(*self._storing, return_exceptions=True)

    async def _send(self) -> None:
        await self._stored(AT_ONCE - 1)
        pieces, self._waiting = self._waiting, []
        before = self._storing[-1] if self._storing else None
        self._storing.append(asyncio.create_task(self._store(pieces, self._number, self._start, before)))
        self._number, self._start = self._number + 1, self.size

    async def _stored(self, left: int) -> None:
        """Wait until no more than ``left`` parts are being stored."""
        while len(self._storing) > left:
            await asyncio.shield(self._storing[0])
            self._storing.popleft()

    async def _store(self, pieces: list[bytes], number: int, start: int, before: asyncio.Task[None] | None) -> None:
        cipher, name, size = self._key.new_part(start), f"{self._folder}/{new_id()}", sum(map(len, pieces))
        async with self._hashing:
            await asyncio.to_thread(self._hash, pieces)
        sealed = await asyncio.to_thread(_seal, cipher, pieces)
        await self._storage.put(name, sealed)
        del sealed
        try:
            if before:
                await before
        except Exception:
            await self._storage.delete(name)
            raise
        try:
            await self._keep(Part(number, start, size, name, cipher.header))
        except DomainError:  # what else may go wrong leaves open whether the part was kept
            await self._storage.delete(name)
            raise

    def _hash(self, pieces: Sequence[bytes]) -> None:
        for each in self._hashes:
            for piece in pieces:
                each.update(piece)


def _seal(cipher: PartCipher, pieces: list[bytes]) -> bytearray:
    sealed = cipher.seal(pieces)
    pieces.clear()
    return sealed


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
