"""One-shot uploads: a file goes through to its module as it arrives, and lies on the canvas from the start."""

import asyncio
import math
import random
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import structlog
from fastapi import APIRouter, Path, Request, Response
from grpc.aio import StreamUnaryCall

from canvas_demo.contracts.canvases.v1 import canvases_pb2
from canvas_demo.contracts.files.v1 import files_pb2
from canvas_demo.gateway.callers import Caller, Metadata
from canvas_demo.gateway.clients import Clients, Modules
from canvas_demo.gateway.content import media_type_of
from canvas_demo.gateway.edge import BODY_LIMIT
from canvas_demo.gateway.models import ItemFile, Upload, file_of, item_of
from canvas_demo.gateway.multipart import PartBegins, PartEnds, Piece, read_form
from canvas_demo.gateway.problems import documented
from canvas_demo.kernel.errors import Conflict, DomainError, Invalid
from canvas_demo.kernel.rpc import ask
from canvas_demo.kernel.trace import new_id
from canvas_demo.kernel.values import checked_coordinate

log = structlog.get_logger(__name__)
T = TypeVar("T")

router = APIRouter(prefix="/api/canvases", tags=["canvases"])

FIELD_LIMIT = 1024
"""Bytes of a field that is no file."""
ATTEMPTS = 8
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "Its name is the file's name."},
                        "x": {"type": "number", "default": 0},
                        "y": {"type": "number", "default": 0},
                    },
                }
            }
        },
    }
}


@router.post(
    "/{canvas_id}/files",
    status_code=201,
    summary="Upload a file to a canvas",
    openapi_extra=FORM,
    responses=documented(401, 404, 409, 413, 415, 422),
)
async def upload_file(
    caller: Caller,
    canvas_id: Annotated[str, Path(json_schema_extra={"format": "uuid"})],
    modules: Modules,
    request: Request,
    response: Response,
) -> Upload:
    """Places an item and stores the file. An upload that does not come to its end leaves neither."""
    await ask(modules.canvases.GetCanvas(canvases_pb2.GetCanvasRequest(canvas_id=canvas_id), metadata=caller))
    request.scope[BODY_LIMIT] = math.inf
    upload = _Upload(modules, caller, canvas_id)
    try:
        async for piece in read_form(request.stream(), request.headers.get("content-type", "")):
            await upload.take(piece)
        answer = await upload.finish()
    except BaseException:
        await upload.undo()
        raise
    response.headers["Location"] = f"/api/files/{answer.file.id}"
    return answer


class _Upload:
    """An upload on its way: the item is placed when the file begins, the file is UPLOADED when the form has ended."""

    def __init__(self, modules: Clients, caller: Metadata, canvas_id: str) -> None:
        self._modules = modules
        self._caller = caller
        self._canvas_id = canvas_id
        self._item_id = new_id()
        self._item: canvases_pb2.Item | None = None
        self._file_id = ""
        self._content: StreamUnaryCall[files_pb2.UploadContentRequest, files_pb2.File] | None = None
        self._x = self._y = 0.0
        self._size = 0
        self._part: PartBegins | None = None
        self._text = b""

    async def take(self, piece: Piece) -> None:
        """Go on with the next piece of the form."""
        if isinstance(piece, PartBegins):
            self._part, self._text = piece, b""
            if piece.name == "file":
                await self._begin_file(piece)
        elif self._part is None:
            raise Invalid("body", "has content outside of its parts")
        elif isinstance(piece, PartEnds):
            self._end_field(self._part.name)
        elif self._part.name == "file":
            self._size += len(piece)
            await self._send(files_pb2.UploadContentRequest(chunk=piece))
        else:
            self._text += piece
            if len(self._text) > FIELD_LIMIT:
                raise Invalid(self._part.name, f"must have at most {FIELD_LIMIT} bytes")

    async def finish(self) -> Upload:
        """The form was read to its end: only now is the content complete."""
        if self._item is None or self._content is None:
            raise Invalid("file", "is missing")
        if (self._item.x, self._item.y) != (self._x, self._y):
            await self._move_item()
        await self._send(files_pb2.UploadContentRequest(size=self._size))
        await self._content.done_writing()
        file = file_of(await ask(self._content))
        item = item_of(self._item)
        item.file = ItemFile(status=file.status, name=file.name, media_type=file.media_type, size=file.size)
        return Upload(item=item, file=file)

    async def undo(self) -> None:
        """Leave nothing: the file is deleted, and its event takes the item off the canvas."""
        if self._content is not None:
            self._content.cancel()
        if not self._file_id:
            return
        delete = files_pb2.DeleteFileRequest(file_id=self._file_id)
        try:
            await _repeated(lambda: self._modules.files.DeleteFile(delete, metadata=self._caller))
        except DomainError as error:
            log.warning("file of a broken upload not deleted", file_id=self._file_id, error=error.detail)

    async def _begin_file(self, part: PartBegins) -> None:
        if self._file_id:
            raise Invalid("file", "must be one file")
        if part.filename is None:
            raise Invalid("file", "must be a file, with a name")
        new = files_pb2.CreateFileRequest(name=part.filename, media_type=media_type_of(part.media_type))
        try:
            file = await ask(self._modules.files.CreateFile(new, metadata=self._caller))
        except Invalid as error:
            raise Invalid("file", f"{error.metadata['field']}: {error.detail}") from error
        self._file_id = file.id
        await self._place_item()
        self._content = self._modules.files.UploadContent(metadata=self._caller)
        await self._send(files_pb2.UploadContentRequest(file_id=file.id))

    def _end_field(self, name: str) -> None:
        if name == "x":
            self._x = _coordinate(self._text, name)
        elif name == "y":
            self._y = _coordinate(self._text, name)

    async def _send(self, request: files_pb2.UploadContentRequest) -> None:
        assert self._content is not None  # noqa: S101  (a file part has begun)
        try:
            await self._content.write(request)
        except asyncio.InvalidStateError:
            await ask(self._content)  # the module has ended the call already, and says why
            raise

    async def _place_item(self) -> None:
        place = canvases_pb2.PlaceItemRequest(
            canvas_id=self._canvas_id, item_id=self._item_id, file_id=self._file_id, x=self._x, y=self._y
        )
        self._set(await _repeated(lambda: self._modules.canvases.PlaceItem(place, metadata=self._caller)))

    async def _move_item(self) -> None:
        move = canvases_pb2.MoveItemRequest(canvas_id=self._canvas_id, item_id=self._item_id, x=self._x, y=self._y)
        self._set(await _repeated(lambda: self._modules.canvases.MoveItem(move, metadata=self._caller)))

    def _set(self, canvas: canvases_pb2.Canvas) -> None:
        self._item = next(item for item in canvas.items if item.id == self._item_id)


def _coordinate(raw: bytes, field: str) -> float:
    text = raw.decode(errors="replace")
    if not _NUMBER.fullmatch(text):
        raise Invalid(field, "must be a number")
    return checked_coordinate(float(text), field)


async def _repeated(call: Callable[[], Awaitable[T]]) -> T:
    """The answer to a call that makes no condition: another writer who was quicker is no reason to give up."""
    for attempt in range(ATTEMPTS):
        try:
            return await ask(call())
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  (spreads writers, keeps no secret)
    raise AssertionError("unreachable")
