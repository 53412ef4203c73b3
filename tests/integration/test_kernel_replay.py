"""The tables are the fold of the events, and can be written anew from them."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from psycopg.types.json import Jsonb

from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Pool, open_pool
from canvas_demo.kernel.outbox import read_stream
from canvas_demo.kernel.replay import rebuild, verify
from canvas_demo.modules.canvases.domain import CreateCanvas, File, MoveItem, PlaceItem, RemoveItem, RenameCanvas
from canvas_demo.modules.canvases.store import CANVAS, show, show_past

ORGANIZATION = str(uuid4())
FILE = File("UPLOADED", "plan.pdf", "application/pdf", 7, 2)


@pytest.fixture
async def pool(stack: Any) -> AsyncIterator[Pool]:
    async with open_pool(stack.settings, "canvases") as pool:
        yield pool


async def draw(pool: Pool) -> str:
    """A canvas with a past."""
    canvas = str(uuid4())
    for command in (
        CreateCanvas(canvas, ORGANIZATION, "Plan", "u"),
        PlaceItem(canvas, "i", "f", 1, 2, FILE),
        PlaceItem(canvas, "j", "f", 3, 4, FILE),
        MoveItem(canvas, "i", 5, 6),
        RemoveItem(canvas, "j"),
        RenameCanvas(canvas, "Garden"),
    ):
        async with pool.connection() as connection:
            await execute(connection, CANVAS, canvas, ORGANIZATION, command, datetime.now(UTC))
    return canvas


async def test_a_table_written_past_the_events_is_found_and_rebuilding_mends_it(pool: Pool) -> None:
    canvas = await draw(pool)
    async with pool.connection() as connection:
        before = await show(connection, canvas)
        await connection.execute("UPDATE canvas SET name = 'Forged' WHERE canvas_id = %s", [canvas])
        await connection.execute("DELETE FROM item WHERE canvas_id = %s", [canvas])
    assert any(canvas in difference for difference in (await verify(pool, CANVAS)).differences)
    await rebuild(pool, CANVAS)
    assert not [difference for difference in (await verify(pool, CANVAS)).differences if canvas in difference]
    async with pool.connection() as connection:
        assert await show(connection, canvas) == before


async def test_a_row_without_events_is_found(pool: Pool) -> None:
    canvas = await draw(pool)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO canvas SELECT %s, organization_id, name, created_by, archived, version, created_at, updated_at"
            " FROM canvas WHERE canvas_id = %s",
            [orphan := str(uuid4()), canvas],
        )
    assert any(
        "the table says, and the events do not" in difference and orphan in difference
        for difference in (await verify(pool, CANVAS)).differences
    )
    async with pool.connection() as connection:
        await connection.execute("DELETE FROM canvas WHERE canvas_id = %s", [orphan])


async def test_a_row_of_an_old_version_is_read_as_the_newest(pool: Pool) -> None:
    """An item that was placed before items had kinds, as its row stands in the outbox."""
    canvas = str(uuid4())
    old = {"canvas_id": canvas, "item_id": "n", "file_id": "", "x": 1, "y": 2, "text": "Water the garden", "layer": 0}
    async with pool.connection() as connection:
        create = CreateCanvas(canvas, ORGANIZATION, "Plan", "u")
        await execute(connection, CANVAS, canvas, ORGANIZATION, create, datetime.now(UTC))
        await connection.execute(
            "INSERT INTO outbox (event_id, aggregate_type, aggregate_id, aggregate_version, event_type, schema_version,"
            " organization_id, payload, correlation_id, causation_id, traceparent, occurred_at)"
            " SELECT %s, aggregate_type, aggregate_id, 2, 'ItemPlaced', 1, organization_id, %s, correlation_id,"
            " causation_id, traceparent, occurred_at FROM outbox WHERE aggregate_id = %s",
            [uuid4(), Jsonb(old), canvas],
        )
        (_, placed) = await read_stream(connection, ("canvas", canvas))
        assert (placed.schema_version, placed.payload["kind"]) == (2, "NOTE")
    await rebuild(pool, CANVAS)
    async with pool.connection() as connection:
        shown = await show(connection, canvas)
        assert shown is not None
        assert shown.canvas.items["n"].kind == "NOTE"
        assert shown == await show_past(connection, canvas, 2)
        move = MoveItem(canvas, "n", 5, 6)
        await execute(connection, CANVAS, canvas, ORGANIZATION, move, datetime.now(UTC))
    assert not [each for each in (await verify(pool, CANVAS)).differences if canvas in each]
