"""Uploads: content that comes in any number of calls, and is kept as far as it came."""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from canvas_demo.contracts.files.v1 import files_pb2 as pb
from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Conflict, DomainError, Gone, Invalid, Rejected, StorageFull, TooLarge
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.outbox import hold_organization
from canvas_demo.kernel.trace import new_id
from canvas_demo.modules.files import store
from canvas_demo.modules.files.contents import ContentWriter, Digest, Part, read, sha256_of
from canvas_demo.modules.files.domain import File, FinishUpload
from canvas_demo.modules.files.encryption import ContentKey
from canvas_demo.modules.files.keys import ContentKeys
from canvas_demo.modules.files.sniffing import HEAD, media_type_of
from canvas_demo.modules.files.storage import FileStorage
from canvas_demo.modules.files.store import FILE, Upload, folder_of

ALGORITHMS = ("sha1", "sha256", "sha512")
"""Of checksums (tus 1.0.0, extension checksum)."""
HASHES_LIMIT = 256
"""Uploads whose hash is in memory between two calls; of others the content is read once more at its end."""

ENDED = "Another request has taken this upload over, or ended it."


def ended(file_id: str) -> Gone:
    """Why a file takes no content any more, and will never have one."""
    return Gone(f"File {file_id} was deleted, or given up because its content did not come in time.")


