"""The tables of canvases."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from canvas_demo.contracts.canvases.v1 import events_pb2
from canvas_demo.kernel.aggregate import Aggregate, Loaded
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.events import EventTypes
from canvas_demo.kernel.sql import Queries
from canvas_demo.modules.canvases.domain import Canvas, File, Item, decide, evolve

QUERIES = Queries(__package__)


async def load(connection: Connection, canvas_id: str) -> Loaded[Canvas]:
    """A canvas with its items; version 0 where there is none."""
    row, items = await load_rows(connection, canvas_id)
    return Loaded(_canvas(row, items), row["version"]) if row else Loaded(None, 0)


async def load_rows(connection: Connection, canvas_id: str) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The row of a canvas and those of its items."""
    row = await (await connection.execute(QUERIES["load_canvas"], [canvas_id])).fetchone()
    items = await (await connection.execute(QUERIES["load_items"], [canvas_id])).fetchall() if row else []
    return row, items


async def list_rows(connection: Connection, organization_id: str) -> list[dict[str, Any]]:
    """The rows of the organisation's canvases that are not archived, newest first."""
    return await (await connection.execute(QUERIES["list_canvases"], [organization_id])).fetchall()


async def canvases_of_file(connection: Connection, file_id: str) -> list[str]:
    """The ids of the canvases that the file lies on."""
    cursor = await connection.execute(QUERIES["canvases_of_file"], [file_id])
    return [row["canvas_id"] for row in await cursor.fetchall()]


async def save(connection: Connection, before: Canvas | None, after: Canvas, version: int, now: datetime) -> None:
    """Write what differs between two states."""
    old = before.items if before else {}
    changed = [item for key, item in after.items.items() if old.get(key) != item]
    gone = [{"canvas_id": after.canvas_id, "item_id": key} for key in old if key not in after.items]
    row = {"version": version, "now": now, **{key: value for key, value in vars(after).items() if key != "items"}}
    async with connection.pipeline():
        await connection.execute(QUERIES["save_canvas"], row)
        if changed:
            await connection.cursor().executemany(QUERIES["save_item"], [_item_row(after, item) for item in changed])
        if gone:
            await connection.cursor().executemany(QUERIES["delete_item"], gone)


def _item_row(canvas: Canvas, item: Item) -> dict[str, Any]:
    row = asdict(item)
    return {"canvas_id": canvas.canvas_id, **row, **row.pop("file")}


def _canvas(row: dict[str, Any], items: list[dict[str, Any]]) -> Canvas:
    return Canvas(
        canvas_id=row["canvas_id"],
        organization_id=row["organization_id"],
        name=row["name"],
        created_by=row["created_by"],
        archived=row["archived"],
        items={item["item_id"]: _item(item) for item in items},
    )


def _item(row: dict[str, Any]) -> Item:
    file = File(row["status"], row["name"], row["media_type"], row["size"])
    return Item(row["item_id"], row["file_id"], row["x"], row["y"], file)


CANVAS = Aggregate(
    type="canvas",
    events=EventTypes(
        [
            events_pb2.CanvasCreated,
            events_pb2.CanvasRenamed,
            events_pb2.CanvasArchived,
            events_pb2.ItemPlaced,
            events_pb2.ItemMoved,
            events_pb2.ItemFileChanged,
            events_pb2.ItemRemoved,
        ]
    ),
    decide=decide,
    evolve=evolve,
    load=load,
    save=save,
    tables=("canvas", "item"),
)
