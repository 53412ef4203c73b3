"""The gRPC services of files."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import structlog
from cryptography.exceptions import InvalidTag

from canvas_demo.contracts.files.v1 import files_pb2 as pb
from canvas_demo.contracts.files.v1 import files_pb2_grpc as pb_grpc
from canvas_demo.contracts.kernel.v1 import subjects_pb2, subjects_pb2_grpc
from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import DomainError, Gone, Invalid, NotFound, Rejected
from canvas_demo.kernel.idempotency import current_idempotency_key
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.outbox import hold_organization, read_stream
from canvas_demo.kernel.rpc import Service
from canvas_demo.kernel.streams import hearing_out
from canvas_demo.kernel.tokens import current_caller
from canvas_demo.kernel.trace import new_id
from canvas_demo.kernel.values import checked_id, rfc3339
from canvas_demo.modules.files import store
from canvas_demo.modules.files.contents import read
from canvas_demo.modules.files.domain import CreateFile, DeleteFile, File, checked_metadata
from canvas_demo.modules.files.keys import ContentKeys
from canvas_demo.modules.files.storage import FileStorage
from canvas_demo.modules.files.store import FILE, Shown, Upload
from canvas_demo.modules.files.sweeping import Sweeper, end
from canvas_demo.modules.files.uploads import Incoming, Uploads, ended

log = structlog.get_logger(__name__)


class FilesService(pb_grpc.FilesServicer):
    """Files of the caller's organisation; those of another do not exist here."""

    def __init__(self, runtime: Runtime, storage: FileStorage, sweeper: Sweeper) -> None:
        self._pool = runtime.pool
        self._requests = runtime.requests
        self._storage = storage
        self._sweeper = sweeper
        self._keys = ContentKeys(runtime.channels)
        self._uploads = Uploads(runtime, storage, self._keys)

    async def CreateFile(self, request: pb.CreateFileRequest, context: Any) -> pb.File:
        async def create(connection: Connection) -> pb.File:
            return await self._create(connection, request)

        created = await self._requests.once(request, pb.File, create)
        if current_idempotency_key() and await self._was_given_up(created.id):
            # The request that is repeated here has not come to its end, and what it had begun was undone.
            await self._requests.forget(request, created)
            created = await self._requests.once(request, pb.File, create)
        if created.status == "PENDING" and request.HasField("size") and request.size == 0:
            return (await self._append(pb.Append(file_id=created.id, anew=True), Incoming(_nothing()))).file
        return created

    async def AppendContent(self, request_iterator: AsyncIterator[pb.AppendContentRequest], context: Any) -> pb.Upload:
        requests = aiter(request_iterator)
        first = await anext(requests, None)
        async with hearing_out(requests, context):
            if first is None or not first.append.file_id:
                raise Invalid("file_id", "must come first")
            return await self._append(first.append, Incoming(requests))

    async def GetUpload(self, request: pb.GetUploadRequest, context: Any) -> pb.Upload:
        return await self._upload(request.file_id, though_ended=request.though_ended)

    async def GetFile(self, request: pb.GetFileRequest, context: Any) -> pb.File:
        return await self._file(request.file_id)

    async def ReadContent(self, request: pb.ReadContentRequest, context: Any) -> AsyncIterator[pb.ReadContentResponse]:
        async with self._pool.connection() as connection:
            file = (await _read(connection, request.file_id)).file
        if file.status != "UPLOADED":
            raise Rejected(f"File {file.file_id} is {file.status}: it has no content.")
        if request.offset < 0 or request.length < 0:
            raise Invalid("offset", "and length must not be negative")
        length = min(request.length or file.size, max(file.size - request.offset, 0))
        try:
            async for chunk in self._content(file, request.offset, length):
                yield pb.ReadContentResponse(chunk=chunk)
        except (InvalidTag, FileNotFoundError, ValueError) as error:
            await self._file(file.file_id)  # deleted while it was read: NotFound
            log.exception("content was tampered with", file_id=file.file_id)
            raise DomainError(f"The content of file {file.file_id} is not what was stored.") from error

    async def DeleteFile(self, request: pb.DeleteFileRequest, context: Any) -> pb.File:
        async def delete(connection: Connection) -> pb.File:
            shown = await _read(connection, request.file_id)
            await hold_organization(connection, shown.file.organization_id)
            # Whoever finishes it ends its upload, too: one of both does.
            if not request.unfinished or await store.give_up(connection, shown.file.file_id):
                await end(connection, shown.file.file_id, DeleteFile(), request.expected_version)
            return _message(await store.show(connection, shown.file.file_id) or shown)

        after = await self._requests.once(request, pb.File, delete)
        if not request.unfinished or after.status != "UPLOADED":
            await self._sweeper.remove(after.id, f"{after.organization_id}/{after.id}")
        return after

    async def _content(self, file: File, offset: int, length: int) -> AsyncIterator[bytes]:
        _, key = await self._keys.of(file, file.key_version)
        held = self._keys.held(file, file.key_version)
        async with self._pool.connection() as connection:
            parts = await store.load_parts(connection, file.file_id, offset, offset + length)
        async for chunk in read(self._storage, key, parts, offset, length):
            await held.check()
            yield chunk

    async def _create(self, connection: Connection, request: pb.CreateFileRequest) -> pb.File:
        caller, file_id = current_caller(), new_id()
        create = CreateFile(
            file_id, caller.organization_id, request.name, request.media_type, dict(request.attributes), caller.user_id
        )
        done = await execute(connection, FILE, file_id, caller.organization_id, create, datetime.now(UTC))
        size = request.size if request.HasField("size") else None
        await self._uploads.create(connection, done.state, size, checked_metadata(request.metadata))
        return _message(await _read(connection, file_id))

    async def _append(self, append: pb.Append, incoming: Incoming) -> pb.Upload:
        if append.anew and current_idempotency_key() and (uploaded := await self._as_uploaded(append.file_id)):
            await self._uploads.compare(uploaded.file, incoming)
            return _upload_message(uploaded, None)
        async with self._pool.connection() as connection:
            file = (await _read_ended(connection, append.file_id)).file
        await self._uploads.append(file, append, incoming)
        return await self._upload(append.file_id)

    async def _as_uploaded(self, file_id: str) -> Shown | None:
        """The file as it was UPLOADED, also where it was deleted since; None where it never was."""
        async with self._pool.connection() as connection:
            shown = await _own(connection, file_id)
            if shown.file.status != "DELETED" or not shown.file.sha256:
                return shown if shown.file.status == "UPLOADED" else None
            *stream, _ = await read_stream(connection, (FILE.type, shown.file.file_id))
        file = FILE.replay(stream)
        return Shown(file, stream[-1].aggregate_version, shown.created_at, stream[-1].occurred_at) if file else None

    async def _was_given_up(self, file_id: str) -> bool:
        async with self._pool.connection() as connection:
            return await store.was_given_up(connection, file_id)

    async def _file(self, file_id: str) -> pb.File:
        async with self._pool.connection() as connection:
            return _message(await _read(connection, file_id))

    async def _upload(self, file_id: str, *, though_ended: bool = False) -> pb.Upload:
        async with self._pool.connection() as connection:
            # In this order: what is not waited for, and is PENDING after that, will never come.
            upload = await store.find_upload(connection, checked_id(file_id, "file"))
            shown = await (_own if though_ended else _read_ended)(connection, file_id)
        if upload is None and shown.file.status == "PENDING" and not though_ended:
            raise ended(file_id)
        return _upload_message(shown, upload)


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