class Incoming:
    """Content as a call brings it; ``size`` is what the caller said at its end."""

    def __init__(self, requests: AsyncIterator[pb.AppendContentRequest]) -> None:
        self._requests = requests
        self.size: int | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content, up to the word of its size."""
        async for request in self._requests:
            if request.WhichOneof("part") == "size":
                self.size = request.size
                return
            yield request.chunk


@dataclass(frozen=True)
class _Call:
    """A call that writes, as long as no other has taken its upload over."""

    file: File
    attempt: str
    upload: Upload
    key_version: int
    key: ContentKey


class Uploads:
    """What is done about contents that come."""

    def __init__(self, runtime: Runtime, storage: FileStorage, keys: ContentKeys) -> None:
        self._pool = runtime.pool
        self._settings = runtime.settings
        self._storage = storage
        self._keys = keys
        self._hashes: OrderedDict[str, Digest] = OrderedDict()

    async def create(self, connection: Connection, file: File, size: int | None, metadata: str) -> None:
        """Wait for the content of a new file. Raises `Invalid`, `TooLarge` and `StorageFull`."""
        if size is not None:
            if size < 0:
                raise Invalid("size", "must not be negative")
            self._check_size(size)
            self._check_usage(await store.usage_of(connection, file.organization_id) + size)
        await store.create_upload(connection, file.file_id, size, metadata, self._expiry())

    async def append(self, file: File, append: pb.Append, incoming: Incoming) -> None:
        """Store what comes; with the last byte the file is UPLOADED.

        Raises `Rejected` where the offset is another, `Conflict` where another call has taken over,
        `Gone` where the upload was ended, `Invalid` where a checksum or the size does not match, `TooLarge`
        and `StorageFull`.
        """
        checksum = _checksum_of(append)
        call = await self._begin(file, append)
        # Of a content that goes on, the hash so far may be known here; if not, it is read again at the end.
        whole = self._hashes.pop(call.upload.last_object, None) if call.upload.last_object else hashlib.sha256()
        kept = _Kept(self, call, at_once=checksum is None)
        hashes = [each for each in (whole, checksum) if each]
        writer = ContentWriter(
            self._storage, call.key, folder_of(file), kept.add, hashes, call.upload.parts, call.upload.offset
        )
        held = self._keys.held(file, call.key_version)
        head = b""
        try:
            async for chunk in incoming.chunks():
                await held.check()
                head += chunk[: HEAD - len(head)]
                self._check_size(writer.size + len(chunk), call.upload.size)
                await writer.write(chunk)
            await writer.end()
            _check(checksum, append)
            await kept.end()
        except BaseException:
            await writer.abandon()
            await kept.abandon()
            raise
        if incoming.size not in {None, writer.size}:
            raise Invalid("size", f"must come last, and be {writer.size}, the number of bytes before it")
        if incoming.size is not None and call.upload.size not in {None, incoming.size}:
            raise Invalid("size", f"is {call.upload.size}, as was said when the file was created")
        if writer.size == (call.upload.size if incoming.size is None else incoming.size):
            await self._finish(call, writer.size, whole, head if call.upload.offset == 0 else None)
        elif whole and kept.last_object:
            self._remember(kept.last_object, whole)

    async def compare(self, file: File, incoming: Incoming) -> None:
        """Whether what comes is the content of an UPLOADED file. Raises `Invalid` where it is another."""
        digest = await sha256_of(incoming.chunks())
        if digest.hexdigest() != file.sha256:
            raise Invalid("Idempotency-Key", "was used with another content; use another key")

    async def keep(self, call: _Call, parts: list[Part]) -> None:
        """Have parts belong to the content. Raises `Conflict` and `StorageFull`."""
        async with self._pool.connection() as connection:
            used = await store.add_parts(connection, call.file, call.attempt, call.key_version, parts, self._expiry())
            if used is None:
                raise Conflict(ENDED)
            self._check_usage(used)

    async def forget(self, parts: list[Part]) -> None:
        """Remove the objects of parts that belong to no content."""
        await self._remove([part.object for part in parts])

    async def _remove(self, objects: Sequence[str]) -> None:
        await asyncio.gather(*(self._storage.delete(each) for each in objects))

    async def _begin(self, file: File, append: pb.Append) -> _Call:
        attempt, finishing_at = new_id(), None if append.anew else append.offset
        async with self._pool.connection() as connection:
            upload = await store.take_over(connection, file.file_id, attempt, finishing_at)
            if upload is None:
                if file.status == "PENDING":  # as it was a moment ago
                    now = (await FILE.load(connection, file.file_id)).state
                    raise Conflict(ENDED) if now and now.status == "UPLOADED" else ended(file.file_id)
                raise Rejected(f"File {file.file_id} is {file.status}: it takes no content.")
            dropped: list[str] = []
            if append.anew and upload.offset > 0:
                dropped = await store.drop_parts(connection, file)
                upload = await store.find_upload(connection, file.file_id) or upload
            elif append.offset != upload.offset:
                raise Rejected(
                    f"{upload.offset} bytes are stored: go on from there, not from {append.offset}.",
                    current_offset=upload.offset,
                )
        await self._remove(dropped)
        key_version, key = await self._keys.of(file, upload.key_version or 0)
        return _Call(file, upload.attempt or attempt, upload, key_version, key)

    async def _finish(self, call: _Call, size: int, whole: Digest | None, head: bytes | None) -> None:
        file = call.file
        async with self._pool.connection() as connection:
            parts = await store.load_parts(connection, file.file_id, 0, size)
        whole = whole or await sha256_of(read(self._storage, call.key, parts, 0, size))
        if head is None:
            head = b"".join([piece async for piece in read(self._storage, call.key, parts, 0, min(size, HEAD))])
        finish = FinishUpload(size, whole.hexdigest(), call.key_version, media_type_of(head, file.media_type))
        async with self._pool.connection() as connection:
            async with connection.pipeline():
                await hold_organization(connection, file.organization_id)
                completed = await store.complete_upload(connection, file.file_id, call.attempt)
            if not completed:
                now = (await FILE.load(connection, file.file_id)).state
                if now and now.sha256 == finish.sha256:
                    return  # somebody who had only to finish it was quicker
                raise Conflict(ENDED)
            await execute(connection, FILE, file.file_id, file.organization_id, finish, datetime.now(UTC))
        # What a call left behind that was ended between storing a part and keeping it.
        await self._storage.delete_all(folder_of(file), but={part.object for part in parts})

    def _remember(self, last_object: str, whole: Digest) -> None:
        self._hashes[last_object] = whole
        while len(self._hashes) > HASHES_LIMIT:
            self._hashes.popitem(last=False)

    def _expiry(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._settings.upload_lifetime)

    def _check_size(self, size: int, said: int | None = None) -> None:
        limit = self._settings.file_size_limit
        if size > limit:
            raise TooLarge(f"A file may have at most {limit} bytes.", limit=limit)
        if said is not None and size > said:
            raise TooLarge(f"This content was said to have {said} bytes; more came.", limit=said)

    def _check_usage(self, used: int) -> None:
        limit = self._settings.organization_size_limit
        if used > limit:
            raise StorageFull(f"An organisation may store at most {limit} bytes. Delete files first.", limit=limit)


class _Kept:
    """The parts of a call: kept as they are stored or, where a checksum has to match first, all at its end."""

    def __init__(self, uploads: Uploads, call: _Call, *, at_once: bool) -> None:
        self._uploads = uploads
        self._call = call
        self._at_once = at_once
        self._held: list[Part] = []
        self.last_object: str | None = None

    async def add(self, part: Part) -> None:
        """A part was stored."""
        if self._at_once:
            await self._uploads.keep(self._call, [part])
        else:
            self._held.append(part)
        self.last_object = part.object

    async def end(self) -> None:
        """All is as it should be."""
        if not self._held:
            return
        held, self._held = self._held, []  # from here on it may be that they are kept
        try:
            await self._uploads.keep(self._call, held)
        except DomainError:
            self._held = held
            raise

    async def abandon(self) -> None:
        """It is not: what was held, and is not kept for certain, is removed."""
        await self._uploads.forget(self._held)


def _checksum_of(append: pb.Append) -> Digest | None:
    if not append.HasField("checksum"):
        return None
    if append.checksum.algorithm not in ALGORITHMS:
        raise Invalid("checksum", f"must be one of {', '.join(ALGORITHMS)}")
    return hashlib.new(append.checksum.algorithm, usedforsecurity=False)


def _check(checksum: Digest | None, append: pb.Append) -> None:
    if checksum and not hmac.compare_digest(checksum.digest(), append.checksum.digest):
        raise Invalid("checksum", f"does not match: the {append.checksum.algorithm} of what came is another")
