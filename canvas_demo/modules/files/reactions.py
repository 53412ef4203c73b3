"""What files does about events of others."""

from canvas_demo.kernel.consumer import Reactions
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.forgetting import KEY_DESTROYED, when_organization_key_destroyed_forget
from canvas_demo.kernel.kafka import Delivered
from canvas_demo.modules.files.store import FILE, QUERIES

forget = when_organization_key_destroyed_forget([FILE])


async def when_organization_key_destroyed_forget_files(connection: Connection, delivered: Delivered) -> None:
    """Their descriptors, and what was said of those that are still to come."""
    await forget(connection, delivered)
    await connection.execute(QUERIES["forget_uploads"], [delivered.organization_id])


REACTIONS: Reactions = {KEY_DESTROYED: when_organization_key_destroyed_forget_files}
