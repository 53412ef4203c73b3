"""The tables of files."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from canvas_demo.contracts.files.v1.events_pb2 import FileDescriptorChanged
from canvas_demo.kernel.aggregate import Aggregate, Loaded
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.events import EventTypes
from canvas_demo.kernel.sql import Queries
from canvas_demo.modules.files.contents import Part
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


@dataclass(frozen=True)
class Upload:
    """How far the content of a file has come: ``offset`` bytes in ``parts`` parts are stored, of ``size``.

    ``attempt`` writes, and ``last_object`` is the one with the last of its bytes. It is waited for until
    ``expires_at``; None once all of it is there.
    """

    file_id: str
    size: int | None
    key_version: int | None
    metadata: str
    expires_at: datetime | None
    attempt: str | None
    offset: int
    parts: int
    last_object: str | None


async def create_upload(
    connection: Connection, file_id: str, size: int | None, metadata: str, expires_at: datetime
) -> None:
    """Wait for the content of a new file."""
    row = {"file_id": file_id, "size": size, "metadata": metadata, "expires_at": expires_at}
    await connection.execute(QUERIES["create_upload"], row)


async def find_upload(connection: Connection, file_id: str) -> Upload | None:
    """How far the file's content has come; None where its upload was ended."""
    row = await (await connection.execute(QUERIES["find_upload"], [file_id])).fetchone()
    return Upload(**row) if row else None


async def take_over(
    connection: Connection, file_id: str, attempt: str, finishing_at: int | None = None
) -> Upload | None:
    """Make ``attempt`` the one that writes; None where nothing is waited for.

    Who would only finish an upload of ``finishing_at`` bytes takes it from nobody.
    """
    values = {"file_id": file_id, "attempt": attempt, "finishing_at": finishing_at}
    await connection.execute(QUERIES["take_over"], values)
    upload = await find_upload(connection, file_id)
    return upload if upload and upload.expires_at else None


async def add_parts(
    connection: Connection,
    file: File,
    attempt: str,
    key_version: int,
    parts: Sequence[Part],
    expires_at: datetime,
) -> int | None:
    """Keep parts; the bytes that the organisation has stored then.

    None where the attempt was taken over: the transaction is then to be undone.
    """
    of = {"file_id": file.file_id, "attempt": attempt}
    async with connection.pipeline():
        asked = {**of, "key_version": key_version, "expires_at": expires_at}
        prolonged = await connection.execute(QUERIES["prolong_upload"], asked)
        await connection.cursor().executemany(QUERIES["add_part"], [{**of, **asdict(part)} for part in parts])
        size = sum(part.size for part in parts)
        used = await connection.execute(QUERIES["use"], [file.organization_id, size])
    if await prolonged.fetchone() is None:
        return None
    row: Any = await used.fetchone()
    return int(row["bytes"])


async def complete_upload(connection: Connection, file_id: str, attempt: str) -> bool:
    """Wait no longer: all has come. False where ``attempt`` is not the one that writes."""
    row = {"file_id": file_id, "attempt": attempt}
    return await (await connection.execute(QUERIES["complete_upload"], row)).fetchone() is not None


async def end_upload(connection: Connection, file_id: str) -> None:
    """Wait no longer, and tell no more what was said of the content."""
    await connection.execute(QUERIES["end_upload"], [file_id])


async def give_up(connection: Connection, file_id: str, due: datetime | None = None) -> bool:
    """End an upload that nobody finishes; whoever began it may begin another.

    False where nothing is waited for, or, with ``due``, it may wait for longer than until then.
    """
    values = {"file_id": file_id, "due": due}
    return await (await connection.execute(QUERIES["give_up"], values)).fetchone() is not None


async def was_given_up(connection: Connection, file_id: str) -> bool:
    """Whether the file's upload was given up, within the time for which that is remembered."""
    return await (await connection.execute(QUERIES["was_given_up"], [file_id])).fetchone() is not None


async def forget_given_up(connection: Connection, before: datetime) -> None:
    """Remember no longer what was given up before that time."""
    await connection.execute(QUERIES["forget_given_up"], [before])


async def drop_parts(connection: Connection, file: File) -> list[str]:
    """Keep no part of the content; the objects that held them."""
    rows = await (await connection.execute(QUERIES["drop_parts"], [file.file_id])).fetchall()
    if rows:
        await connection.execute(QUERIES["use"], [file.organization_id, -sum(row["size"] for row in rows)])
    return [row["object"] for row in rows]


async def load_parts(connection: Connection, file_id: str, start: int, end: int) -> list[Part]:
    """The parts that hold the bytes from ``start`` to ``end``, in their order."""
    values = {"file_id": file_id, "start": start, "end": end}
    return [Part(**row) for row in await (await connection.execute(QUERIES["load_parts"], values)).fetchall()]


async def usage_of(connection: Connection, organization_id: str) -> int:
    """Bytes that an organisation has stored."""
    row = await (await connection.execute(QUERIES["find_usage"], [organization_id])).fetchone()
    return row["bytes"] if row else 0


async def expired_uploads(connection: Connection, now: datetime) -> list[tuple[str, str]]:
    """Files whose content has not come in time, and their organisations."""
    rows = await (await connection.execute(QUERIES["expired_uploads"], [now])).fetchall()
    return [(row["file_id"], row["organization_id"]) for row in rows]


async def next_expiry(connection: Connection) -> datetime | None:
    """When the next upload is given up, unless more of it comes."""
    row = await (await connection.execute(QUERIES["next_expiry"])).fetchone()
    expires_at: datetime | None = row["expires_at"] if row else None
    return expires_at


async def drop_content(connection: Connection, file: File) -> None:
    """Keep no part of the content of a file that ends, and remember that its objects are to be removed."""
    await drop_parts(connection, file)
    await connection.execute(QUERIES["add_removal"], [file.file_id, folder_of(file)])


async def removals(connection: Connection) -> list[tuple[str, str]]:
    """Ended files whose objects may be there yet, and their folders."""
    rows = await (await connection.execute(QUERIES["removals"])).fetchall()
    return [(row["file_id"], row["folder"]) for row in rows]


async def drop_removal(connection: Connection, file_id: str) -> None:
    """The objects of an ended file were removed."""
    await connection.execute(QUERIES["drop_removal"], [file_id])


def folder_of(file: File) -> str:
    """Where in the storage the objects of a file lie."""
    return f"{file.organization_id}/{file.file_id}"


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
