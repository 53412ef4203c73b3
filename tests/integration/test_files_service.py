"""Contents as the module files keeps them: held to limits, to keys, to time, and to what was stored."""

import asyncio
import random
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from grpc.aio import AioRpcError

from canvas_demo.contracts.files.v1 import files_pb2 as pb
from canvas_demo.contracts.files.v1 import files_pb2_grpc as pb_grpc
from canvas_demo.contracts.keys.v1 import keys_pb2, keys_pb2_grpc
from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.errors import DomainError, Gone, Rejected, StorageFull, TooLarge, Unavailable
from canvas_demo.kernel.keyring import REMEMBERED
from canvas_demo.kernel.rpc import Channels, ask, error_of
from canvas_demo.kernel.trace import new_id
from canvas_demo.modules.files.contents import PART
from canvas_demo.modules.files.encryption import SEALED_SEGMENT, SEGMENT
from canvas_demo.modules.files.storage import open_storage
from canvas_demo.modules.files.sweeping import Sweeper
from tests.integration.api import file_statuses
from tests.integration.people import Person, register
from tests.integration.websocket_clients import until


class Files:
    """The module files of the stack, as one person's client sees it."""

    def __init__(self, stack: Any, channels: Channels, person: Person) -> None:
        self.stack, self.person = stack, person
        self.stub: Any = pb_grpc.FilesStub(channels.to("files"))
        self.keys: Any = keys_pb2_grpc.KeysStub(channels.to("keys"))

    async def begin(self, size: int, media_type: str = "", *key: tuple[str, str]) -> pb.File:
        new = pb.CreateFileRequest(name="plan.bin", size=size, media_type=media_type)
        return await ask(self.stub.CreateFile(new, metadata=(*self.person.metadata, *key)))

    async def append(self, file_id: str, content: bytes, offset: int = 0, *, anew: bool = False) -> pb.Upload:
        async def parts() -> AsyncIterator[pb.AppendContentRequest]:
            yield pb.AppendContentRequest(append=pb.Append(file_id=file_id, offset=offset, anew=anew))
            for start in range(0, len(content), 8 * SEGMENT):
                yield pb.AppendContentRequest(chunk=content[start : start + 8 * SEGMENT])

        return await ask(self.stub.AppendContent(parts(), metadata=self.person.metadata))

    async def upload(self, content: bytes, media_type: str = "") -> pb.File:
        file = await self.begin(len(content), media_type)
        return (await self.append(file.id, content)).file

    async def read(self, file_id: str, got: list[bytes] | None = None) -> bytes:
        """The content; what came before an error is in ``got``."""
        pieces = [] if got is None else got
        request = pb.ReadContentRequest(file_id=file_id)
        try:
            async for answer in self.stub.ReadContent(request, metadata=self.person.metadata):
                pieces.append(answer.chunk)
        except AioRpcError as error:
            raise error_of(error) from error
        return b"".join(pieces)

    def folder(self, file_id: str) -> Path:
        return Path(self.stack.home) / "files" / self.person.organization_id / file_id

    def objects(self, file_id: str) -> list[Path]:
        """The stored parts, in their order: ids made later sort later."""
        folder = self.folder(file_id)
        return sorted(folder.iterdir()) if folder.exists() else []


@asynccontextmanager
async def files_of(stack: Any) -> AsyncIterator[Files]:
    async with Channels(stack.settings, "files") as channels:
        yield Files(stack, channels, await register(channels))


@pytest.fixture
async def files(stack: Any) -> AsyncIterator[Files]:
    async with files_of(stack) as opened:
        yield opened


# --- tampering ---------------------------------------------------------------------------------------------


def flip(path: Path, _: Path) -> None:
    data = bytearray(path.read_bytes())
    data[SEALED_SEGMENT + 77] ^= 1
    path.write_bytes(data)


def truncate(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[:-SEALED_SEGMENT])


