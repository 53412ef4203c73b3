"""After a mix of everything all tables are the fold of their events; where one is not, it is said and mended."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio

from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Pool, open_pool
from canvas_demo.kernel.replay import rebuild, verify
from canvas_demo.modules.canvases.domain import CreateCanvas, PlaceItem
from canvas_demo.modules.canvases.store import CANVAS
from canvas_demo.modules.notifications.domain import Subscribe, subscription_id
from canvas_demo.modules.notifications.store import SUBSCRIPTION, lapse_subscriptions
from tests.commands import AGGREGATES
from tests.integration.websocket_clients import opened, someone

FORGERIES = {
    "organization": "name = 'forged'",
    "account": "username = 'forged-' || gen_random_uuid()",
    "key_ring": "newest = 1000",
    "canvas": "updated_at = '2001-01-01'",
    "item": "text = 'forged'",
    "file": "sha256 = 'forged'",
    "connection": "user_id = 'forged'",
    "subscription": "subject = 'forged'",
}
"""State table → what is changed in it past the events."""
TABLES = [(module, aggregate, table) for module, aggregate in AGGREGATES for table in aggregate.tables]


@dataclass(frozen=True)
class Traces:
    """Whose everything was."""

    organization_id: str
    canvas_id: str


@pytest_asyncio.fixture
async def traces(stack: Any) -> Traces:
    """Something of each kind: people, keys, a canvas with a note and a file, a connection and a subscription."""
    ada = await someone(stack.env["WEB_URL"])
    canvas = await ada.canvas()
    async with ada.api() as http, opened(stack.env["WS_URLS"][0], ada) as socket:
        await socket.subscribe(canvas)
        await ada.rename(canvas, "Garden")
        note = {"x": 1, "y": 2, "text": "Water the garden"}
        (await http.post(f"/api/canvases/{canvas}/items", json=note)).raise_for_status()
        (await http.post(f"/api/canvases/{canvas}/files", files={"file": ("plan.txt", b"plan")})).raise_for_status()
    return Traces(ada.user["organization_id"], canvas)


def test_every_state_table_is_forged_once() -> None:
    assert {table for _, _, table in TABLES} == FORGERIES.keys()


@pytest.mark.parametrize(
    ("module", "aggregate", "table"), TABLES, ids=[f"{module}.{table}" for module, _, table in TABLES]
)
async def test_a_row_that_no_event_tells_of_is_named_and_a_rebuild_mends_it(
    stack: Any, traces: Traces, module: str, aggregate: Any, table: str
) -> None:
    of, value = ("canvas_id", traces.canvas_id) if table == "item" else ("organization_id", traces.organization_id)

    async def differences(pool: Pool) -> list[str]:
        return [each for each in (await verify(pool, aggregate)).differences if value in each]

    async with open_pool(stack.settings, module) as pool:
        assert await differences(pool) == []
        with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as database:
            forged = database.execute(f"UPDATE {module}.{table} SET {FORGERIES[table]} WHERE {of} = %s", [value])
        assert len(await differences(pool)) == 2 * forged.rowcount > 0
        await rebuild(pool, aggregate)
        assert await differences(pool) == []


Work = Callable[[Pool], Awaitable[None]]


async def draw(pool: Pool) -> None:
    """A canvas with many notes, a transaction each."""
    canvas, organization = str(uuid4()), str(uuid4())
    commands: list[Any] = [CreateCanvas(canvas, organization, "Plan", "somebody")]
    commands += [PlaceItem(canvas, str(uuid4()), "", 1, 2, None, "note") for _ in range(8)]
    for command in commands:
        async with pool.connection() as connection:
            await execute(connection, CANVAS, canvas, organization, command, datetime.now(UTC))
    async with pool.connection() as connection:
        loaded = await CANVAS.load(connection, canvas)
    assert loaded.version == len(commands)
    assert loaded.state is not None
    assert len(loaded.state.items) == len(commands) - 1


async def come_and_go(pool: Pool) -> None:
    """Subscriptions that are locked before they lapse."""
    for number in range(8):
        subscribe = Subscribe(connection := str(uuid4()), str(uuid4()), "somebody", "ada", f"canvas/{number}")
        of = (subscription_id(connection, subscribe.subject), subscribe.organization_id)
        async with pool.connection() as session:
            await execute(session, SUBSCRIPTION, *of, subscribe, datetime.now(UTC))
        async with pool.connection() as session:
            await lapse_subscriptions(session, [connection], datetime.now(UTC), timedelta(hours=1))
        async with pool.connection() as session:
            assert (await SUBSCRIPTION.load(session, of[0])).version == 2


@pytest_asyncio.fixture(params=[("canvases", CANVAS, draw), ("notifications", SUBSCRIPTION, come_and_go)])
async def busy(stack: Any, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Pool, Any, Work]]:
    module, aggregate, work = request.param
    async with open_pool(stack.settings, module) as pool:
        yield pool, aggregate, work


async def test_what_is_written_while_tables_are_rebuilt_is_not_lost(busy: tuple[Pool, Any, Work]) -> None:
    pool, aggregate, work = busy
    enough = asyncio.Event()

    async def keep_working() -> None:
        while not enough.is_set():
            await work(pool)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(keep_working())
        for _ in range(3):
            await rebuild(pool, aggregate)
            assert not (await verify(pool, aggregate)).differences
        enough.set()
    assert not (await verify(pool, aggregate)).differences


def test_the_command_says_that_all_is_well(stack: Any, traces: Traces) -> None:
    said = stack.cli("verify")
    for module, aggregate in AGGREGATES:
        assert any(line.split()[:2] == [module, aggregate.type] for line in said.splitlines())
