"""What keys does about events of others."""

from datetime import UTC, datetime
from functools import partial

from canvas_demo.contracts.identity.v1.events_pb2 import OrganizationRegistered
from canvas_demo.kernel.consumer import Reactions
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.kafka import Delivered, event_in
from canvas_demo.modules.keys.domain import CreateKey
from canvas_demo.modules.keys.store import change_keys
from canvas_demo.modules.keys.wrapping import KeyWrapper


async def when_organization_registered_create_key(
    wrapper: KeyWrapper, connection: Connection, delivered: Delivered
) -> None:
    """Give it its first data key, unless an upload asked for one before."""
    event = await event_in(delivered, OrganizationRegistered, connection.keys)
    command = CreateKey(event.organization_id)
    await change_keys(connection, wrapper, event.organization_id, command, datetime.now(UTC))


def reactions(wrapper: KeyWrapper) -> Reactions:
    """Event → reaction."""
    return {("organization", "OrganizationRegistered"): partial(when_organization_registered_create_key, wrapper)}
