"""Identity, canvases, files and notifications as the gateway sees them: over real gRPC, with their state in memory."""

import hashlib
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from canvas_demo.contracts.canvases.v1 import canvases_pb2, canvases_pb2_grpc
from canvas_demo.contracts.files.v1 import files_pb2, files_pb2_grpc
from canvas_demo.contracts.identity.v1 import identity_pb2, identity_pb2_grpc
from canvas_demo.contracts.notifications.v1 import notifications_pb2, notifications_pb2_grpc
from canvas_demo.kernel.errors import (
    AlreadyExists,
    Conflict,
    Gone,
    Invalid,
    NotFound,
    Rejected,
    Stale,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from canvas_demo.kernel.rpc import Channels, Service, serve_rpc
from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.kernel.streams import hearing_out
from canvas_demo.kernel.tokens import AUDIENCE, ISSUER, TOKEN_TYPE, current_caller
from canvas_demo.kernel.trace import Trace, current_trace, new_id
from canvas_demo.kernel.values import checked_id, checked_name
from canvas_demo.modules.canvases import domain
from canvas_demo.modules.canvases.store import CANVAS
from canvas_demo.modules.files import domain as files_domain

NOW = "2026-01-01T00:00:00.000000Z"
EXPIRY = "2026-01-02T00:00:00.000000Z"


@dataclass
class FakeIdentity(identity_pb2_grpc.IdentityServicer):
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    passwords: dict[str, str] = field(default_factory=lambda: {"admin": "changeme"})
    users: dict[str, identity_pb2.User] = field(default_factory=dict)

    def user(self, username: str, organization_id: str | None = None) -> identity_pb2.User:
        made = identity_pb2.User(id=new_id(), username=username, organization_id=organization_id or new_id())
        return self.users.setdefault(username, made)

    def token(self, username: str) -> str:
        user, now = self.user(username), int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user.id, "org": user.organization_id, "name": username}
        session = {"gen": 0, "auth_time": now}
        times = {"iat": now, "nbf": now, "exp": now + 3600, "jti": new_id()}
        return jwt.encode({**claims, **session, **times}, self.key, "EdDSA", headers={"kid": "1", "typ": TOKEN_TYPE})

    async def Login(self, request: identity_pb2.LoginRequest, context: Any) -> identity_pb2.LoginResponse:
        if self.passwords.get(request.username) != request.password:
            raise Unauthenticated("The username or the password is wrong.")
        user = self.user(request.username)
        return identity_pb2.LoginResponse(token=self.token(request.username), user=user, expires_in=3600)

    async def RegisterOrganization(
        self, request: identity_pb2.RegisterOrganizationRequest, context: Any
    ) -> identity_pb2.RegisterOrganizationResponse:
        user = self._add(request.username, request.password, new_id())
        organization = identity_pb2.Organization(id=user.organization_id, name=checked_name(request.name))
        return identity_pb2.RegisterOrganizationResponse(organization=organization, user=user)

    async def AddUser(self, request: identity_pb2.AddUserRequest, context: Any) -> identity_pb2.User:
        return self._add(request.username, request.password, current_caller().organization_id)

    async def GetMe(self, request: identity_pb2.GetMeRequest, context: Any) -> identity_pb2.GetMeResponse:
        caller = current_caller()
        organization = identity_pb2.Organization(id=caller.organization_id, name="Demo")
        return identity_pb2.GetMeResponse(user=self.user(caller.username), organization=organization)

    async def GetJwks(self, request: identity_pb2.GetJwksRequest, context: Any) -> identity_pb2.GetJwksResponse:
        key = jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return identity_pb2.GetJwksResponse(jwks=json.dumps({"keys": [{**key, "kid": "1"}]}))

    async def GetEndedTokens(
        self, request: identity_pb2.GetEndedTokensRequest, context: Any
    ) -> identity_pb2.GetEndedTokensResponse:
        return identity_pb2.GetEndedTokensResponse()

    def _add(self, username: str, password: str, organization_id: str) -> identity_pb2.User:
        name = checked_name(username, "username")
        if name in self.passwords:
            raise AlreadyExists(f"There is a user {name!r} already.", field="username")
        self.passwords[name] = password
        return self.user(name, organization_id)


