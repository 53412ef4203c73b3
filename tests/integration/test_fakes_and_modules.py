"""What unit tests take for identity, canvases, files and notifications answers as these modules do.

Each test runs twice: against the fakes of tests/unit/fake_modules.py, and against the modules of the stack.
"""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from canvas_demo.contracts.canvases.v1 import canvases_pb2, canvases_pb2_grpc
from canvas_demo.contracts.files.v1 import files_pb2, files_pb2_grpc
from canvas_demo.contracts.identity.v1 import identity_pb2
from canvas_demo.contracts.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from canvas_demo.kernel.errors import (
    AlreadyExists,
    Gone,
    Invalid,
    NotFound,
    Rejected,
    Stale,
    TooLarge,
    Unauthenticated,
)
from canvas_demo.kernel.rpc import Channels, ask
from tests.integration.people import PASSWORD, Person, a_name, identity, register, sign_in
from tests.unit.fake_modules import fake_modules

CONTENT = b"0123456789" * 1000


@dataclass(frozen=True)
class Client:
    """A person, and what they ask of the modules."""

    channels: Channels
    person: Person

    async def canvas(self, method: str, **request: Any) -> Any:
        """What the module canvases answers."""
        stub = canvases_pb2_grpc.CanvasesStub(self.channels.to("canvases"))
        message = getattr(canvases_pb2, f"{method}Request")(**request)
        return await ask(getattr(stub, method)(message, metadata=self.person.metadata))

    async def file(self, method: str, **request: Any) -> Any:
        """What the module files answers."""
        message = getattr(files_pb2, f"{method}Request")(**request)
        return await ask(getattr(self._files, method)(message, metadata=self.person.metadata))

    async def append(self, append: files_pb2.Append, content: bytes, size: int | None = None) -> files_pb2.Upload:
        async def parts() -> AsyncIterator[files_pb2.AppendContentRequest]:
            yield files_pb2.AppendContentRequest(append=append)
            yield files_pb2.AppendContentRequest(chunk=content)
            if size is not None:
                yield files_pb2.AppendContentRequest(size=size)

        upload: files_pb2.Upload = await ask(self._files.AppendContent(parts(), metadata=self.person.metadata))
        return upload

    async def content(self, file_id: str, offset: int, length: int) -> bytes:
        request = files_pb2.ReadContentRequest(file_id=file_id, offset=offset, length=length)
        answers = self._files.ReadContent(request, metadata=self.person.metadata)
        return b"".join([answer.chunk async for answer in answers])

    async def presence(self, subject: str) -> Any:
        stub: Any = notifications_pb2_grpc.NotificationsStub(self.channels.to("notifications"))
        request = notifications_pb2.ListPresenceRequest(subject=subject)
        return (await ask(stub.ListPresence(request, metadata=self.person.metadata))).present

    @property
    def _files(self) -> Any:
        return files_pb2_grpc.FilesStub(self.channels.to("files"))


@pytest.fixture(params=["fakes", "modules"])
async def channels(request: pytest.FixtureRequest) -> AsyncIterator[Channels]:
    if request.param == "fakes":
        async with fake_modules() as fakes, Channels(fakes.settings, "contract") as opened:
            yield opened
    else:
        async with Channels(request.getfixturevalue("stack").settings, "contract") as opened:
            yield opened


@pytest.fixture
async def ada(channels: Channels) -> Client:
    return Client(channels, await register(channels))


@pytest.fixture
async def stranger(channels: Channels) -> Client:
    return Client(channels, await register(channels))


# --- identity ----------------------------------------------------------------------------------------------


async def test_who_signs_in_is_who_was_registered(channels: Channels, ada: Client) -> None:
    me = await ask(identity(channels).GetMe(identity_pb2.GetMeRequest(), metadata=ada.person.metadata))
    assert (me.user.id, me.user.username) == (ada.person.user_id, ada.person.username)
    assert me.organization.id == ada.person.organization_id
    with pytest.raises(Unauthenticated):
        await sign_in(channels, ada.person.username, "another password")