def swap_segments(path: Path, _: Path) -> None:
    data = path.read_bytes()
    one, two = data[:SEALED_SEGMENT], data[SEALED_SEGMENT : 2 * SEALED_SEGMENT]
    path.write_bytes(two + one + data[2 * SEALED_SEGMENT :])


def repeat_a_segment(path: Path, _: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:SEALED_SEGMENT] * 2 + data[2 * SEALED_SEGMENT :])


def take_another_file_s(path: Path, other: Path) -> None:
    shutil.copy(other, path)


def remove(path: Path, _: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    "tamper", [flip, truncate, swap_segments, repeat_a_segment, take_another_file_s, remove], ids=lambda f: f.__name__
)
async def test_of_a_part_that_was_tampered_with_nothing_is_released(
    files: Files, tamper: Callable[[Path, Path], None]
) -> None:
    content = random.randbytes(PART + 5 * SEGMENT)
    file, other = await files.upload(content), await files.upload(content)
    first, second = files.objects(file.id)
    tamper(second, files.objects(other.id)[1])
    got: list[bytes] = []
    with pytest.raises(DomainError, match="is not what was stored"):
        await files.read(file.id, got)
    released = b"".join(got)
    assert len(released) <= PART + SEGMENT
    assert released == content[: len(released)]
    assert await files.read(other.id) == content
    assert first.exists()


# --- keys --------------------------------------------------------------------------------------------------


async def test_new_files_take_the_newest_key_and_old_ones_still_open(files: Files) -> None:
    old = await files.upload(b"before")
    half = await files.begin(10)
    await files.append(half.id, b"12345")
    await ask(files.keys.RotateKey(keys_pb2.RotateKeyRequest(), metadata=files.person.metadata))
    new = await files.upload(b"after")
    assert (old.key_version, new.key_version) == (1, 2)
    assert (await files.read(old.id), await files.read(new.id)) == (b"before", b"after")
    done = await files.append(half.id, b"67890", 5)
    assert (done.file.status, done.file.key_version) == ("UPLOADED", 1)
    assert await files.read(half.id) == b"1234567890"


async def test_contents_of_destroyed_keys_are_gone_and_that_is_said(files: Files) -> None:
    file = await files.upload(b"content")
    await destroy_keys(files)
    with pytest.raises(Gone, match="destroyed"):
        await files.read(file.id)
    with pytest.raises(Gone, match="destroyed"):
        await until_refused(files)


async def destroy_keys(files: Files) -> None:
    destroy = keys_pb2.DestroyKeyRequest(organization_id=files.person.organization_id)
    await ask(files.keys.DestroyKey(destroy, metadata=files.person.metadata))


async def test_a_content_that_is_being_read_when_the_keys_are_destroyed_ends(files: Files) -> None:
    """However slowly it is read."""
    file = await files.upload(random.randbytes(12 * PART))
    chunks = aiter(files.stub.ReadContent(pb.ReadContentRequest(file_id=file.id), metadata=files.person.metadata))
    read = len((await anext(chunks)).chunk)
    await destroy_keys(files)

    async def read_on() -> None:
        left = file.size - read
        while left:
            await asyncio.sleep(REMEMBERED / 20)
            left -= len((await anext(chunks)).chunk)

    with pytest.raises(AioRpcError) as ended:
        await read_on()
    assert isinstance(error_of(ended.value), Gone)


