"""The gRPC services of canvases."""

from datetime import UTC, datetime
from typing import Any

from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb
from canvas_demo.contracts.canvases.v1 import canvases_pb2_grpc as pb_grpc
from canvas_demo.contracts.files.v1 import files_pb2, files_pb2_grpc
from canvas_demo.contracts.kernel.v1 import subjects_pb2, subjects_pb2_grpc
from canvas_demo.kernel.aggregate import Executed, begin, execute
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Invalid, NotFound
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.outbox import is_forgotten
from canvas_demo.kernel.rpc import Service, ask
from canvas_demo.kernel.tokens import current_caller
from canvas_demo.kernel.trace import new_id
from canvas_demo.kernel.values import checked_id, rfc3339
from canvas_demo.modules.canvases import domain
from canvas_demo.modules.canvases.paging import page_of, token_after
from canvas_demo.modules.canvases.store import CANVAS, Shown, hold_file, list_canvases, show, show_past

ItemChange = (
    pb.MoveItemRequest | pb.ResizeItemRequest | pb.ReorderItemRequest | pb.EditNoteRequest | pb.RemoveItemRequest
)
Change = pb.RenameCanvasRequest | pb.ArchiveCanvasRequest | pb.RestoreCanvasRequest | ItemChange


class CanvasesService(pb_grpc.CanvasesServicer):
    """Canvases of the caller's organisation; those of another do not exist here."""

    def __init__(self, runtime: Runtime) -> None:
        self._pool = runtime.pool
        self._requests = runtime.requests
        self._files = files_pb2_grpc.FilesStub(runtime.channels.to("files"))

    async def CreateCanvas(self, request: pb.CreateCanvasRequest, context: Any) -> pb.Canvas:
        caller = current_caller()
        canvas_id = new_id()
        command = domain.CreateCanvas(canvas_id, caller.organization_id, request.name, caller.user_id)

        async def create(connection: Connection) -> pb.Canvas:
            now = datetime.now(UTC)
            return _changed(await begin(connection, CANVAS, canvas_id, caller.organization_id, command, now))

        return await self._requests.once(request, pb.Canvas, create)

    async def ListCanvases(self, request: pb.ListCanvasesRequest, context: Any) -> pb.ListCanvasesResponse:
        page = page_of(request)
        async with self._pool.connection() as connection:
            found, is_last = await list_canvases(connection, current_caller().organization_id, page)
        token = "" if is_last else token_after(found[-1], page.key)
        return pb.ListCanvasesResponse(canvases=[_message(shown) for shown in found], next_page_token=token)

    async def GetCanvas(self, request: pb.GetCanvasRequest, context: Any) -> pb.Canvas:
        async with self._pool.connection() as connection:
            canvas = await _read(connection, request.canvas_id, request.version)
            canvas.forgotten = await is_forgotten(connection, canvas.organization_id)
        return canvas

    async def RenameCanvas(self, request: pb.RenameCanvasRequest, context: Any) -> pb.Canvas:
        return await self._change(request, domain.RenameCanvas(request.canvas_id, request.name))

    async def ArchiveCanvas(self, request: pb.ArchiveCanvasRequest, context: Any) -> pb.Canvas:
        return await self._change(request, domain.ArchiveCanvas(request.canvas_id))

    async def RestoreCanvas(self, request: pb.RestoreCanvasRequest, context: Any) -> pb.Canvas:
        return await self._change(request, domain.RestoreCanvas(request.canvas_id))

    async def PlaceItem(self, request: pb.PlaceItemRequest, context: Any) -> pb.Canvas:
        item_id = checked_id(request.item_id, "item") if request.item_id else new_id()

        async def place(connection: Connection) -> pb.Canvas:
            file_id, file = await self._file(connection, request.file_id) if request.file_id else ("", None)
            at = (request.x, request.y)
            command = domain.PlaceItem(request.canvas_id, item_id, file_id, *at, file, request.text)
            return await _change(connection, command, request.expected_version)

        return await self._requests.once(request, pb.Canvas, place)

    async def MoveItem(self, request: pb.MoveItemRequest, context: Any) -> pb.Canvas:
        move = domain.MoveItem(request.canvas_id, _item_id(request), request.x, request.y)
        return await self._change(request, move)

    async def ResizeItem(self, request: pb.ResizeItemRequest, context: Any) -> pb.Canvas:
        resize = domain.ResizeItem(request.canvas_id, _item_id(request), request.width, request.height)
        return await self._change(request, resize)

    async def ReorderItem(self, request: pb.ReorderItemRequest, context: Any) -> pb.Canvas:
        reorder = domain.ReorderItem(request.canvas_id, _item_id(request), request.layer)
        return await self._change(request, reorder)

    async def EditNote(self, request: pb.EditNoteRequest, context: Any) -> pb.Canvas:
        edit = domain.EditNote(request.canvas_id, _item_id(request), request.text)
        return await self._change(request, edit)

    async def RemoveItem(self, request: pb.RemoveItemRequest, context: Any) -> pb.Canvas:
        return await self._change(request, domain.RemoveItem(request.canvas_id, _item_id(request)))

    async def _change(self, request: Change, command: domain.CanvasCommand) -> pb.Canvas:
        return await self._requests.once(
            request, pb.Canvas, lambda connection: _change(connection, command, request.expected_version)
        )

    async def _file(self, connection: Connection, given: str) -> tuple[str, domain.File]:
        """The file as its owner, the module files, lets the caller see it, under its one id. Raises `Invalid`."""
        try:
            file_id = checked_id(given, "file")
            await hold_file(connection, file_id)
            file = await ask(self._files.GetFile(files_pb2.GetFileRequest(file_id=file_id)))
        except NotFound as error:
            raise Invalid("file_id", f"There is no file {given[:80]!r}.") from error
        return file_id, domain.File(file.status, file.name, file.media_type, file.size, file.version)


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


