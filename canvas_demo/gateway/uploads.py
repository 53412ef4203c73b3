"""One-shot uploads: a file goes through to its module as it arrives, and lies on the canvas from the start."""

import math
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from canvas_demo.contracts.canvases.v1 import canvases_pb2
from canvas_demo.contracts.files.v1 import files_pb2
from canvas_demo.gateway.callers import Caller, IdempotencyKey, Metadata
from canvas_demo.gateway.clients import Clients, Modules
from canvas_demo.gateway.content import media_type_of
from canvas_demo.gateway.edge import BODY_LIMIT
from canvas_demo.gateway.models import ItemFile, Upload, file_of, item_of
from canvas_demo.gateway.multipart import PartBegins, PartEnds, Piece, read_form
from canvas_demo.gateway.placing import coordinate, is_final, move_item, place_item, withdraw
from canvas_demo.gateway.problems import documented
from canvas_demo.gateway.sending import Sending
from canvas_demo.kernel.errors import Invalid
from canvas_demo.kernel.rpc import ask

router = APIRouter(prefix="/api/canvases", tags=["canvases"])

FIELD_LIMIT = 1024
"""Bytes of a field that is no file."""
FILE_NAME = (
    "Its name is the file's name, as browsers write it: `%22` is read as a quote, so a name that holds `%22` itself "
    'comes through `/api/uploads` alone; `%0A` and `%0D` stay. `\\\\` is read as a backslash, `\\"` as a quote.'
)
FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": FILE_NAME},
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
    responses=documented(401, 404, 409, 410, 413, 415, 422, 507),
)
async def upload_file(
    caller: Caller,
    key: IdempotencyKey,
    canvas_id: Annotated[str, Path(json_schema_extra={"format": "uuid"})],
    modules: Modules,
    request: Request,
    response: Response,
) -> Upload:
    """Places an item and stores the file. An upload that does not come to its end leaves neither.

    With an `Idempotency-Key`, one whose connection breaks stays PENDING for its repetition, as long
    as an unfinished upload is kept.
    """
    await ask(modules.canvases.GetCanvas(canvases_pb2.GetCanvasRequest(canvas_id=canvas_id), metadata=caller))
    request.scope[BODY_LIMIT] = math.inf
    upload = _Upload(modules, caller, key, canvas_id)
    try:
        async for piece in read_form(request.stream(), request.headers.get("content-type", "")):
            await upload.take(piece)
        answer = await upload.finish()
    except BaseException as error:
        await upload.undo(error)
        raise
    response.headers["Location"] = f"/api/files/{answer.file.id}"
    return answer


class _Upload:
    """An upload on its way: the item is placed when the file begins, the file is UPLOADED when the form has ended."""

    def __init__(self, modules: Clients, caller: Metadata, key: Metadata, canvas_id: str) -> None:
        self._modules = modules
        self._caller, self._key = caller, key
        self._canvas_id = canvas_id
        self._item: canvases_pb2.Item | None = None
        self._file_id = ""
        self._sending: Sending | None = None
        self._x = self._y = 0.0
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
        elif self._part.name == "file" and self._sending:
            await self._sending.send(piece)
        else:
            self._text += piece
            if len(self._text) > FIELD_LIMIT:
                raise Invalid(self._part.name, f"must have at most {FIELD_LIMIT} bytes")

    async def finish(self) -> Upload:
        """The form was read to its end: only now is the content complete."""
        if self._item is None or self._sending is None:
            raise Invalid("file", "is missing")
        # With a key also where it stays: the place belongs to what the key stands for. (So a repetition that is the
        # first to come to its end puts the item where its form says, wherever somebody has moved it meanwhile.)
        if self._key or (self._item.x, self._item.y) != (self._x, self._y):
            self._item = await move_item(self._modules, self._caller, self._canvas_id, self._item, self._x, self._y)
        file = file_of((await self._sending.end(say_size=True)).file)
        item = item_of(self._item)
        item.file = ItemFile(status=file.status, name=file.name, media_type=file.media_type, size=file.size)
        return Upload(item=item, file=file)

    async def undo(self, error: BaseException) -> None:
        """Leave nothing; but leave what the same request, sent again with its key, goes on with."""
        if self._sending is not None:
            self._sending.cancel()
        if self._file_id and is_final(error, self._key):
            await withdraw(self._modules, self._caller, self._file_id)

    async def _begin_file(self, part: PartBegins) -> None:
        if self._file_id:
            raise Invalid("file", "must be one file")
        if part.filename is None:
            raise Invalid("file", "must be a file, with a name")
        new = files_pb2.CreateFileRequest(name=part.filename, media_type=media_type_of(part.media_type))
        try:
            file = await ask(self._modules.files.CreateFile(new, metadata=self._caller + self._key))
        except Invalid as error:
            if error.metadata["field"] not in {"name", "media_type"}:
                raise
            raise Invalid("file", f"{error.metadata['field']}: {error.detail}") from error
        self._file_id = file.id
        self._item = await place_item(self._modules, self._caller, self._canvas_id, file.id, self._x, self._y)
        append = files_pb2.Append(file_id=file.id, anew=bool(self._key))
        self._sending = await Sending.begin(self._modules, self._caller + self._key, append)

    def _end_field(self, name: str) -> None:
        if name == "x":
            self._x = coordinate(self._text.decode(errors="replace"), name)
        elif name == "y":
            self._y = coordinate(self._text.decode(errors="replace"), name)
