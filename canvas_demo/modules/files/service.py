"""The gRPC services of files."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import structlog
from cryptography.exceptions import InvalidTag

from canvas_demo.contracts.files.v1 import files_pb2 as pb
from canvas_demo.contracts.files.v1 import files_pb2_grpc as pb_grpc
from canvas_demo.contracts.kernel.v1 import subjects_pb2, subjects_pb2_grpc
from canvas_demo.contracts.keys.v1 import keys_pb2, keys_pb2_grpc
from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import DomainError, Invalid, NotFound, Rejected
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.rpc import Service, ask
from canvas_demo.kernel.tokens import current_caller
from canvas_demo.kernel.trace import new_id
from canvas_demo.kernel.values import checked_id, rfc3339
from canvas_demo.modules.files import contents
from canvas_demo.modules.files.domain import CreateFile, DeleteFile, File, FinishUpload
from canvas_demo.modules.files.encryption import Segments
from canvas_demo.modules.files.storage import LocalFileStorage
from canvas_demo.modules.files.store import FILE, Shown, show

log = structlog.get_logger(__name__)


class FilesService(pb_grpc.FilesServicer):
    """Files of the caller's organisation; those of another do not exist here."""

    def __init__(self, runtime: Runtime, storage: LocalFileStorage) -> None:
        self._pool = runtime.pool
        self._storage = storage
        self._keys = keys_pb2_grpc.KeysStub(runtime.channels.to("keys"))

    async def CreateFile(self, request: pb.CreateFileRequest, context: Any) -> pb.File:
        caller, file_id = current_caller(), new_id()
        create = CreateFile(
            file_id, caller.organization_id, request.name, request.media_type, dict(request.attributes), caller.user_id
        )
        async with self._pool.connection() as connection:
            await execute(connection, FILE, file_id, caller.organization_id, create, datetime.now(UTC))
            return _message(await _read(connection, file_id))

    async def UploadContent(self, request_iterator: AsyncIterator[pb.UploadContentRequest], context: Any) -> pb.File:
        caller = current_caller()
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.file_id:
            raise Invalid("file_id", "must come first")
        file = (await self._find(first.file_id)).file
        if file.status != "PENDING":
            raise Rejected(f"File {file.file_id} is {file.status}: it takes no content.")
        key = await self._key(caller.organization_id, 0)
        segments = Segments.new(key.key, _context(file, key.key_version))
        async with self._storage.draft(file.file_id) as draft:
            incoming = _Incoming(request_iterator)
            stored = await contents.store(incoming.chunks(), segments, draft)
            if stored.size != incoming.size:
                raise Invalid("size", f"must come last, and be {stored.size}, the number of bytes before it")
            await asyncio.to_thread(draft.commit)
        finish = FinishUpload(stored.size, stored.sha256, key.key_version)
        async with self._pool.connection() as connection:
            now = datetime.now(UTC)
            await execute(connection, FILE, file.file_id, caller.organization_id, finish, now)
            return _message(await _read(connection, file.file_id))

    async def GetFile(self, request: pb.GetFileRequest, context: Any) -> pb.File:
        return _message(await self._find(request.file_id))

    async def ReadContent(self, request: pb.ReadContentRequest, context: Any) -> AsyncIterator[pb.ReadContentResponse]:
        file = (await self._find(request.file_id)).file
        if file.status != "UPLOADED":
            raise Rejected(f"File {file.file_id} is {file.status}: it has no content.")
        if request.offset < 0 or request.length < 0:
            raise Invalid("offset", "and length must not be negative")
        key = await self._key(file.organization_id, file.key_version)
        header = await contents.read_header(self._storage, file.file_id)
        segments = Segments.of(key.key, _context(file, key.key_version), header)
        length = request.length or file.size
        try:
            async for chunk in contents.load(self._storage, file.file_id, segments, file.size, request.offset, length):
                yield pb.ReadContentResponse(chunk=chunk)
        except InvalidTag as error:
            log.exception("content was tampered with", file_id=file.file_id)
            raise DomainError(f"The content of file {file.file_id} is not what was stored.") from error

    async def DeleteFile(self, request: pb.DeleteFileRequest, context: Any) -> pb.File:
        caller = current_caller()
        shown = await self._find(request.file_id)
        async with self._pool.connection() as connection:
            now = datetime.now(UTC)
            done = await execute(connection, FILE, shown.file.file_id, caller.organization_id, DeleteFile(), now)
        await self._storage.delete(shown.file.file_id)
        return _message(Shown(done.state, done.version, shown.created_at, now))

    async def _find(self, file_id: str) -> Shown:
        async with self._pool.connection() as connection:
            return await _read(connection, file_id)

    async def _key(self, organization_id: str, version: int) -> keys_pb2.DataKey:
        request = keys_pb2.GetDataKeyRequest(organization_id=organization_id, key_version=version)
        return await ask(self._keys.GetDataKey(request))


class SubjectsService(subjects_pb2_grpc.SubjectsServicer):
    """Answers for subjects ``file/<id>``."""

    def __init__(self, runtime: Runtime) -> None:
        self._pool = runtime.pool

    async def CheckSubject(
        self, request: subjects_pb2.CheckSubjectRequest, context: Any
    ) -> subjects_pb2.CheckSubjectResponse:
        async with self._pool.connection() as connection:
            await _read(connection, request.subject.partition("/")[2])
        return subjects_pb2.CheckSubjectResponse()


class _Incoming:
    """An upload as it comes in; ``size`` is what the caller said at its end."""

    def __init__(self, requests: AsyncIterator[pb.UploadContentRequest]) -> None:
        self._requests = requests
        self.size: int | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content, up to the word of its size."""
        async for request in self._requests:
            if request.WhichOneof("part") == "size":
                self.size = request.size
                return
            yield request.chunk


async def _read(connection: Connection, file_id: str) -> Shown:
    """The caller's file. Raises `NotFound` also where it is another organisation's, or was deleted."""
    shown = await show(connection, checked_id(file_id, "file"))
    if (
        shown is None
        or shown.file.organization_id != current_caller().organization_id
        or shown.file.status == "DELETED"
    ):
        raise NotFound(f"There is no file {file_id}.")
    return shown


def _context(file: File, key_version: int) -> str:
    return f"{file.organization_id}/{file.file_id}/{key_version}"


def _message(shown: Shown) -> pb.File:
    file = {**vars(shown.file), "id": shown.file.file_id}
    del file["file_id"]
    return pb.File(
        **file, version=shown.version, created_at=rfc3339(shown.created_at), updated_at=rfc3339(shown.updated_at)
    )


def services(runtime: Runtime, storage: LocalFileStorage) -> list[Service]:
    """What files answers."""
    return [
        Service(pb_grpc.add_FilesServicer_to_server, FilesService(runtime, storage), "canvas_demo.files.v1.Files"),
        Service(
            subjects_pb2_grpc.add_SubjectsServicer_to_server, SubjectsService(runtime), "canvas_demo.kernel.v1.Subjects"
        ),
    ]
