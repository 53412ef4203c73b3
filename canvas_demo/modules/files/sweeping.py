"""What nobody finishes is given up, and what nobody has any more is removed."""

import asyncio
from datetime import UTC, datetime

import structlog

from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.errors import Gone, Unavailable
from canvas_demo.kernel.idempotency import REMEMBERED
from canvas_demo.kernel.outbox import hold_organization
from canvas_demo.kernel.trace import Trace, set_trace
from canvas_demo.modules.files import store
from canvas_demo.modules.files.domain import DeleteFile, ExpireFile
from canvas_demo.modules.files.storage import FileStorage
from canvas_demo.modules.files.store import FILE

log = structlog.get_logger(__name__)

LONGEST_PAUSE = 60.0
"""Seconds between two looks for what is to be given up."""
SHORTEST_PAUSE = 0.1
KEPT = 7 * REMEMBERED
"""How long it is known what was given up: longer than any answer is kept, which go a few at a time."""


class Sweeper:
    """Ends files: at somebody's wish, or when their content does not come in time."""

    def __init__(self, pool: Pool, storage: FileStorage) -> None:
        self._pool = pool
        self._storage = storage

    async def sweep(self) -> None:
        """Give up, with an event each, the uploads whose time is over, and remove the bytes of all that ended."""
        now = datetime.now(UTC)
        async with self._pool.connection() as connection:
            await store.forget_given_up(connection, now - KEPT)
            expired = await store.expired_uploads(connection, now)
        for file_id, organization_id in expired:
            set_trace(Trace.start())
            async with self._pool.connection() as connection:
                await hold_organization(connection, organization_id)
                if await store.give_up(connection, file_id, now):
                    await end(connection, file_id, ExpireFile())
                    log.info("upload given up", file_id=file_id)
        async with self._pool.connection() as connection:
            removals = await store.removals(connection)
        for file_id, folder in removals:
            await self.remove(file_id, folder)

    async def remove(self, file_id: str, folder: str) -> None:
        """Remove the bytes of a file that has ended; where the storage does not answer, the next `sweep` does it."""
        try:
            await self._storage.delete_all(folder)
        except Unavailable as error:
            log.warning("bytes of an ended file are removed later", file_id=file_id, error=error.detail)
            return
        async with self._pool.connection() as connection:
            await store.drop_removal(connection, file_id)

    async def sweeping(self) -> None:
        """`sweep` whenever something is due, for good."""
        while True:
            pause = LONGEST_PAUSE
            try:
                await self.sweep()
                async with self._pool.connection() as connection:
                    expiry = await store.next_expiry(connection)
                if expiry:
                    due = (expiry - datetime.now(UTC)).total_seconds()
                    pause = min(pause, max(due, SHORTEST_PAUSE))
            except Exception:
                log.exception("sweep failed; it is tried again")
            await asyncio.sleep(pause)


async def end(
    connection: Connection, file_id: str, command: DeleteFile | ExpireFile, expected_version: int = 0
) -> None:
    """End a file in the caller's transaction, and its upload; its bytes are to be removed after that.

    The caller holds the organisation, from before it touched the upload: who forgets one holds it first, too.
    Where the organisation's keys were destroyed no event can tell of it any more, and only the bytes go.
    """
    file = (await FILE.load(connection, file_id)).state
    await store.end_upload(connection, file_id)
    if file is None:
        return
    await store.drop_content(connection, file)
    try:
        async with connection.transaction():
            now = datetime.now(UTC)
            await execute(connection, FILE, file_id, file.organization_id, command, now, expected_version)
    except Gone:
        log.info("bytes of a file without keys are removed; its state stays", file_id=file_id)
