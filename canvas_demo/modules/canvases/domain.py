"""What may happen to a canvas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from canvas_demo.contracts.canvases.v1.canvases_pb2 import ItemFile
from canvas_demo.contracts.canvases.v1.events_pb2 import (
    CanvasArchived,
    CanvasCreated,
    CanvasRenamed,
    ItemFileChanged,
    ItemMoved,
    ItemPlaced,
    ItemRemoved,
)
from canvas_demo.kernel.errors import AlreadyExists, NotFound, Rejected
from canvas_demo.kernel.values import checked_coordinate, checked_name

CanvasEvent = CanvasCreated | CanvasRenamed | CanvasArchived | ItemPlaced | ItemMoved | ItemFileChanged | ItemRemoved


@dataclass(frozen=True)
class File:
    """What a canvas knows of a file: ``size`` in bytes."""

    status: str
    name: str
    media_type: str
    size: int


@dataclass(frozen=True)
class Item:
    """A file at a place on a canvas, in canvas units from the top left corner."""

    item_id: str
    file_id: str
    x: float
    y: float
    file: File


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
class PlaceItem:
    canvas_id: str
    item_id: str
    file_id: str
    x: float
    y: float
    file: File


@dataclass(frozen=True)
class MoveItem:
    canvas_id: str
    item_id: str
    x: float
    y: float


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


CanvasCommand = CreateCanvas | RenameCanvas | ArchiveCanvas | PlaceItem | MoveItem | ChangeFile | RemoveItem


# --- decisions ---------------------------------------------------------------------------------------------


def decide(canvas: Canvas | None, command: CanvasCommand) -> Sequence[CanvasEvent]:
    """The events that ``command`` leads to; none where nothing would change.

    Raises `Invalid`, `NotFound`, `AlreadyExists` and `Rejected`.
    """
    if isinstance(command, CreateCanvas):
        return _create(canvas, command)
    if canvas is None:
        raise NotFound(f"There is no canvas {command.canvas_id}.")
    if isinstance(command, ChangeFile):
        return _change_file(canvas, command)
    if canvas.archived:
        return [] if isinstance(command, ArchiveCanvas) else _reject_archived(canvas)
    match command:
        case RenameCanvas():
            name = checked_name(command.name)
            return [CanvasRenamed(canvas_id=canvas.canvas_id, name=name)] if name != canvas.name else []
        case ArchiveCanvas():
            return [CanvasArchived(canvas_id=canvas.canvas_id)]
        case PlaceItem():
            return _place(canvas, command)
        case MoveItem():
            return _move(canvas, command)
        case RemoveItem():
            item = _item(canvas, command.item_id)
            return [ItemRemoved(canvas_id=canvas.canvas_id, item_id=item.item_id)]
        case _:
            assert_never(command)


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


def _reject_archived(canvas: Canvas) -> Sequence[CanvasEvent]:
    raise Rejected(f"Canvas {canvas.canvas_id} is archived.")


def _place(canvas: Canvas, command: PlaceItem) -> Sequence[CanvasEvent]:
    if command.item_id in canvas.items:
        raise AlreadyExists(f"Item {command.item_id} is on the canvas already.", field="item_id")
    return [
        ItemPlaced(
            canvas_id=canvas.canvas_id,
            item_id=command.item_id,
            file_id=command.file_id,
            x=checked_coordinate(command.x, "x"),
            y=checked_coordinate(command.y, "y"),
            file=message_of(command.file),
        )
    ]


def _move(canvas: Canvas, command: MoveItem) -> Sequence[CanvasEvent]:
    item = _item(canvas, command.item_id)
    x, y = checked_coordinate(command.x, "x"), checked_coordinate(command.y, "y")
    if (x, y) == (item.x, item.y):
        return []
    return [ItemMoved(canvas_id=canvas.canvas_id, item_id=item.item_id, x=x, y=y)]


def _change_file(canvas: Canvas, command: ChangeFile) -> Sequence[CanvasEvent]:
    """A deleted file takes its items along."""
    events: list[CanvasEvent] = []
    for item in canvas.items.values():
        if item.file_id != command.file_id or item.file == command.file:
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


def _item(canvas: Canvas, item_id: str) -> Item:
    item = canvas.items.get(item_id)
    if item is None:
        raise NotFound(f"There is no item {item_id} on canvas {canvas.canvas_id}.")
    return item


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
        case ItemPlaced():
            item = Item(event.item_id, event.file_id, event.x, event.y, file_of(event.file))
            return replace(canvas, items={**canvas.items, item.item_id: item})
        case ItemMoved():
            return _with(canvas, replace(canvas.items[event.item_id], x=event.x, y=event.y))
        case ItemFileChanged():
            return _with(canvas, replace(canvas.items[event.item_id], file=file_of(event.file)))
        case ItemRemoved():
            return replace(canvas, items={key: item for key, item in canvas.items.items() if key != event.item_id})
        case _:
            assert_never(event)


def _with(canvas: Canvas, item: Item) -> Canvas:
    return replace(canvas, items={**canvas.items, item.item_id: item})


def file_of(message: ItemFile) -> File:
    """The value that the message stands for."""
    return File(message.status, message.name, message.media_type, int(message.size))


def message_of(file: File) -> ItemFile:
    """The message that stands for the value."""
    return ItemFile(status=file.status, name=file.name, media_type=file.media_type, size=file.size)