@dataclass
class FakeCanvases(canvases_pb2_grpc.CanvasesServicer):
    files: "FakeFiles"
    canvases: dict[str, tuple[domain.Canvas, int]] = field(default_factory=dict)
    conflicts: int = 0
    """How many of the next changes meet another writer."""
    traces: list[Trace] = field(default_factory=list)

    async def CreateCanvas(self, request: canvases_pb2.CreateCanvasRequest, context: Any) -> canvases_pb2.Canvas:
        self.traces.append(current_trace())
        caller, canvas_id = current_caller(), new_id()
        command = domain.CreateCanvas(canvas_id, caller.organization_id, request.name, caller.user_id)
        return self._store(canvas_id, None, 0, command)

    async def ListCanvases(
        self, request: canvases_pb2.ListCanvasesRequest, context: Any
    ) -> canvases_pb2.ListCanvasesResponse:
        own = [
            (canvas, version)
            for canvas, version in self.canvases.values()
            if canvas.organization_id == current_caller().organization_id and not canvas.archived
        ]
        assert request.page_size == 50
        return canvases_pb2.ListCanvasesResponse(
            canvases=[_canvas_message(*each) for each in own],
            next_page_token=f"after {len(own)}" if request.page_token else "",
        )

    async def GetCanvas(self, request: canvases_pb2.GetCanvasRequest, context: Any) -> canvases_pb2.Canvas:
        return _canvas_message(*self.own(request.canvas_id))

    async def RenameCanvas(self, request: canvases_pb2.RenameCanvasRequest, context: Any) -> canvases_pb2.Canvas:
        return self._change(domain.RenameCanvas(request.canvas_id, request.name), request.expected_version)

    async def ArchiveCanvas(self, request: canvases_pb2.ArchiveCanvasRequest, context: Any) -> canvases_pb2.Canvas:
        return self._change(domain.ArchiveCanvas(request.canvas_id), request.expected_version)

    async def RestoreCanvas(self, request: canvases_pb2.RestoreCanvasRequest, context: Any) -> canvases_pb2.Canvas:
        return self._change(domain.RestoreCanvas(request.canvas_id), request.expected_version)

    async def PlaceItem(self, request: canvases_pb2.PlaceItemRequest, context: Any) -> canvases_pb2.Canvas:
        file = self.files.files[request.file_id] if request.file_id else None
        seen = domain.File(file.status, file.name, file.media_type, file.size, file.version) if file else None
        of = (request.canvas_id, request.item_id or new_id(), request.file_id)
        return self._change(domain.PlaceItem(*of, request.x, request.y, seen, request.text), request.expected_version)

    async def MoveItem(self, request: canvases_pb2.MoveItemRequest, context: Any) -> canvases_pb2.Canvas:
        move = domain.MoveItem(request.canvas_id, checked_id(request.item_id, "item"), request.x, request.y)
        return self._change(move, request.expected_version)

    async def ResizeItem(self, request: canvases_pb2.ResizeItemRequest, context: Any) -> canvases_pb2.Canvas:
        resize = domain.ResizeItem(
            request.canvas_id, checked_id(request.item_id, "item"), request.width, request.height
        )
        return self._change(resize, request.expected_version)

    async def ReorderItem(self, request: canvases_pb2.ReorderItemRequest, context: Any) -> canvases_pb2.Canvas:
        reorder = domain.ReorderItem(request.canvas_id, checked_id(request.item_id, "item"), request.layer)
        return self._change(reorder, request.expected_version)

    async def EditNote(self, request: canvases_pb2.EditNoteRequest, context: Any) -> canvases_pb2.Canvas:
        edit = domain.EditNote(request.canvas_id, checked_id(request.item_id, "item"), request.text)
        return self._change(edit, request.expected_version)

    async def RemoveItem(self, request: canvases_pb2.RemoveItemRequest, context: Any) -> canvases_pb2.Canvas:
        return self._change(
            domain.RemoveItem(request.canvas_id, checked_id(request.item_id, "item")), request.expected_version
        )

    def own(self, canvas_id: str) -> tuple[domain.Canvas, int]:
        found = self.canvases.get(checked_id(canvas_id, "canvas"))
        if found is None or found[0].organization_id != current_caller().organization_id:
            raise NotFound(f"There is no canvas {canvas_id}.")
        return found

    def _change(self, command: domain.CanvasCommand, expected_version: int) -> canvases_pb2.Canvas:
        canvas, version = self.own(command.canvas_id)
        if expected_version not in {0, version}:
            raise Stale(f"At version {version}, not {expected_version}.", current_version=version)
        if self.conflicts:
            self.conflicts -= 1
            raise Conflict("Somebody else was quicker.", current_version=version + 1)
        return self._store(canvas.canvas_id, canvas, version, command)

    def _store(
        self, canvas_id: str, canvas: domain.Canvas | None, version: int, command: domain.CanvasCommand
    ) -> canvases_pb2.Canvas:
        events = domain.decide(canvas, command)
        after = CANVAS.fold(events, canvas)
        assert after is not None
        self.canvases[canvas_id] = (after, version + len(events))
        return _canvas_message(*self.canvases[canvas_id])


