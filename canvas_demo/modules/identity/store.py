"""The tables of identity."""

from datetime import datetime
from typing import Any

from psycopg.errors import UniqueViolation

from canvas_demo.contracts.identity.v1 import events_pb2
from canvas_demo.kernel.aggregate import Aggregate, Loaded
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import AlreadyExists
from canvas_demo.kernel.events import EventTypes
from canvas_demo.kernel.sql import Queries
from canvas_demo.modules.identity.domain import (
    Organization,
    User,
    decide_organization,
    decide_user,
    evolve_organization,
    evolve_user,
)

QUERIES = Queries(__package__)


async def load_organization(connection: Connection, organization_id: str) -> Loaded[Organization]:
    """An organisation; version 0 where there is none."""
    row = await (await connection.execute(QUERIES["load_organization"], [organization_id])).fetchone()
    return Loaded(Organization(row["organization_id"], row["name"]), row["version"]) if row else Loaded(None, 0)


async def save_organization(
    connection: Connection,
    before: Organization | None,  # noqa: ARG001  (one row holds all of it)
    after: Organization,
    version: int,
    now: datetime,
) -> None:
    """Write an organisation."""
    await connection.execute(QUERIES["save_organization"], {**vars(after), "version": version, "now": now})


async def load_user(connection: Connection, user_id: str) -> Loaded[User]:
    """A user; version 0 where there is none."""
    row = await (await connection.execute(QUERIES["load_account"], [user_id])).fetchone()
    return Loaded(user_of(row), row["version"]) if row else Loaded(None, 0)


async def save_user(
    connection: Connection,
    before: User | None,  # noqa: ARG001  (one row holds all of it)
    after: User,
    version: int,
    now: datetime,
) -> None:
    """Write a user. Raises `AlreadyExists` where another has the username; the transaction is then void."""
    try:
        async with connection.pipeline():  # of its own, so that it fails here
            await connection.execute(QUERIES["save_account"], {**vars(after), "version": version, "now": now})
    except UniqueViolation as error:
        if error.diag.constraint_name != "account_one_a_username":
            raise
        raise _taken(after.username) from error


async def check_username_free(connection: Connection, username: str) -> None:
    """Raises `AlreadyExists` where somebody has the username; somebody may yet take it before this transaction ends."""
    if await (await connection.execute(QUERIES["find_username"], [username])).fetchone() is not None:
        raise _taken(username)


def _taken(username: str) -> AlreadyExists:
    return AlreadyExists(f"The username {username!r} is taken.", field="username")


async def find_credential(connection: Connection, username: str) -> dict[str, Any] | None:
    """The user of that name, and ``password_hash``, if there is one."""
    return await (await connection.execute(QUERIES["find_credential"], [username])).fetchone()


async def insert_credential(connection: Connection, user_id: str, password_hash: str, now: datetime) -> None:
    """What the user signs in with."""
    await connection.execute(QUERIES["insert_credential"], [user_id, password_hash, now])


async def lock_credential(connection: Connection, user_id: str) -> str | None:
    """The hash of the user's password, if there is one; it stays the same until the transaction ends."""
    row = await (await connection.execute(QUERIES["lock_credential"], [user_id])).fetchone()
    return row["password_hash"] if row else None


async def change_credential(connection: Connection, user_id: str, password_hash: str) -> None:
    """Another password for the user."""
    await connection.execute(QUERIES["change_credential"], [password_hash, user_id])


async def ended_tokens(connection: Connection, since: datetime) -> dict[str, int]:
    """Users who ended tokens after ``since``: the lowest generation of theirs that holds."""
    cursor = await connection.execute(QUERIES["ended_tokens"], [since])
    return {row["user_id"]: row["generation"] for row in await cursor.fetchall()}


def user_of(row: dict[str, Any]) -> User:
    """The user that a row tells of."""
    return User(row["user_id"], row["organization_id"], row["username"], row["generation"])


ORGANIZATION = Aggregate(
    type="organization",
    events=EventTypes([events_pb2.OrganizationRegistered]),
    decide=decide_organization,
    evolve=evolve_organization,
    load=load_organization,
    save=save_organization,
    tables=("organization",),
)

USER = Aggregate(
    type="user",
    events=EventTypes([events_pb2.UserAdded, events_pb2.PasswordChanged]),
    decide=decide_user,
    evolve=evolve_user,
    load=load_user,
    save=save_user,
    tables=("account",),
)
