"""The table of files."""

from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from canvas_demo.contracts.files.v1.events_pb2 import FileDescriptorChanged
from canvas_demo.kernel.aggregate import Aggregate, Loaded
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.events import EventTypes
from canvas_demo.kernel.sql import Queries
from canvas_demo.modules.files.domain import File, decide, evolve

QUERIES = Queries(__package__)


@dataclass(frozen=True)
class Shown:
    """A descriptor at a version, and when it came and was changed."""

    file: File
    version: int
    created_at: datetime
    updated_at: datetime


async def show(connection: Connection, file_id: str) -> Shown | None:
    """A descriptor, if there is one."""
    row = await (await connection.execute(QUERIES["load_file"], [file_id])).fetchone()
    if row is None:
        return None
    about = {key: row.pop(key) for key in ("version", "created_at", "updated_at")}
    return Shown(File(**row), **about)


async def load(connection: Connection, file_id: str) -> Loaded[File]:
    """A descriptor; version 0 where there is none."""
    shown = await show(connection, file_id)
    return Loaded(shown.file, shown.version) if shown else Loaded(None, 0)


async def save(
    connection: Connection,
    before: File | None,  # noqa: ARG001  (one row holds all of it)
    after: File,
    version: int,
    now: datetime,
) -> None:
    """Write a descriptor."""
    row = {**vars(after), "attributes": Jsonb(after.attributes), "version": version, "now": now}
    await connection.execute(QUERIES["save_file"], row)


FILE = Aggregate(
    type="file",
    events=EventTypes([FileDescriptorChanged]),
    decide=decide,
    evolve=evolve,
    load=load,
    save=save,
    tables=("file",),
)