def _canvas_message(canvas: domain.Canvas, version: int) -> canvases_pb2.Canvas:
    return canvases_pb2.Canvas(
        id=canvas.canvas_id,
        name=canvas.name,
        organization_id=canvas.organization_id,
        archived=canvas.archived,
        version=version,
        created_by=canvas.created_by,
        created_at=NOW,
        updated_at=NOW,
        items=[
            canvases_pb2.Item(
                id=item.item_id,
                kind=item.kind,
                file_id=item.file_id,
                x=item.x,
                y=item.y,
                file=domain.message_of(item.file) if item.file else None,
                text=item.text,
                width=item.width,
                height=item.height,
                layer=item.layer,
            )
            for item in canvas.items.values()
        ],
    )


@dataclass
class FakeFiles(files_pb2_grpc.FilesServicer):
    files: dict[str, files_pb2.File] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    """Of PENDING files too: as far as they came."""
    announced: dict[str, files_pb2.CreateFileRequest] = field(default_factory=dict)
    limit: int = 100_000_000
    """Bytes that a file may have."""
    fails_after: int | None = None
    """Bytes after which the store does not answer."""
    breaks_after: int | None = None
    """Bytes of a content after which reading it fails."""

    async def CreateFile(self, request: files_pb2.CreateFileRequest, context: Any) -> files_pb2.File:
        caller = current_caller()
        self._check_size(request.size)
        files_domain.checked_metadata(request.metadata)
        said = (request.name, request.media_type, dict(request.attributes))
        command = files_domain.CreateFile(new_id(), caller.organization_id, *said, caller.user_id)
        (created,) = files_domain.decide(None, command)
        file = files_pb2.File(
            id=created.file_id,
            organization_id=created.organization_id,
            status=created.status,
            name=created.name,
            media_type=created.media_type,
            created_by=created.created_by,
            created_at=NOW,
            updated_at=NOW,
            version=1,
        )
        self.files[file.id], self.contents[file.id], self.announced[file.id] = file, b"", request
        if request.HasField("size") and request.size == 0:
            self._finish(file)
        return file

    async def AppendContent(self, request_iterator: Any, context: Any) -> files_pb2.Upload:
        parts = aiter(request_iterator)
        append = (await anext(parts)).append
        async with hearing_out(parts, context):
            return await self._append(append, parts)

    async def _append(self, append: files_pb2.Append, parts: Any) -> files_pb2.Upload:
        file = self._uploading(append.file_id)
        if file.status != "PENDING":
            raise Rejected(f"File {file.id} is {file.status}.")
        if append.offset != len(self.contents[file.id]):
            offset = len(self.contents[file.id])
            raise Rejected(f"{offset} bytes are stored.", current_offset=offset)
        announced, size, came = self.announced[file.id], None, b""
        async for part in parts:
            came += part.chunk
            size = part.size if part.HasField("size") else None
            total = append.offset + len(came)
            self._check_size(total)
            if announced.HasField("size"):
                self._check_size(total, announced.size)
            if self.fails_after is not None and total > self.fails_after:
                raise Unavailable("The store does not answer.")
        self._check_sum(append, came)
        self.contents[file.id] += came
        if size not in {None, total := len(self.contents[file.id])}:
            raise Invalid("size", "is another")
        if size is not None and announced.HasField("size") and announced.size != size:
            raise Invalid("size", "was said to be another")
        if total == (size if size is not None else announced.size if announced.HasField("size") else None):
            self._finish(file)
        return self._upload(file)

    async def GetUpload(self, request: files_pb2.GetUploadRequest, context: Any) -> files_pb2.Upload:
        return self._upload(self._uploading(request.file_id))

    async def GetFile(self, request: files_pb2.GetFileRequest, context: Any) -> files_pb2.File:
        return self._own(request.file_id)

    async def ReadContent(
        self, request: files_pb2.ReadContentRequest, context: Any
    ) -> AsyncIterator[files_pb2.ReadContentResponse]:
        content = self.contents[self._own(request.file_id).id]
        end = request.offset + request.length if request.length else len(content)
        for start in range(request.offset, end, 1000):
            if self.breaks_after is not None and start >= self.breaks_after:
                raise Unavailable("The store is gone.")
            yield files_pb2.ReadContentResponse(chunk=content[start : min(start + 1000, end)])

    async def DeleteFile(self, request: files_pb2.DeleteFileRequest, context: Any) -> files_pb2.File:
        file = self._own(request.file_id)
        if request.unfinished and file.status != "PENDING":
            return file
        if request.expected_version not in {0, file.version}:
            raise Stale(f"At version {file.version}.", current_version=file.version)
        file.status = "DELETED"
        del self.contents[file.id]
        return file

    def _finish(self, file: files_pb2.File) -> None:
        content = self.contents[file.id]
        file.status, file.size, file.sha256 = "UPLOADED", len(content), hashlib.sha256(content).hexdigest()
        file.version, file.key_version = 2, 1

    def _upload(self, file: files_pb2.File) -> files_pb2.Upload:
        announced, pending = self.announced[file.id], file.status == "PENDING"
        return files_pb2.Upload(
            file=file,
            offset=len(self.contents[file.id]),
            size=announced.size if announced.HasField("size") else None,
            expires_at=EXPIRY if pending else "",
            metadata=announced.metadata,
        )

    def _check_size(self, size: int, limit: int | None = None) -> None:
        if size > (limit := self.limit if limit is None else limit):
            raise TooLarge(f"At most {limit} bytes.", limit=limit)

    def _check_sum(self, append: files_pb2.Append, content: bytes) -> None:
        checksum = append.checksum
        if checksum.algorithm and hashlib.new(checksum.algorithm, content).digest() != checksum.digest:
            raise Invalid("checksum", "does not match")

    def _uploading(self, file_id: str) -> files_pb2.File:
        file = self.files.get(checked_id(file_id, "file"))
        if file and file.status == "DELETED":
            raise Gone(f"File {file_id} was deleted.")
        return self._own(file_id)

    def _own(self, file_id: str) -> files_pb2.File:
        file = self.files.get(checked_id(file_id, "file"))
        if file is None or file.organization_id != current_caller().organization_id or file.status == "DELETED":
            raise NotFound(f"There is no file {file_id}.")
        return file