async def _nothing() -> AsyncIterator[pb.AppendContentRequest]:
    return
    yield  # an async generator


async def _read(connection: Connection, file_id: str) -> Shown:
    """The caller's file. Raises `NotFound` also where it is another organisation's, or was deleted."""
    try:
        return await _read_ended(connection, file_id)
    except Gone as error:
        raise NotFound(f"There is no file {file_id}.") from error


async def _read_ended(connection: Connection, file_id: str) -> Shown:
    """The same for one who uploads it: `Gone` where it was deleted, or given up."""
    shown = await _own(connection, file_id)
    if shown.file.status == "DELETED":
        raise ended(file_id)
    return shown


async def _own(connection: Connection, file_id: str) -> Shown:
    """The same, also where it was deleted."""
    shown = await store.show(connection, checked_id(file_id, "file"))
    if shown is None or shown.file.organization_id != current_caller().organization_id:
        raise NotFound(f"There is no file {file_id}.")
    return shown


def _message(shown: Shown) -> pb.File:
    file = {**vars(shown.file), "id": shown.file.file_id}
    del file["file_id"]
    return pb.File(
        **file, version=shown.version, created_at=rfc3339(shown.created_at), updated_at=rfc3339(shown.updated_at)
    )


def _upload_message(shown: Shown, upload: Upload | None) -> pb.Upload:
    message = pb.Upload(file=_message(shown), offset=shown.file.size)
    if upload:
        message.metadata = upload.metadata
        if upload.size is not None:
            message.size = upload.size
        if upload.expires_at and shown.file.status == "PENDING":
            message.offset, message.expires_at = upload.offset, rfc3339(upload.expires_at)
    return message


def services(runtime: Runtime, storage: FileStorage, sweeper: Sweeper) -> list[Service]:
    """What files answers."""
    files = FilesService(runtime, storage, sweeper)
    return [
        Service(pb_grpc.add_FilesServicer_to_server, files, "canvas_demo.files.v1.Files"),
        Service(
            subjects_pb2_grpc.add_SubjectsServicer_to_server, SubjectsService(runtime), "canvas_demo.kernel.v1.Subjects"
        ),
    ]
