"""A file that comes is placed on its canvas before its content is there, and taken off where it does not come."""

import re
from uuid import UUID, uuid5

import structlog
from starlette.exceptions import HTTPException

from canvas_demo.contracts.canvases.v1 import canvases_pb2
from canvas_demo.contracts.files.v1 import files_pb2
from canvas_demo.gateway.callers import Metadata
from canvas_demo.gateway.changing import change
from canvas_demo.gateway.clients import Clients
from canvas_demo.kernel.errors import DomainError, Invalid, NotFound, Rejected, StorageFull, TooLarge
from canvas_demo.kernel.idempotency import METADATA
from canvas_demo.kernel.values import checked_coordinate

log = structlog.get_logger(__name__)

FINAL = (Invalid, NotFound, Rejected, StorageFull, TooLarge, HTTPException)
"""What the same request would be answered again."""
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)


async def place_item(
    modules: Clients, caller: Metadata, canvas_id: str, file_id: str, x: float, y: float
) -> canvases_pb2.Item:
    """Place the file's item; the second time that this is asked for the same file, the first answer comes again."""
    item_id = str(uuid5(UUID(file_id), "item"))
    place = canvases_pb2.PlaceItemRequest(canvas_id=canvas_id, item_id=item_id, file_id=file_id, x=x, y=y)
    metadata = (*caller, (METADATA, f"place-{file_id}"))
    canvas = await change(modules.canvases.PlaceItem, place, metadata)
    return _item(canvas, item_id)


async def move_item(
    modules: Clients, caller: Metadata, canvas_id: str, item: canvases_pb2.Item, x: float, y: float
) -> canvases_pb2.Item:
    """Move the item that `place_item` has placed, once."""
    move = canvases_pb2.MoveItemRequest(canvas_id=canvas_id, item_id=item.id, x=x, y=y)
    metadata = (*caller, (METADATA, f"move-{item.file_id}"))
    canvas = await change(modules.canvases.MoveItem, move, metadata)
    return _item(canvas, item.id)


async def withdraw(modules: Clients, caller: Metadata, file_id: str) -> None:
    """Delete a file that does not come to its end; its event takes the item off the canvas.

    One that has come to its end by another attempt stays.
    """
    delete = files_pb2.DeleteFileRequest(file_id=file_id, unfinished=True)
    try:
        await change(modules.files.DeleteFile, delete, caller)
    except DomainError as error:
        log.warning("file of a broken upload not deleted", file_id=file_id, error=error.detail)


def is_final(error: BaseException, key: Metadata) -> bool:
    """Whether nothing can come any more of an upload that met ``error``.

    One with an idempotency key may come again, unless it would meet the same. The error that says that
    its key was used before says nothing against what it was used for, nor does one that says that
    another attempt has come further.
    """
    if isinstance(error, Invalid) and error.metadata["field"] == "Idempotency-Key":
        return False
    if isinstance(error, Rejected) and "current_offset" in error.metadata:
        return False
    return not key or isinstance(error, FINAL)


def coordinate(text: str, field: str) -> float:
    """The number that ``text`` is. Raises `Invalid`."""
    if not _NUMBER.fullmatch(text):
        raise Invalid(field, "must be a number")
    return checked_coordinate(float(text), field)


def _item(canvas: canvases_pb2.Canvas, item_id: str) -> canvases_pb2.Item:
    return next(item for item in canvas.items if item.id == item_id)
