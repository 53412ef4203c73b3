"""A new organisation whose people wrote something everywhere where they can."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import grpc

from canvas_demo.contracts.files.v1 import files_pb2, files_pb2_grpc
from tests.integration import api
from tests.integration.uploading import creation
from tests.integration.websocket_clients import Person, Socket, opened, until


@dataclass(frozen=True)
class Story:
    """What somebody wrote, each text with a mark of its own, and the socket that looks on."""

    person: api.Person
    canvas_id: str
    file_id: str
    described_id: str
    """A file with an attribute."""
    upload: str
    """The path of an upload none of which has come."""
    mark: str
    socket: Socket


@asynccontextmanager
async def told(stack: Any) -> AsyncIterator[Story]:
    """A new organisation's story."""
    web, mark = stack.env["WEB_URL"], uuid4().hex
    username, key = f"{mark}-ada", {"Idempotency-Key": uuid4().hex}
    with api.anybody(web) as http:
        account = {"username": username, "password": api.PASSWORD}
        for path, body in (("organizations", {"name": f"{mark} Organisation", **account}), ("login", account)):
            assert http.post(f"/api/{path}", json=body, headers=key).is_success
    person = api.sign_in(web, username, api.PASSWORD)
    async with opened(stack.env["WS_URLS"][-1], Person(web, person.token, person.user)) as socket:
        canvas_id = person.new_canvas(f"{mark} canvas")
        await socket.subscribe(canvas_id)
        await socket.say(f"{mark} said", {"type": "subscribe", "subject": f"{mark}"})
        await socket.frames(2)
        person.call("PATCH", f"/api/canvases/{canvas_id}", 200, json={"name": f"{mark} renamed"})
        upload = person.upload(canvas_id, b"content of a plan", f"{mark}.txt")
        person.call("POST", "/api/users", 201, json={"username": f"{mark}-bob", "password": api.PASSWORD})
        await until(lambda: items(person, canvas_id), lambda seen: seen[0]["file"]["status"] == "UPLOADED")
        headers = creation(canvas_id, 7, filename=f"{mark}.txt")
        begun = person.call("POST", "/api/uploads", 201, headers=headers).headers["Location"]
        described = describe(stack, person, mark)
        yield Story(person, canvas_id, upload["file"]["id"], described, str(begun), mark, socket)


def describe(stack: Any, person: api.Person, mark: str) -> str:
    """The id of a new file with an attribute, which HTTP gives none."""
    request = files_pb2.CreateFileRequest(name=f"{mark}.txt", attributes={"author": f"{mark}-ada"})
    with grpc.insecure_channel(stack.settings.grpc_address("files")) as channel:
        stub: Any = files_pb2_grpc.FilesStub(channel)
        created = stub.CreateFile(request, metadata=[("authorization", f"Bearer {person.token}")])
    return str(created.id)


def items(person: api.Person, canvas_id: str) -> Any:
    return person.canvas(canvas_id)["items"]