async def test_who_is_added_belongs_to_the_organisation_and_a_name_is_taken_once(
    channels: Channels, ada: Client
) -> None:
    new = identity_pb2.AddUserRequest(username=a_name(), password=PASSWORD)
    user = await ask(identity(channels).AddUser(new, metadata=ada.person.metadata))
    assert (await sign_in(channels, new.username)).user_id == user.id
    assert user.organization_id == ada.person.organization_id
    with pytest.raises(AlreadyExists):
        await ask(identity(channels).AddUser(new, metadata=ada.person.metadata))


# --- canvases ----------------------------------------------------------------------------------------------


async def test_a_canvas_changes_at_the_version_that_was_expected(ada: Client) -> None:
    canvas = await ada.canvas("CreateCanvas", name="Plan")
    renamed = await ada.canvas("RenameCanvas", canvas_id=canvas.id, name="Garden", expected_version=1)
    assert (canvas.version, renamed.version, renamed.name) == (1, 2, "Garden")
    with pytest.raises(Stale) as stale:
        await ada.canvas("RenameCanvas", canvas_id=canvas.id, name="Other", expected_version=1)
    assert stale.value.metadata["current_version"] == "2"
    assert await ada.canvas("GetCanvas", canvas_id=canvas.id) == renamed


async def test_an_archived_canvas_takes_no_change_until_it_is_restored(ada: Client) -> None:
    canvas = await ada.canvas("CreateCanvas", name="Plan")
    await ada.canvas("ArchiveCanvas", canvas_id=canvas.id)
    with pytest.raises(Rejected):
        await ada.canvas("RenameCanvas", canvas_id=canvas.id, name="Garden")
    assert not (await ada.canvas("ListCanvases", page_size=50)).canvases
    await ada.canvas("RestoreCanvas", canvas_id=canvas.id)
    assert [each.id for each in (await ada.canvas("ListCanvases", page_size=50)).canvases] == [canvas.id]


async def test_a_note_is_placed_changed_and_removed(ada: Client) -> None:
    of = {"canvas_id": (await ada.canvas("CreateCanvas", name="Plan")).id, "item_id": str(uuid4())}
    await ada.canvas("PlaceItem", **of, x=1, y=2, text="Water the garden")
    await ada.canvas("MoveItem", **of, x=3, y=4)
    await ada.canvas("ResizeItem", **of, width=5, height=6)
    await ada.canvas("ReorderItem", **of, layer=7)
    canvas = await ada.canvas("EditNote", **of, text="Mow the lawn")
    (note,) = canvas.items
    assert (note.id, note.kind, note.text) == (of["item_id"], "NOTE", "Mow the lawn")
    assert (note.x, note.y, note.width, note.height, note.layer) == (3, 4, 5, 6, 7)
    removed = await ada.canvas("RemoveItem", **of)
    assert (removed.version, list(removed.items)) == (canvas.version + 1, [])
    with pytest.raises(NotFound):
        await ada.canvas("MoveItem", **of, x=1, y=1)


async def test_a_file_s_item_tells_of_the_file(ada: Client) -> None:
    canvas = await ada.canvas("CreateCanvas", name="Plan")
    file = await ada.file("CreateFile", name="plan.txt", media_type="text/plain")
    placed = await ada.canvas("PlaceItem", canvas_id=canvas.id, file_id=file.id, x=1, y=2)
    (item,) = placed.items
    assert (item.kind, item.file_id, item.file.name, item.file.status) == ("FILE", file.id, "plan.txt", "PENDING")


@pytest.mark.parametrize("name", ["", " \t", "x" * 256, "a\0b"])
async def test_a_name_that_can_not_be_taken_is_named(ada: Client, name: str) -> None:
    for refused in (ada.canvas("CreateCanvas", name=name), ada.file("CreateFile", name=name)):
        with pytest.raises(Invalid) as invalid:
            await refused
        assert invalid.value.metadata["field"] == "name"


