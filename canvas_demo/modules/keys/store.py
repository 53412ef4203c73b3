"""The tables of keys."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from canvas_demo.contracts.keys.v1.events_pb2 import OrganizationKeyDestroyed, OrganizationKeyRotated
from canvas_demo.kernel.aggregate import Aggregate, Executed, Loaded, execute
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.events import EventTypes
from canvas_demo.kernel.sql import Queries
from canvas_demo.modules.keys.domain import KeyCommand, KeyRing, decide, evolve
from canvas_demo.modules.keys.wrapping import KeyWrapper

QUERIES = Queries(__package__)


@dataclass(frozen=True)
class Found:
    """The ring of an organisation and the data key that was looked for in it, if it is there; it is still wrapped."""

    ring: KeyRing
    key_version: int | None
    wrapped: bytes | None


async def load(connection: Connection, organization_id: str) -> Loaded[KeyRing]:
    """The ring of an organisation; version 0 where there is none."""
    row = await (await connection.execute(QUERIES["load_key_ring"], [organization_id])).fetchone()
    return Loaded(_ring(row), row["version"]) if row else Loaded(None, 0)


async def save(
    connection: Connection,
    before: KeyRing | None,  # noqa: ARG001  (one row holds all of it)
    after: KeyRing,
    version: int,
    now: datetime,
) -> None:
    """Write a ring; the data keys themselves are no part of its state."""
    await connection.execute(QUERIES["save_key_ring"], {**vars(after), "version": version, "now": now})


async def change_keys(
    connection: Connection, wrapper: KeyWrapper, organization_id: str, command: KeyCommand, now: datetime
) -> Executed[KeyRing]:
    """Run ``command``, and make or destroy the data keys that its events tell of, in the same transaction.

    Writers of one ring come one after the other, so that a reaction does not fail because an upload
    was quicker to want a key.
    """
    await connection.execute(QUERIES["lock_key_ring"], [organization_id])
    done = await execute(connection, KEY, organization_id, organization_id, command, now)
    for event in done.events:
        match event:
            case OrganizationKeyRotated():
                wrapped = wrapper.new_wrapped_key(organization_id, event.key_version)
                await connection.execute(QUERIES["insert_data_key"], [organization_id, event.key_version, wrapped, now])
            case OrganizationKeyDestroyed():
                await connection.execute(QUERIES["delete_data_keys"], [organization_id])
    return done


async def find_data_key(connection: Connection, organization_id: str, key_version: int) -> Found | None:
    """A ring and its data key of that version, 0 being the newest; ``None`` where there is no ring."""
    parameters = {"organization_id": organization_id, "key_version": key_version}
    row = await (await connection.execute(QUERIES["find_data_key"], parameters)).fetchone()
    return Found(_ring(row), row["key_version"], row["wrapped"]) if row else None


async def list_data_keys(connection: Connection, organization_id: str) -> list[dict[str, Any]]:
    """``key_version`` and ``created_at`` of an organisation's data keys, oldest first."""
    return await (await connection.execute(QUERIES["list_data_keys"], [organization_id])).fetchall()


async def check_master_key(connection: Connection, wrapper: KeyWrapper) -> None:
    """Unwrap the first data key, if there is one. Raises `SettingError` under another master key."""
    row = await (await connection.execute(QUERIES["first_data_key"])).fetchone()
    if row:
        wrapper.unwrap(row["wrapped"], row["organization_id"], row["key_version"])


def _ring(row: dict[str, Any]) -> KeyRing:
    return KeyRing(row["organization_id"], row["newest"], row["destroyed"])


KEY = Aggregate(
    type="key",
    events=EventTypes([OrganizationKeyRotated, OrganizationKeyDestroyed]),
    decide=decide,
    evolve=evolve,
    load=load,
    save=save,
    tables=("key_ring",),
)