async def test_a_content_that_is_coming_when_the_keys_are_destroyed_is_not_kept_any_more(files: Files) -> None:
    file = await files.begin(12 * PART)

    async def parts() -> AsyncIterator[pb.AppendContentRequest]:
        yield pb.AppendContentRequest(append=pb.Append(file_id=file.id))
        for number in range(4 * 12):
            yield pb.AppendContentRequest(chunk=bytes(PART // 4))
            await asyncio.sleep(REMEMBERED / 20)
            if number == 0:
                await destroy_keys(files)

    with pytest.raises(Gone, match="destroyed"):
        await ask(files.stub.AppendContent(parts(), metadata=files.person.metadata))
    assert len(files.objects(file.id)) < 12


async def until_refused(files: Files) -> None:
    """Begin uploads until one is refused: a process uses a key that it has fetched for `REMEMBERED` seconds."""
    end = time.monotonic() + 3 * REMEMBERED
    while time.monotonic() < end:
        await files.begin(1)
        await asyncio.sleep(0.2)


# --- what is said of a content -----------------------------------------------------------------------------

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 100


@pytest.mark.parametrize(
    ("content", "declared", "shown"),
    [
        (PNG, "text/html", "image/png"),
        (b"plain words\n", "image/png", "text/plain"),
        (b"a,b\n1,2\n", "text/csv", "text/csv"),
        (b"\0\1\2\3" * 50, "application/x-plan", "application/x-plan"),
        (b"%PDF-1.7\n" + b"\0" * 100, "", "application/pdf"),
    ],
)
async def test_the_media_type_is_what_the_content_shows(
    files: Files, content: bytes, declared: str, shown: str
) -> None:
    assert (await files.upload(content, declared)).media_type == shown


# --- limits and time ---------------------------------------------------------------------------------------


async def test_more_than_was_said_is_refused_however_much_comes(files: Files) -> None:
    file = await files.begin(1_000_000)
    with pytest.raises(TooLarge):
        await files.append(file.id, random.randbytes(6_000_000))
    with pytest.raises(TooLarge):
        await files.begin(2**62)


async def test_an_organisation_that_has_stored_all_it_may_stores_no_more(files: Files, stack: Any) -> None:
    await files.upload(b"content")
    limit = stack.settings.organization_size_limit
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        database.execute(
            "UPDATE files.usage SET bytes = %s WHERE organization_id = %s",
            [limit - 10, files.person.organization_id],
        )
    with pytest.raises(StorageFull):
        await files.begin(11)
    file = await files.begin(10)
    await files.append(file.id, b"12345")
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        database.execute(
            "UPDATE files.usage SET bytes = %s WHERE organization_id = %s", [limit, files.person.organization_id]
        )
    with pytest.raises(StorageFull):
        await files.append(file.id, b"67890", 5)
    assert len(files.objects(file.id)) == 1
    assert file_statuses(stack.env["DATABASE_URL"], file.id) == ["PENDING"]


async def test_an_upload_that_nobody_finishes_is_given_up_with_an_event_and_its_bytes_go(
    files: Files, stack: Any
) -> None:
    file, kept = await files.begin(10), await files.begin(10)
    for each in (file, kept):
        await files.append(each.id, b"12345")
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        database.execute("UPDATE files.upload SET expires_at = now() WHERE file_id = %s", [file.id])
    async with open_pool(stack.settings, "files") as pool:
        await Sweeper(pool, open_storage(stack.settings)).sweep()
    assert file_statuses(stack.env["DATABASE_URL"], file.id) == ["PENDING", "DELETED"]
    assert files.objects(file.id) == []
    assert len(files.objects(kept.id)) == 1
    with pytest.raises(Gone, match="given up"):
        await files.append(file.id, b"67890", 5)
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        row = database.execute(
            "SELECT bytes FROM files.usage WHERE organization_id = %s", [files.person.organization_id]
        ).fetchone()
    assert row == (5,)


async def test_giving_up_waits_for_a_forgetting_with_nothing_in_its_hands(files: Files, stack: Any) -> None:
    """A forgetting that waited for an upload that waits for it was a deadlock."""
    file, lock = await files.begin(10), f"files/forgotten/{files.person.organization_id}"
    url = stack.env["DATABASE_URL"]
    waiting = """
        SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
        AND (classid::bigint << 32) | objid::bigint = hashtextextended(%s, 0)
    """
    async with open_pool(stack.settings, "files") as pool, await psycopg.AsyncConnection.connect(url) as forgetting:
        await forgetting.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [lock])
        with psycopg.connect(url) as database:
            database.execute("UPDATE files.upload SET expires_at = now() WHERE file_id = %s", [file.id])
        sweep = asyncio.create_task(Sweeper(pool, open_storage(stack.settings)).sweep())
        with psycopg.connect(url, autocommit=True) as database:
            await until(lambda: database.execute(waiting, [lock]).fetchone(), lambda row: row != (0,))
        await forgetting.execute("SET LOCAL lock_timeout = '2s'")
        await forgetting.execute("UPDATE files.upload SET metadata = '' WHERE file_id = %s", [file.id])
        await forgetting.commit()
        await sweep
    assert file_statuses(url, file.id) == ["PENDING", "DELETED"]


async def test_a_request_whose_file_was_given_up_may_begin_another(files: Files, stack: Any) -> None:
    key = ("idempotency-key", new_id())
    given_up = await files.begin(10, "", key)
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        database.execute("UPDATE files.upload SET expires_at = now() WHERE file_id = %s", [given_up.id])
    async with open_pool(stack.settings, "files") as pool:
        await Sweeper(pool, open_storage(stack.settings)).sweep()
    other = await files.begin(10, "", key)
    assert (other.id != given_up.id, other.status) == (True, "PENDING")
    await ask(files.stub.DeleteFile(pb.DeleteFileRequest(file_id=other.id), metadata=files.person.metadata))
    assert await files.begin(10, "", key) == other, "what somebody has deleted is not begun again"


async def test_bytes_that_can_not_be_removed_now_keep_no_others_waiting_and_go_later(
    files: Files, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, other = sorted([(await files.begin(10)).id, (await files.begin(10)).id])
    for each in (stuck, other):
        await files.append(each, b"12345")
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        database.execute("UPDATE files.upload SET expires_at = now() WHERE file_id = ANY (%s)", [[stuck, other]])
    storage = open_storage(stack.settings)
    delete_all = storage.delete_all

    async def refuse(folder: str) -> None:
        if folder.endswith(stuck):
            raise Unavailable("The disk is away.")
        await delete_all(folder)

    async with open_pool(stack.settings, "files") as pool:
        sweeper = Sweeper(pool, storage)
        with monkeypatch.context() as patch:
            patch.setattr(storage, "delete_all", refuse)
            await sweeper.sweep()
        assert files.objects(other) == []
        await sweeper.sweep()
    assert files.objects(stuck) == []


async def test_of_a_content_that_begins_anew_only_the_new_beginning_is_stored(files: Files) -> None:
    """Or an organisation could fill the disk, whatever it may store."""
    file = await files.begin(10)
    for content in (b"12345", b"1234", b"123"):
        upload = await files.append(file.id, content, anew=True)
        assert (upload.offset, len(files.objects(file.id))) == (len(content), 1)


async def test_beginning_anew_removes_what_it_takes_back_and_nothing_of_another_attempt(files: Files) -> None:
    file = await files.begin(10)
    await files.append(file.id, b"12345", anew=True)
    (taken_back,) = files.objects(file.id)
    another = files.folder(file.id) / "another"
    another.write_bytes(b"of one who takes over in the same moment")
    await files.append(file.id, b"1234", anew=True)
    assert another.exists()
    assert not taken_back.exists()


async def test_a_file_takes_one_content_and_only_at_its_end(files: Files) -> None:
    file = await files.begin(10)
    with pytest.raises(Rejected, match="0 bytes are stored"):
        await files.append(file.id, b"67890", 5)
    await files.append(file.id, b"1234567890")
    with pytest.raises(Rejected):
        await files.append(file.id, b"1234567890")


async def test_a_deleted_file_s_bytes_go_with_it(files: Files) -> None:
    file = await files.upload(random.randbytes(100_000))
    assert len(files.objects(file.id)) == 1
    await ask(files.stub.DeleteFile(pb.DeleteFileRequest(file_id=file.id), metadata=files.person.metadata))
    assert files.objects(file.id) == []