def _item_id(request: ItemChange) -> str:
    return checked_id(request.item_id, "item")


async def _change(connection: Connection, command: domain.CanvasCommand, expected_version: int) -> pb.Canvas:
    canvas_id, organization_id = checked_id(command.canvas_id, "canvas"), current_caller().organization_id
    now = datetime.now(UTC)
    return _changed(await execute(connection, CANVAS, canvas_id, organization_id, command, now, expected_version))


def _changed(done: Executed[domain.Canvas]) -> pb.Canvas:
    """The canvas after a command: what was written need not be read again."""
    return _message(Shown(done.state, done.version, done.created_at, done.updated_at))


async def _read(connection: Connection, canvas_id: str, version: int = 0) -> pb.Canvas:
    """The caller's canvas, as it is or as it was. Raises `NotFound` also where it is another organisation's."""
    id_ = checked_id(canvas_id, "canvas")
    if version < 0:
        raise Invalid("version", "must not be negative")
    shown = await (show_past(connection, id_, version) if version else show(connection, id_))
    if shown is None or shown.canvas.organization_id != current_caller().organization_id:
        raise NotFound(f"There is no canvas {canvas_id}" + (f" of version {version}." if version else "."))
    return _message(shown)


def _message(shown: Shown) -> pb.Canvas:
    canvas = shown.canvas
    return pb.Canvas(
        id=canvas.canvas_id,
        name=canvas.name,
        organization_id=canvas.organization_id,
        archived=canvas.archived,
        version=shown.version,
        created_by=canvas.created_by,
        created_at=rfc3339(shown.created_at),
        updated_at=rfc3339(shown.updated_at),
        items=[_item(item) for item in sorted(canvas.items.values(), key=lambda item: (item.layer, item.item_id))],
    )


def _item(item: domain.Item) -> pb.Item:
    return pb.Item(
        id=item.item_id,
        kind=item.kind,
        file_id=item.file_id,
        x=item.x,
        y=item.y,
        file=domain.message_of(item.file) if item.file else None,
        width=item.width,
        height=item.height,
        layer=item.layer,
        text=item.text,
    )


def services(runtime: Runtime) -> list[Service]:
    """What canvases answers."""
    return [
        Service(pb_grpc.add_CanvasesServicer_to_server, CanvasesService(runtime), "canvas_demo.canvases.v1.Canvases"),
        Service(
            subjects_pb2_grpc.add_SubjectsServicer_to_server, SubjectsService(runtime), "canvas_demo.kernel.v1.Subjects"
        ),
    ]
