"""What canvases does about events of others."""

from datetime import UTC, datetime

from canvas_demo.contracts.files.v1.events_pb2 import FileDescriptorChanged
from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.consumer import Reactions
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import Gone
from canvas_demo.kernel.forgetting import KEY_DESTROYED, when_organization_key_destroyed_forget
from canvas_demo.kernel.kafka import Delivered, event_in
from canvas_demo.modules.canvases.domain import ChangeFile, File
from canvas_demo.modules.canvases.store import CANVAS, canvases_of_file


async def when_file_descriptor_changed_update_items(connection: Connection, delivered: Delivered) -> None:
    """Tell every canvas that the file lies on."""
    event = await event_in(delivered, FileDescriptorChanged, connection.keys)
    file = File(event.status, event.name, event.media_type, int(event.size))
    for canvas_id in await canvases_of_file(connection, event.file_id):
        command = ChangeFile(canvas_id, event.file_id, file)
        try:
            async with connection.transaction():
                await execute(connection, CANVAS, canvas_id, event.organization_id, command, datetime.now(UTC))
        except Gone:
            return  # the organisation's keys were destroyed since: it stores nothing any more


REACTIONS: Reactions = {
    ("file", "FileDescriptorChanged"): when_file_descriptor_changed_update_items,
    KEY_DESTROYED: when_organization_key_destroyed_forget([CANVAS]),
}
