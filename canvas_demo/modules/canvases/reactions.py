"""What canvases does about events of others."""

from collections.abc import Sequence
from datetime import UTC, datetime

from canvas_demo.contracts.files.v1.events_pb2 import FileDescriptorChanged
from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.consumer import Reactions, Together
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Conflict, Gone
from canvas_demo.kernel.forgetting import KEY_DESTROYED, when_organization_key_destroyed_forget
from canvas_demo.kernel.kafka import Delivered, event_in
from canvas_demo.modules.canvases.domain import ChangeFile, File
from canvas_demo.modules.canvases.store import CANVAS, canvases_of_file, hold_files_alone

ATTEMPTS = 20
"""At a change of a canvas that others change at the same time, within one transaction."""


async def when_file_descriptors_changed_update_items(connection: Connection, events: Sequence[Delivered]) -> None:
    """Tell every canvas that the files lie on, those among them where one is just being placed."""
    await hold_files_alone(connection, [event.aggregate_id for event in events])
    for event in events:
        event.go_on()
        await _update_items(connection, event)


async def _update_items(connection: Connection, delivered: Delivered) -> None:
    event = await event_in(delivered, FileDescriptorChanged, connection.keys)
    file = File(event.status, event.name, event.media_type, int(event.size), delivered.aggregate_version)
    for canvas_id in await canvases_of_file(connection, event.file_id):
        try:
            await _change(connection, canvas_id, event.organization_id, ChangeFile(canvas_id, event.file_id, file))
        except Gone:
            return  # the organisation's keys were destroyed since: it stores nothing any more


async def _change(connection: Connection, canvas_id: str, organization_id: str, command: ChangeFile) -> None:
    """Change a canvas; again, where another writer was quicker: the record of the event is not to blame.

    The next attempt sees what the other wrote. Raises `Conflict` where there was always another.
    """
    for left in reversed(range(ATTEMPTS)):
        try:
            async with connection.transaction():
                await execute(connection, CANVAS, canvas_id, organization_id, command, datetime.now(UTC))
        except Conflict:
            if not left:
                raise
        else:
            return


REACTIONS: Reactions = {
    ("file", "FileDescriptorChanged"): Together(when_file_descriptors_changed_update_items),
    KEY_DESTROYED: when_organization_key_destroyed_forget([CANVAS]),
}