@dataclass
class FakeNotifications(notifications_pb2_grpc.NotificationsServicer):
    canvases: FakeCanvases
    present: dict[str, list[notifications_pb2.Presence]] = field(default_factory=dict)
    """Who is there, by subject."""

    async def ListPresence(
        self, request: notifications_pb2.ListPresenceRequest, context: Any
    ) -> notifications_pb2.ListPresenceResponse:
        self.canvases.own(request.subject.removeprefix("canvas/"))
        return notifications_pb2.ListPresenceResponse(present=self.present.get(request.subject, []))


@dataclass
class FakeModules:
    settings: Settings
    identity: FakeIdentity
    canvases: FakeCanvases
    files: FakeFiles
    notifications: FakeNotifications

    def statuses(self) -> list[str]:
        return [file.status for file in self.files.files.values()]


@asynccontextmanager
async def fake_modules() -> AsyncIterator[FakeModules]:
    """All of them behind one gRPC server, which stands for every module."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = Settings(grpc_addresses=dict.fromkeys(MODULES, address))
    files = FakeFiles()
    canvases = FakeCanvases(files)
    modules = FakeModules(settings, FakeIdentity(), canvases, files, FakeNotifications(canvases))
    services = [
        _service(identity_pb2_grpc.add_IdentityServicer_to_server, modules.identity, "identity.v1.Identity"),
        _service(canvases_pb2_grpc.add_CanvasesServicer_to_server, modules.canvases, "canvases.v1.Canvases"),
        _service(files_pb2_grpc.add_FilesServicer_to_server, modules.files, "files.v1.Files"),
        _service(
            notifications_pb2_grpc.add_NotificationsServicer_to_server,
            modules.notifications,
            "notifications.v1.Notifications",
        ),
    ]
    channels = Channels(settings, "fakes")
    try:
        async with serve_rpc(address, services, channels):
            yield modules
    finally:
        await channels.close()


def _service(add: Any, servicer: Any, name: str) -> Service:
    return Service(add, servicer, f"canvas_demo.{name}")