async def test_a_file_s_name_may_be_longer_than_a_canvas_s(ada: Client) -> None:
    assert (await ada.file("CreateFile", name="x" * 255)).name == "x" * 255
    with pytest.raises(Invalid):
        await ada.canvas("CreateCanvas", name="x" * 201)


async def test_what_is_another_organisation_s_is_not_there(ada: Client, stranger: Client) -> None:
    canvas = await ada.canvas("CreateCanvas", name="Plan")
    file = await ada.file("CreateFile", name="plan.txt")
    for refused in (
        stranger.canvas("GetCanvas", canvas_id=canvas.id),
        stranger.canvas("RenameCanvas", canvas_id=canvas.id, name="Mine"),
        stranger.file("GetFile", file_id=file.id),
        stranger.file("GetUpload", file_id=file.id),
        stranger.append(files_pb2.Append(file_id=file.id), b"mine"),
        stranger.file("DeleteFile", file_id=file.id),
        stranger.presence(f"canvas/{canvas.id}"),
    ):
        with pytest.raises(NotFound):
            await refused
    assert not (await stranger.canvas("ListCanvases", page_size=50)).canvases


# --- files -------------------------------------------------------------------------------------------------


async def test_a_content_that_comes_in_two_calls_is_uploaded_with_the_last_byte(ada: Client) -> None:
    file = await ada.file("CreateFile", name="plan.txt", media_type="text/plain", size=len(CONTENT))
    assert (file.status, file.version) == ("PENDING", 1)
    first = await ada.append(files_pb2.Append(file_id=file.id), CONTENT[:4000])
    assert (first.offset, first.size, first.file.status) == (4000, len(CONTENT), "PENDING")
    assert first.expires_at
    second = await ada.append(files_pb2.Append(file_id=file.id, offset=4000), CONTENT[4000:])
    done = await ada.file("GetFile", file_id=file.id)
    assert second.file == done
    assert (done.status, done.size, done.version, done.key_version) == ("UPLOADED", len(CONTENT), 2, 1)
    assert done.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert await ada.content(file.id, 3990, 20) == CONTENT[3990:4010]


async def test_what_was_said_of_a_content_is_told_again_when_it_is_there(ada: Client) -> None:
    said = await ada.file(
        "CreateFile", name="plan.txt", size=len(CONTENT), metadata="filename cGxhbi50eHQ=,mood aGFwcHk="
    )
    await ada.append(files_pb2.Append(file_id=said.id), CONTENT)
    upload = await ada.file("GetUpload", file_id=said.id)
    assert (upload.offset, upload.size, upload.expires_at) == (len(CONTENT), len(CONTENT), "")
    assert upload.metadata == "filename cGxhbi50eHQ=,mood aGFwcHk="
    unsaid = await ada.file("CreateFile", name="plan.txt")
    await ada.append(files_pb2.Append(file_id=unsaid.id), CONTENT, len(CONTENT))
    upload = await ada.file("GetUpload", file_id=unsaid.id)
    assert (upload.offset, upload.HasField("size"), upload.metadata) == (len(CONTENT), False, "")


async def test_a_content_goes_on_from_where_it_is(ada: Client) -> None:
    file = await ada.file("CreateFile", name="plan.txt", size=len(CONTENT))
    await ada.append(files_pb2.Append(file_id=file.id), CONTENT[:4000])
    with pytest.raises(Rejected) as rejected:
        await ada.append(files_pb2.Append(file_id=file.id, offset=10), CONTENT[10:])
    assert rejected.value.metadata["current_offset"] == "4000"


async def test_a_content_of_no_said_size_ends_with_the_word_of_its_size(ada: Client) -> None:
    file = await ada.file("CreateFile", name="plan.txt")
    with pytest.raises(Invalid) as invalid:
        await ada.append(files_pb2.Append(file_id=file.id, anew=True), CONTENT, len(CONTENT) + 1)
    assert invalid.value.metadata["field"] == "size"
    assert (await ada.file("GetFile", file_id=file.id)).status == "PENDING"


