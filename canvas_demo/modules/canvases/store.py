"""The tables of canvases."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import sql

from canvas_demo.contracts.canvases.v1 import events_pb2
from canvas_demo.kernel.aggregate import Aggregate, Loaded
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.events import EventTypes
from canvas_demo.kernel.outbox import read_stream
from canvas_demo.kernel.sql import Queries
from canvas_demo.modules.canvases.domain import Canvas, File, Item, decide, evolve

QUERIES = Queries(__package__)
OrderKey = Literal["created_at", "updated_at", "name"]
SORTED_BY: dict[OrderKey, str] = {
    "created_at": "{}",
    "updated_at": "{}",
    "name": "lower({}::text)",
}
"""What a list is sorted by, of a canvas's value or of another's: names as people look for them, without their case."""


@dataclass(frozen=True)
class Shown:
    """A canvas as it is shown: its state at a version, and when it came and was changed."""

    canvas: Canvas
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Page:
    """Which part of a list: ``after`` is the key and the id of the last canvas seen."""

    key: OrderKey
    descending: bool
    archived: bool
    limit: int
    after: tuple[Any, str] | None


async def load(connection: Connection, canvas_id: str) -> Loaded[Canvas]:
    """A canvas with its items; version 0 where there is none."""
    shown = await show(connection, canvas_id)
    return Loaded(shown.canvas, shown.version, shown.created_at, shown.updated_at) if shown else Loaded(None, 0)


async def show(connection: Connection, canvas_id: str) -> Shown | None:
    """A canvas with its items, those of the lowest layer first."""
    async with connection.pipeline():
        found = await connection.execute(QUERIES["load_canvas"], [canvas_id])
        items = await connection.execute(QUERIES["load_items"], [canvas_id])
    row = await found.fetchone()
    return _shown(row, await items.fetchall()) if row else None


async def show_past(connection: Connection, canvas_id: str, version: int) -> Shown | None:
    """A canvas as it was after its first ``version`` events; None where it never had so many."""
    stream = (await read_stream(connection, (CANVAS.type, canvas_id)))[:version]
    canvas = CANVAS.replay(stream)
    if canvas is None or len(stream) < version:
        return None
    return Shown(canvas, version, stream[0].occurred_at, stream[-1].occurred_at)


async def list_canvases(connection: Connection, organization_id: str, page: Page) -> tuple[list[Shown], bool]:
    """The organisation's canvases of a page, without their items, and whether it is the last page."""
    after_key, after_id = page.after or (None, None)
    query = sql.SQL(QUERIES["list_canvases"]).format(
        key=sql.SQL(SORTED_BY[page.key]).format(sql.Identifier(page.key)),
        after_key=sql.SQL(SORTED_BY[page.key]).format(sql.Placeholder("after_key")),
        after=sql.SQL("<" if page.descending else ">"),
        direction=sql.SQL("DESC" if page.descending else "ASC"),
    )
    values = {
        "organization_id": organization_id,
        "archived": page.archived,
        "after_key": after_key,
        "after_id": after_id,
        "limit": page.limit + 1,
    }
    rows = await (await connection.execute(query, values)).fetchall()
    return [_shown(row, []) for row in rows[: page.limit]], len(rows) <= page.limit


async def hold_file(connection: Connection, file_id: str) -> None:
    """Have whoever hears of a change of the file wait for this transaction: it then finds the item that is placed here.

    To be called before the file is looked at.
    """
    await connection.execute(QUERIES["hold_file"], [file_id])


async def hold_files_alone(connection: Connection, file_ids: Sequence[str]) -> None:
    """Wait for those who are placing the files, and have others wait until this transaction ends.

    To be called before any canvas is changed: whoever places a file has it first, and then the canvas.
    """
    await connection.execute(QUERIES["hold_files_alone"], [list(file_ids)])


async def canvases_of_file(connection: Connection, file_id: str) -> list[str]:
    """The ids of the canvases that the file lies on."""
    cursor = await connection.execute(QUERIES["canvases_of_file"], [file_id])
    return [row["canvas_id"] for row in await cursor.fetchall()]


async def save(connection: Connection, before: Canvas | None, after: Canvas, version: int, now: datetime) -> None:
    """Write what differs between two states."""
    old = before.items if before else {}
    changed = [_item_row(after, item) for key, item in after.items.items() if old.get(key) != item]
    gone = [{"canvas_id": after.canvas_id, "item_id": key} for key in old if key not in after.items]
    row = {"version": version, "now": now, **{key: value for key, value in vars(after).items() if key != "items"}}
    await connection.execute(QUERIES["save_canvas"], row)
    if changed:
        await connection.cursor().executemany(QUERIES["save_item"], changed)
    if gone:
        await connection.cursor().executemany(QUERIES["delete_item"], gone)


NO_FILE = {"status": None, "name": None, "media_type": None, "size": None, "version": None}


def _item_row(canvas: Canvas, item: Item) -> dict[str, Any]:
    row = asdict(item)
    return {"canvas_id": canvas.canvas_id, **row, **(row.pop("file") or NO_FILE)}


def _shown(row: dict[str, Any], items: list[dict[str, Any]]) -> Shown:
    canvas = Canvas(
        canvas_id=row["canvas_id"],
        organization_id=row["organization_id"],
        name=row["name"],
        created_by=row["created_by"],
        archived=row["archived"],
        items={item["item_id"]: _item(item) for item in items},
    )
    return Shown(canvas, row["version"], row["created_at"], row["updated_at"])


def _item(row: dict[str, Any]) -> Item:
    known = ("status", "name", "media_type", "size", "file_version")
    file = File(*(row[key] for key in known)) if row["status"] else None
    own = ("item_id", "kind", "file_id", "x", "y", "text", "width", "height", "layer")
    return Item(file=file, **{key: row[key] for key in own})


CANVAS = Aggregate(
    type="canvas",
    events=EventTypes(
        [
            events_pb2.CanvasCreated,
            events_pb2.CanvasRenamed,
            events_pb2.CanvasArchived,
            events_pb2.CanvasRestored,
            events_pb2.ItemPlaced,
            events_pb2.ItemMoved,
            events_pb2.ItemResized,
            events_pb2.ItemReordered,
            events_pb2.ItemFileChanged,
            events_pb2.NoteEdited,
            events_pb2.ItemRemoved,
        ]
    ),
    decide=decide,
    evolve=evolve,
    load=load,
    save=save,
    tables=("canvas", "item"),
)
