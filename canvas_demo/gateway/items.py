"""The items on a canvas: files that are there already, and notes."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb
from canvas_demo.gateway.callers import Caller, IdempotencyKey
from canvas_demo.gateway.canvases import ETAG, LOCATION, CanvasId
from canvas_demo.gateway.changing import change
from canvas_demo.gateway.clients import Modules
from canvas_demo.gateway.models import Coordinate, Item, item_of
from canvas_demo.gateway.preconditions import ExpectedVersions, etag
from canvas_demo.gateway.problems import documented
from canvas_demo.kernel.errors import Invalid
from canvas_demo.kernel.values import COORDINATE_LIMIT, checked_id

router = APIRouter(prefix="/api/canvases/{canvas_id}/items", tags=["items"])

ItemId = Annotated[str, Path(json_schema_extra={"format": "uuid"})]
NOTE_LIMIT, LAYER_LIMIT = 10_000, 1_000_000
NoteText = Annotated[str, Field(min_length=1, max_length=NOTE_LIMIT, description="What a note says.")]
Length = Annotated[
    float,
    Field(
        strict=True,
        allow_inf_nan=False,
        ge=0,
        le=COORDINATE_LIMIT,
        description="In canvas units; 0: as large as its content wants.",
    ),
]
LayerNumber = Annotated[
    int, Field(strict=True, ge=-LAYER_LIMIT, le=LAYER_LIMIT, description="Items of a higher one lie before others.")
]


class NewItem(BaseModel):
    """A file, by its `file_id`, or a note, by its `text`, and where it is to lie."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"oneOf": [{"required": ["file_id"]}, {"required": ["text"]}]}
    )

    x: Coordinate
    y: Coordinate
    file_id: Annotated[str, Field(max_length=100, json_schema_extra={"format": "uuid"})] = Field(default_factory=str)
    text: NoteText = Field(default_factory=str)


class ItemChange(BaseModel):
    """One change: its place `x`, `y`; its size `width`, `height`; its `layer`; or, of a note, its `text`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {"required": ["x", "y"]},
                {"required": ["width", "height"]},
                {"required": ["layer"]},
                {"required": ["text"]},
            ]
        },
    )

    x: Coordinate = Field(default_factory=float)
    y: Coordinate = Field(default_factory=float)
    width: Length = Field(default_factory=float)
    height: Length = Field(default_factory=float)
    layer: LayerNumber = Field(default_factory=int)
    text: NoteText = Field(default_factory=str)


CHANGES: dict[tuple[str, ...], tuple[str, Any]] = {
    ("x", "y"): ("MoveItem", pb.MoveItemRequest),
    ("width", "height"): ("ResizeItem", pb.ResizeItemRequest),
    ("layer",): ("ReorderItem", pb.ReorderItemRequest),
    ("text",): ("EditNote", pb.EditNoteRequest),
}
"""The fields of a change → the method that makes it, and its request."""


@router.post(
    "",
    status_code=201,
    summary="Place a file or a note",
    responses={201: {"headers": {**LOCATION, **ETAG}}, **documented(401, 404, 409, 410, 412, 422)},
)
async def place_item(
    caller: Caller,
    key: IdempotencyKey,
    canvas_id: CanvasId,
    new: NewItem,
    expected: ExpectedVersions,
    modules: Modules,
    response: Response,
) -> Item:
    """Before all that lies there already: where it has the highest layer, that begins at layer 0 anew.

    `If-Match` and `ETag` are the canvas's.
    """
    if len(new.model_fields_set & {"file_id", "text"}) != 1:
        raise Invalid("file_id", "an item has either a file_id or a text")
    request = pb.PlaceItemRequest(canvas_id=canvas_id, **new.model_dump(exclude_unset=True))
    canvas = await change(modules.canvases.PlaceItem, request, caller + key, expected)
    placed = max(canvas.items, key=lambda item: item.layer)
    response.headers["Location"] = f"/api/canvases/{canvas.id}/items/{placed.id}"
    response.headers["ETag"] = etag(canvas.version)
    return item_of(placed)


@router.patch(
    "/{item_id}",
    summary="Move, resize or reorder an item, or edit a note",
    responses={200: {"headers": ETAG}, **documented(401, 404, 409, 410, 412, 422)},
)
async def change_item(
    caller: Caller,
    canvas_id: CanvasId,
    item_id: ItemId,
    wanted: ItemChange,
    expected: ExpectedVersions,
    modules: Modules,
    response: Response,
) -> Item:
    """One of these at a time. `If-Match` and `ETag` are the canvas's."""
    values = wanted.model_dump(exclude_unset=True)
    method, request_type = _change_of(values)
    request = request_type(canvas_id=canvas_id, item_id=item_id, **values)
    canvas = await change(getattr(modules.canvases, method), request, caller, expected)
    response.headers["ETag"] = etag(canvas.version)
    changed = checked_id(item_id, "item")
    return item_of(next(item for item in canvas.items if item.id == changed))


def _change_of(values: dict[str, Any]) -> tuple[str, Any]:
    """The one change that these fields are. Raises `Invalid`."""
    begun = [fields for fields in CHANGES if values.keys() & set(fields)]
    if len(begun) != 1:
        raise Invalid("body", f"must be one of {', '.join(' and '.join(fields) for fields in CHANGES)}")
    for field in begun[0]:
        if field not in values:
            raise Invalid(field, f"must be there too: {' and '.join(begun[0])} belong together")
    return CHANGES[begun[0]]


@router.delete(
    "/{item_id}",
    status_code=204,
    summary="Remove an item",
    responses={204: {"headers": ETAG}, **documented(401, 404, 409, 412)},
)
async def remove_item(
    caller: Caller,
    canvas_id: CanvasId,
    item_id: ItemId,
    expected: ExpectedVersions,
    modules: Modules,
    response: Response,
) -> None:
    """The file itself remains. `If-Match` and `ETag` are the canvas's."""
    request = pb.RemoveItemRequest(canvas_id=canvas_id, item_id=item_id)
    canvas = await change(modules.canvases.RemoveItem, request, caller, expected)
    response.headers["ETag"] = etag(canvas.version)