async def test_a_size_is_said_once(ada: Client) -> None:
    file = await ada.file("CreateFile", name="plan.txt", size=10)
    with pytest.raises(Invalid) as invalid:
        await ada.append(files_pb2.Append(file_id=file.id), b"12345", 5)
    assert invalid.value.metadata["field"] == "size"
    assert (await ada.file("GetFile", file_id=file.id)).status == "PENDING"


@pytest.mark.parametrize("metadata", ["a\0b", "x" * 8193])
async def test_what_an_uploader_wants_to_read_again_is_a_text(ada: Client, metadata: str) -> None:
    with pytest.raises(Invalid) as invalid:
        await ada.file("CreateFile", name="plan.txt", metadata=metadata)
    assert invalid.value.metadata["field"] == "metadata"


async def test_more_than_was_said_is_too_large(ada: Client) -> None:
    file = await ada.file("CreateFile", name="plan.txt", size=10)
    with pytest.raises(TooLarge):
        await ada.append(files_pb2.Append(file_id=file.id), CONTENT)
    assert (await ada.file("GetFile", file_id=file.id)).status == "PENDING"


async def test_what_is_not_as_its_checksum_says_is_not_kept(ada: Client) -> None:
    file = await ada.file("CreateFile", name="plan.txt", size=len(CONTENT))
    wrong = files_pb2.Checksum(algorithm="sha256", digest=hashlib.sha256(b"another").digest())
    with pytest.raises(Invalid) as invalid:
        await ada.append(files_pb2.Append(file_id=file.id, checksum=wrong), CONTENT)
    assert invalid.value.metadata["field"] == "checksum"
    assert (await ada.file("GetUpload", file_id=file.id)).offset == 0


async def test_an_empty_file_is_uploaded_at_once_and_an_uploaded_one_takes_no_more(ada: Client) -> None:
    file = await ada.file("CreateFile", name="plan.txt", size=0)
    assert (file.status, file.size, file.sha256) == ("UPLOADED", 0, hashlib.sha256().hexdigest())
    with pytest.raises(Rejected):
        await ada.append(files_pb2.Append(file_id=file.id), b"more")


async def test_a_deleted_file_is_not_there_and_its_upload_is_gone(ada: Client) -> None:
    file = await ada.file("CreateFile", name="plan.txt", size=10)
    assert (await ada.file("DeleteFile", file_id=file.id)).status == "DELETED"
    with pytest.raises(NotFound):
        await ada.file("GetFile", file_id=file.id)
    with pytest.raises(Gone):
        await ada.file("GetUpload", file_id=file.id)


async def test_what_is_to_be_deleted_while_it_is_unfinished_stays_once_it_is_there(ada: Client) -> None:
    half, whole = [await ada.file("CreateFile", name="plan.txt", size=len(CONTENT)) for _ in range(2)]
    await ada.append(files_pb2.Append(file_id=whole.id), CONTENT)
    deleted = [(await ada.file("DeleteFile", file_id=each.id, unfinished=True)).status for each in (half, whole)]
    assert deleted == ["DELETED", "UPLOADED"]
    assert (await ada.file("GetFile", file_id=whole.id)).status == "UPLOADED"


async def test_a_file_is_deleted_as_it_was_seen_or_not_at_all(ada: Client) -> None:
    file = await ada.file("CreateFile", name="plan.txt", size=0)
    with pytest.raises(Stale) as stale:
        await ada.file("DeleteFile", file_id=file.id, expected_version=file.version + 1)
    assert stale.value.metadata["current_version"] == str(file.version)
    assert (await ada.file("GetFile", file_id=file.id)).status == "UPLOADED"
    assert (await ada.file("DeleteFile", file_id=file.id, expected_version=file.version)).status == "DELETED"


# --- notifications -----------------------------------------------------------------------------------------


async def test_nobody_has_a_canvas_open_that_nobody_subscribed_to(ada: Client) -> None:
    canvas = await ada.canvas("CreateCanvas", name="Plan")
    assert not await ada.presence(f"canvas/{canvas.id}")
