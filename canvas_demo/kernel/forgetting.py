"""What a module does when an organisation's keys are destroyed."""

from collections.abc import Sequence
from typing import Any, LiteralString

from canvas_demo.kernel.aggregate import Aggregate
from canvas_demo.kernel.consumer import Reaction
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.kafka import Delivered
from canvas_demo.kernel.outbox import QUERIES, read_stream, streams_of

KEY_DESTROYED = ("key", "OrganizationKeyDestroyed")


def when_organization_key_destroyed_forget(aggregates: Sequence[Aggregate[Any]], *besides: LiteralString) -> Reaction:
    """A reaction that writes the state tables anew for the organisation, as its events can be read from now on.

    ``besides`` are statements that forget what no event tells of; each is given the organisation's id.
    """

    async def forget(connection: Connection, delivered: Delivered) -> None:
        connection.keys.destroyed(delivered.organization_id)
        await connection.execute(QUERIES["forget_organization"], {"organization_id": delivered.organization_id})
        for statement in (QUERIES["forget_answers"], *besides):
            await connection.execute(statement, [delivered.organization_id])
        for aggregate in aggregates:
            for aggregate_id in await streams_of(connection, aggregate.type, delivered.organization_id):
                stream = await read_stream(connection, (aggregate.type, aggregate_id))
                before, after = await aggregate.load(connection, aggregate_id), aggregate.replay(stream)
                if before.state != after and after is not None:
                    await aggregate.save(connection, before.state, after, before.version, stream[-1].occurred_at)

    return forget
