"""A new organisation whose people wrote something everywhere where they can."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.integration import api
from tests.integration.websocket_clients import Person, Socket, opened, until


@dataclass(frozen=True)
class Story:
    """What somebody wrote, each text with a mark of its own, and the socket that looks on."""

    person: api.Person
    canvas_id: str
    file_id: str
    mark: str
    socket: Socket


@asynccontextmanager
async def told(stack: Any) -> AsyncIterator[Story]:
    """A new organisation's story."""
    web, mark = stack.env["WEB_URL"], uuid4().hex
    username = f"{mark}-ada"
    with api.anybody(web) as http:
        body = {"name": f"{mark} Organisation", "username": username, "password": api.PASSWORD}
        assert http.post("/api/organizations", json=body).status_code == 201
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
        yield Story(person, canvas_id, upload["file"]["id"], mark, socket)


def items(person: api.Person, canvas_id: str) -> Any:
    return person.canvas(canvas_id)["items"]
