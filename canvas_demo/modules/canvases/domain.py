"""What may happen to a canvas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from canvas_demo.contracts.canvases.v1.canvases_pb2 import ItemFile
from canvas_demo.contracts.canvases.v1.events_pb2 import (
    CanvasArchived,
    CanvasCreated,
    CanvasRenamed,
    CanvasRestored,
    ItemFileChanged,
    ItemMoved,
    ItemPlaced,
    ItemRemoved,
    ItemReordered,
    ItemResized,
    NoteEdited,
)
from canvas_demo.kernel.errors import AlreadyExists, Invalid, NotFound, Rejected
from canvas_demo.kernel.values import checked_coordinate, checked_name, checked_text

ItemEvent = ItemMoved | ItemResized | ItemReordered | ItemFileChanged | NoteEdited
CanvasEvent = CanvasCreated | CanvasRenamed | CanvasArchived | CanvasRestored | ItemPlaced | ItemRemoved | ItemEvent
NOTE_LIMIT = 10_000
LAYER_LIMIT = 1_000_000
ITEMS_LIMIT = 1000
"""Items on one canvas: every change answers with all of them."""
FILE, NOTE = "FILE", "NOTE"
"""Kinds of items."""


@dataclass(frozen=True)
class File:
    """What a canvas knows of a file: ``size`` in bytes; ``version`` of its descriptor, 0: not told by old events."""

    status: str
    name: str
    media_type: str
    size: int
    version: int


@dataclass(frozen=True)
class Item:
    """A file, or a note, at a place on a canvas, in canvas units from the top left corner.

    A note has no ``file``, and a file no ``text``. Width and height are 0 where the content decides.
    Items of a higher ``layer`` lie before those of a lower one.
    """

    item_id: str
    kind: str
    file_id: str
    x: float
    y: float
    file: File | None
    text: str = ""
    width: float = 0
    height: float = 0
    layer: int = 0


@dataclass(frozen=True)
class Canvas:
    """The state of a canvas; ``items`` by their id."""

    canvas_id: str
    organization_id: str
    name: str
    created_by: str
    archived: bool = False
    items: Mapping[str, Item] = field(default_factory=dict)


# --- commands ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CreateCanvas:
    canvas_id: str
    organization_id: str
    name: str
    created_by: str


@dataclass(frozen=True)
class RenameCanvas:
    canvas_id: str
    name: str


@dataclass(frozen=True)
class ArchiveCanvas:
    canvas_id: str


@dataclass(frozen=True)
class RestoreCanvas:
    canvas_id: str


@dataclass(frozen=True)
class PlaceItem:
    """A file; without one, the note ``text``."""

    canvas_id: str
    item_id: str
    file_id: str
    x: float
    y: float
    file: File | None
    text: str = ""


@dataclass(frozen=True)
class MoveItem:
    canvas_id: str
    item_id: str
    x: float
    y: float


@dataclass(frozen=True)
class ResizeItem:
    canvas_id: str
    item_id: str
    width: float
    height: float


@dataclass(frozen=True)
class ReorderItem:
    canvas_id: str
    item_id: str
    layer: int


@dataclass(frozen=True)
class EditNote:
    canvas_id: str
    item_id: str
    text: str


@dataclass(frozen=True)
class ChangeFile:
    """The file ``file_id`` is now ``file``, wherever it lies on the canvas."""

    canvas_id: str
    file_id: str
    file: File


@dataclass(frozen=True)
class RemoveItem:
    canvas_id: str
    item_id: str


ItemCommand = MoveItem | ResizeItem | ReorderItem | EditNote | RemoveItem
CanvasCommand = CreateCanvas | RenameCanvas | ArchiveCanvas | RestoreCanvas | PlaceItem | ChangeFile | ItemCommand


# --- decisions ---------------------------------------------------------------------------------------------


def decide(canvas: Canvas | None, command: CanvasCommand) -> Sequence[CanvasEvent]:
    """The events that ``command`` leads to; none where nothing would change.

    Raises `Invalid`, `NotFound`, `AlreadyExists` and `Rejected`.
    """
    if isinstance(command, CreateCanvas):
        return _create(canvas, command)
    if canvas is None:
        raise NotFound(f"There is no canvas {command.canvas_id}.")
    match command:
        case ChangeFile():
            return _change_file(canvas, command)
        case ArchiveCanvas():
            return [] if canvas.archived else [CanvasArchived(canvas_id=canvas.canvas_id)]
        case RestoreCanvas():
            return [CanvasRestored(canvas_id=canvas.canvas_id)] if canvas.archived else []
        case _ if canvas.archived:
            raise Rejected(f"Canvas {canvas.canvas_id} is archived; restore it first.")
        case RenameCanvas():
            name = checked_name(command.name)
            return [CanvasRenamed(canvas_id=canvas.canvas_id, name=name)] if name != canvas.name else []
        case PlaceItem():
            return _place(canvas, command)
        case _:
            return _change_item(canvas, command)


def _create(canvas: Canvas | None, command: CreateCanvas) -> Sequence[CanvasEvent]:
    if canvas is not None:
        raise AlreadyExists(f"Canvas {command.canvas_id} exists already.", field="canvas_id")
    return [
        CanvasCreated(
            canvas_id=command.canvas_id,
            organization_id=command.organization_id,
            name=checked_name(command.name),
            created_by=command.created_by,
        )
    ]


def _place(canvas: Canvas, command: PlaceItem) -> Sequence[CanvasEvent]:
    if command.item_id in canvas.items:
        raise AlreadyExists(f"Item {command.item_id} is on the canvas already.", field="item_id")
    if len(canvas.items) >= ITEMS_LIMIT:
        raise Rejected(f"A canvas may have at most {ITEMS_LIMIT} items; remove some, or place it on another.")
    if command.file and command.text:
        raise Invalid("text", "is for notes; this item is a file")
    lowered = _lowered(canvas)
    top = len(canvas.items) - 1 if lowered else max((item.layer for item in canvas.items.values()), default=-1)
    return [
        *lowered,
        ItemPlaced(
            canvas_id=canvas.canvas_id,
            item_id=command.item_id,
            kind=FILE if command.file else NOTE,
            file_id=command.file_id,
            x=checked_coordinate(command.x, "x"),
            y=checked_coordinate(command.y, "y"),
            file=message_of(command.file) if command.file else None,
            text="" if command.file else checked_text(command.text, "text", NOTE_LIMIT),
            layer=top + 1,
        ),
    ]


def _lowered(canvas: Canvas) -> Sequence[ItemReordered]:
    """The items as they lie, from layer 0 on, where none is left before them all; nothing where one is."""
    lying = sorted(canvas.items.values(), key=lambda item: (item.layer, item.item_id))
    if not lying or lying[-1].layer < LAYER_LIMIT:
        return []
    return [
        ItemReordered(canvas_id=canvas.canvas_id, item_id=item.item_id, layer=layer)
        for layer, item in enumerate(lying)
        if layer != item.layer
    ]


def _change_item(canvas: Canvas, command: ItemCommand) -> Sequence[CanvasEvent]:
    """One event, or none where the item would stay as it is."""
    item = canvas.items.get(command.item_id)
    if item is None:
        raise NotFound(f"There is no item {command.item_id[:80]!r} on canvas {canvas.canvas_id}.")
    of = {"canvas_id": canvas.canvas_id, "item_id": item.item_id}
    match command:
        case RemoveItem():
            return [ItemRemoved(**of)]
        case MoveItem():
            x, y = checked_coordinate(command.x, "x"), checked_coordinate(command.y, "y")
            return [ItemMoved(**of, x=x, y=y)] if (x, y) != (item.x, item.y) else []
        case ResizeItem():
            width, height = _length(command.width, "width"), _length(command.height, "height")
            return (
                [ItemResized(**of, width=width, height=height)] if (width, height) != (item.width, item.height) else []
            )
        case ReorderItem():
            if abs(command.layer) > LAYER_LIMIT:
                raise Invalid("layer", f"must be a number from {-LAYER_LIMIT} to {LAYER_LIMIT}")
            return [ItemReordered(**of, layer=command.layer)] if command.layer != item.layer else []
        case EditNote():
            if item.kind != NOTE:
                raise Invalid("text", "is for notes; this item is a file")
            text = checked_text(command.text, "text", NOTE_LIMIT)
            return [NoteEdited(**of, text=text)] if text != item.text else []
        case _:
            assert_never(command)


def _length(value: float, field: str) -> float:
    if checked_coordinate(value, field) < 0:
        raise Invalid(field, "must not be negative")
    return value


def _change_file(canvas: Canvas, command: ChangeFile) -> Sequence[CanvasEvent]:
    """A deleted file takes its items along. What an item knows already is no news, nor what was before that."""
    events: list[CanvasEvent] = []
    for item in canvas.items.values():
        if item.file_id != command.file_id or item.file is None or item.file.version >= command.file.version:
            continue
        if command.file.status == "DELETED":
            events.append(ItemRemoved(canvas_id=canvas.canvas_id, item_id=item.item_id))
        else:
            events.append(
                ItemFileChanged(
                    canvas_id=canvas.canvas_id,
                    item_id=item.item_id,
                    file_id=item.file_id,
                    file=message_of(command.file),
                )
            )
    return events


# --- evolution ---------------------------------------------------------------------------------------------


def evolve(canvas: Canvas | None, event: CanvasEvent) -> Canvas:
    """The canvas after ``event``."""
    if isinstance(event, CanvasCreated):
        return Canvas(event.canvas_id, event.organization_id, event.name, event.created_by)
    if canvas is None:
        raise ValueError(f"{type(event).__name__} before CanvasCreated")
    match event:
        case CanvasRenamed():
            return replace(canvas, name=event.name)
        case CanvasArchived():
            return replace(canvas, archived=True)
        case CanvasRestored():
            return replace(canvas, archived=False)
        case ItemPlaced():
            file = file_of(event.file) if event.HasField("file") else None
            at = (event.x, event.y)
            item = Item(event.item_id, event.kind, event.file_id, *at, file, event.text, layer=event.layer)
            return _with(canvas, item)
        case ItemRemoved():
            return replace(canvas, items={key: item for key, item in canvas.items.items() if key != event.item_id})
        case _:
            return _with(canvas, _evolve_item(canvas.items[event.item_id], event))


def _evolve_item(item: Item, event: ItemEvent) -> Item:
    match event:
        case ItemMoved():
            return replace(item, x=event.x, y=event.y)
        case ItemResized():
            return replace(item, width=event.width, height=event.height)
        case ItemReordered():
            return replace(item, layer=event.layer)
        case ItemFileChanged():
            return replace(item, file=file_of(event.file))
        case NoteEdited():
            return replace(item, text=event.text)
        case _:
            assert_never(event)


def _with(canvas: Canvas, item: Item) -> Canvas:
    return replace(canvas, items={**canvas.items, item.item_id: item})


def file_of(message: ItemFile) -> File:
    """The value that the message stands for."""
    return File(message.status, message.name, message.media_type, int(message.size), message.version)


def message_of(file: File) -> ItemFile:
    """The message that stands for the value."""
    return ItemFile(**vars(file))
