"""The gRPC services of canvases."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb
from canvas_demo.contracts.canvases.v1 import canvases_pb2_grpc as pb_grpc
from canvas_demo.contracts.files.v1 import files_pb2, files_pb2_grpc
from canvas_demo.contracts.kernel.v1 import subjects_pb2, subjects_pb2_grpc
from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Invalid, NotFound
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.rpc import Service, ask
from canvas_demo.kernel.tokens import current_caller
from canvas_demo.kernel.trace import new_id
from canvas_demo.kernel.values import checked_id, rfc3339
from canvas_demo.modules.canvases import domain
from canvas_demo.modules.canvases.store import CANVAS, list_rows, load_rows


class CanvasesService(pb_grpc.CanvasesServicer):
    """Canvases of the caller's organisation; those of another do not exist here."""

    def __init__(self, runtime: Runtime) -> None:
        self._pool = runtime.pool
        self._files = files_pb2_grpc.FilesStub(runtime.channels.to("files"))

    async def CreateCanvas(self, request: pb.CreateCanvasRequest, context: Any) -> pb.Canvas:
        caller = current_caller()
        canvas_id = new_id()
        command = domain.CreateCanvas(canvas_id, caller.organization_id, request.name, caller.user_id)
        async with self._pool.connection() as connection:
            await execute(connection, CANVAS, canvas_id, caller.organization_id, command, datetime.now(UTC))
            return await _read(connection, canvas_id)

    async def ListCanvases(self, request: pb.ListCanvasesRequest, context: Any) -> pb.ListCanvasesResponse:
        async with self._pool.connection() as connection:
            rows = await list_rows(connection, current_caller().organization_id)
        return pb.ListCanvasesResponse(canvases=[_message(row, []) for row in rows])

    async def GetCanvas(self, request: pb.GetCanvasRequest, context: Any) -> pb.Canvas:
        async with self._pool.connection() as connection:
            return await _read(connection, request.canvas_id)

    async def RenameCanvas(self, request: pb.RenameCanvasRequest, context: Any) -> pb.Canvas:
        return await self._change(domain.RenameCanvas(request.canvas_id, request.name), request.expected_version)

    async def ArchiveCanvas(self, request: pb.ArchiveCanvasRequest, context: Any) -> pb.Canvas:
        return await self._change(domain.ArchiveCanvas(request.canvas_id), request.expected_version)

    async def PlaceItem(self, request: pb.PlaceItemRequest, context: Any) -> pb.Canvas:
        item_id = checked_id(request.item_id, "item") if request.item_id else new_id()
        file = await self._file(request.file_id)
        place = domain.PlaceItem(request.canvas_id, item_id, request.file_id, request.x, request.y, file)
        return await self._change(place, request.expected_version)

    async def MoveItem(self, request: pb.MoveItemRequest, context: Any) -> pb.Canvas:
        move = domain.MoveItem(request.canvas_id, request.item_id, request.x, request.y)
        return await self._change(move, request.expected_version)

    async def RemoveItem(self, request: pb.RemoveItemRequest, context: Any) -> pb.Canvas:
        return await self._change(domain.RemoveItem(request.canvas_id, request.item_id), request.expected_version)

    async def _change(self, command: domain.CanvasCommand, expected_version: int) -> pb.Canvas:
        caller = current_caller()
        canvas_id = checked_id(command.canvas_id, "canvas")
        async with self._pool.connection() as connection:
            now = datetime.now(UTC)
            await execute(connection, CANVAS, canvas_id, caller.organization_id, command, now, expected_version)
            return await _read(connection, canvas_id)

    async def _file(self, file_id: str) -> domain.File:
        """The file as its owner, the module files, lets the caller see it. Raises `Invalid`."""
        try:
            file = await ask(self._files.GetFile(files_pb2.GetFileRequest(file_id=file_id)))
        except NotFound as error:
            raise Invalid("file_id", f"There is no file {file_id[:80]!r}.") from error
        if file.status == "DELETED":
            raise Invalid("file_id", f"File {file_id} was deleted.")
        return domain.File(file.status, file.name, file.media_type, file.size)


class SubjectsService(subjects_pb2_grpc.SubjectsServicer):
    """Answers for subjects ``canvas/<id>``."""

    def __init__(self, runtime: Runtime) -> None:
        self._pool = runtime.pool

    async def CheckSubject(
        self, request: subjects_pb2.CheckSubjectRequest, context: Any
    ) -> subjects_pb2.CheckSubjectResponse:
        async with self._pool.connection() as connection:
            await _read(connection, request.subject.partition("/")[2])
        return subjects_pb2.CheckSubjectResponse()


async def _read(connection: Connection, canvas_id: str) -> pb.Canvas:
    """The caller's canvas. Raises `NotFound` also where it is another organisation's."""
    row, items = await load_rows(connection, checked_id(canvas_id, "canvas"))
    if row is None or row["organization_id"] != current_caller().organization_id:
        raise NotFound(f"There is no canvas {canvas_id}.")
    return _message(row, items)


def _message(row: dict[str, Any], items: Sequence[dict[str, Any]]) -> pb.Canvas:
    return pb.Canvas(
        id=row["canvas_id"],
        name=row["name"],
        organization_id=row["organization_id"],
        archived=row["archived"],
        version=row["version"],
        created_by=row["created_by"],
        created_at=rfc3339(row["created_at"]),
        updated_at=rfc3339(row["updated_at"]),
        items=[_item(item) for item in items],
    )


def _item(row: dict[str, Any]) -> pb.Item:
    file = pb.ItemFile(status=row["status"], name=row["name"], media_type=row["media_type"], size=row["size"])
    return pb.Item(id=row["item_id"], file_id=row["file_id"], x=row["x"], y=row["y"], file=file)


def services(runtime: Runtime) -> list[Service]:
    """What canvases answers."""
    return [
        Service(pb_grpc.add_CanvasesServicer_to_server, CanvasesService(runtime), "canvas_demo.canvases.v1.Canvases"),
        Service(
            subjects_pb2_grpc.add_SubjectsServicer_to_server, SubjectsService(runtime), "canvas_demo.kernel.v1.Subjects"
        ),
    ]
