"""The tables of websockets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from canvas_demo.contracts.websockets.v1.events_pb2 import WebSocketConnectionChanged, WebSocketMessageReceived
from canvas_demo.kernel.aggregate import Aggregate, Loaded, advance
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.events import EventTypes
from canvas_demo.kernel.sql import Queries
from canvas_demo.modules.websockets.domain import (
    Conversation,
    Disconnect,
    WebSocketConnection,
    decide,
    decide_received,
    evolve,
    evolve_received,
)

QUERIES = Queries(__package__)


# --- connections -------------------------------------------------------------------------------------------


async def load(connection: Connection, connection_id: str) -> Loaded[WebSocketConnection]:
    """A connection; version 0 where there is none."""
    row = await (await connection.execute(QUERIES["load_connection"], [connection_id])).fetchone()
    return _loaded(row) if row else Loaded(None, 0)


async def save(
    connection: Connection, _: WebSocketConnection | None, after: WebSocketConnection, version: int, now: datetime
) -> None:
    """Write the connection's row."""
    await connection.execute(QUERIES["save_connection"], {**vars(after), "version": version, "now": now})


async def end_connections_of_host(connection: Connection, host: str, reason: str, now: datetime) -> int:
    """Publish every live connection of ``host`` as disconnected; how many there were."""
    cursor = await connection.execute(QUERIES["live_connections_of_host"], [host])
    return await _end(connection, await cursor.fetchall(), reason, now)


async def end_connections(connection: Connection, ids: Sequence[str], reason: str, now: datetime) -> int:
    """Publish those of ``ids`` that are live as disconnected; how many there were."""
    cursor = await connection.execute(QUERIES["live_connections_among"], [list(ids)])
    return await _end(connection, await cursor.fetchall(), reason, now)


async def _end(connection: Connection, rows: Sequence[dict[str, Any]], reason: str, now: datetime) -> int:
    async with connection.pipeline():
        for row in rows:
            of = (row["connection_id"], row["organization_id"])
            await advance(connection, CONNECTION, *of, _loaded(row), Disconnect(reason), now)
    return len(rows)


def _loaded(row: dict[str, Any]) -> Loaded[WebSocketConnection]:
    version = row["version"]
    return Loaded(WebSocketConnection(**{key: value for key, value in row.items() if key != "version"}), version)


CONNECTION = Aggregate(
    type="websocket-connection",
    events=EventTypes([WebSocketConnectionChanged]),
    decide=decide,
    evolve=evolve,
    load=load,
    save=save,
    tables=("connection",),
)


# --- what came in over them --------------------------------------------------------------------------------


async def load_conversation(connection: Connection, connection_id: str) -> Loaded[Conversation]:
    """What came in over a connection; version 0 where nothing did."""
    row = await (await connection.execute(QUERIES["count_messages"], [connection_id])).fetchone()
    if row is None:
        return Loaded(None, 0)
    return Loaded(Conversation(connection_id, row["organization_id"], row["messages"]), row["messages"])


async def save_conversation(
    connection: Connection, before: Conversation | None, after: Conversation, version: int, now: datetime
) -> None:
    """Nothing is kept besides the stream."""


CONVERSATION = Aggregate(
    type="websocket-message",
    events=EventTypes([WebSocketMessageReceived]),
    decide=decide_received,
    evolve=evolve_received,
    load=load_conversation,
    save=save_conversation,
)
