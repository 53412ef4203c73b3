"""New organisations and users: their events, and beside them the password's hash, in one transaction."""

from datetime import UTC, datetime

from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.trace import new_id
from canvas_demo.modules.identity.domain import AddUser, Organization, RegisterOrganization, User, checked_username
from canvas_demo.modules.identity.passwords import Passwords
from canvas_demo.modules.identity.store import (
    ORGANIZATION,
    QUERIES,
    USER,
    check_username_free,
    find_credential,
    insert_credential,
)

FIRST_ORGANIZATION, FIRST_USERNAME, FIRST_PASSWORD = "Demo", "admin", "changeme"


async def register_organization(
    connection: Connection, name: str, username: str, password_hash: str, now: datetime
) -> tuple[Organization, User]:
    """A new organisation with its first user. Raises `Invalid` and `AlreadyExists`.

    What is refused is refused before the organisation's name is sealed: with that, keys makes it a data key.
    """
    await check_username_free(connection, checked_username(username))
    organization_id = new_id()
    register = RegisterOrganization(organization_id, name)
    registered = await execute(connection, ORGANIZATION, organization_id, organization_id, register, now)
    user = await add_user(connection, organization_id, username, password_hash, now)
    return registered.state, user


async def add_user(
    connection: Connection, organization_id: str, username: str, password_hash: str, now: datetime
) -> User:
    """A user more of an organisation. Raises `Invalid` and `AlreadyExists`."""
    user_id = new_id()
    command = AddUser(user_id, organization_id, username)
    added = await execute(connection, USER, user_id, organization_id, command, now)
    await insert_credential(connection, user_id, password_hash, now)
    return added.state


async def register_first_user(pool: Pool, passwords: Passwords) -> None:
    """The user that everyone knows, unless they are there; of several instances that start at once, one does it."""
    async with pool.connection() as connection:
        await connection.execute(QUERIES["lock_first_user"])
        if await find_credential(connection, FIRST_USERNAME):
            return
        password_hash = await passwords.hash(FIRST_PASSWORD)
        now = datetime.now(UTC)
        await register_organization(connection, FIRST_ORGANIZATION, FIRST_USERNAME, password_hash, now)
