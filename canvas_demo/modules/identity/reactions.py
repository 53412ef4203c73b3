"""What identity does about events of others."""

from canvas_demo.kernel.consumer import Reactions
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.forgetting import KEY_DESTROYED, when_organization_key_destroyed_forget
from canvas_demo.kernel.kafka import Delivered
from canvas_demo.modules.identity.store import ORGANIZATION, QUERIES, USER

forget = when_organization_key_destroyed_forget([ORGANIZATION, USER])


async def when_organization_key_destroyed_end_its_users(connection: Connection, delivered: Delivered) -> None:
    """Their names can't be read any more, so nobody signs in under one; what they signed in with goes too."""
    await connection.execute(QUERIES["delete_credentials_of_organization"], [delivered.organization_id])
    await forget(connection, delivered)


REACTIONS: Reactions = {KEY_DESTROYED: when_organization_key_destroyed_end_its_users}
