"""People of organisations of their own, at the API and at a websocket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import uuid4

import httpx
from websockets.asyncio.client import ClientConnection, connect

DEADLINE = 30.0
T = TypeVar("T")


@dataclass(frozen=True)
class Person:
    """Somebody who is signed in."""

    web: str
    token: str
    user: dict[str, Any]
    set_cookie: str = ""
    password: str = ""

    def api(self) -> httpx.AsyncClient:
        """A client of the API that is signed in."""
        return api(self.web, {"authorization": f"Bearer {self.token}"})

    async def canvas(self, name: str = "Plan") -> str:
        """The id of a new canvas."""
        async with self.api() as http:
            return str((await http.post("/api/canvases", json={"name": name})).raise_for_status().json()["id"])

    async def rename(self, canvas_id: str, *names: str) -> None:
        async with self.api() as http:
            for name in names:
                (await http.patch(f"/api/canvases/{canvas_id}", json={"name": name})).raise_for_status()


def api(web: str, headers: dict[str, str]) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=web, headers=headers, timeout=DEADLINE, verify=False)


async def someone(web: str) -> Person:
    """The first person of a new organisation."""
    name = f"test-{uuid4()}"
    account = {"username": name, "password": str(uuid4())}
    async with api(web, {}) as http:
        (await http.post("/api/organizations", json={"name": name, **account})).raise_for_status()
        answer = (await http.post("/api/login", json=account)).raise_for_status()
    return Person(web, answer.json()["token"], answer.json()["user"], answer.headers["set-cookie"], account["password"])


@dataclass
class Socket:
    """A websocket that was welcomed, and what comes over it."""

    connection: ClientConnection
    welcome: dict[str, Any]

    @property
    def id(self) -> str:
        return str(self.welcome["connection_id"])

    async def say(self, *messages: Any) -> None:
        """Send texts and bytes as they are, and anything else as JSON."""
        for message in messages:
            await self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def text(self) -> str:
        """The next frame as it came."""
        return str(await asyncio.wait_for(self.connection.recv(), DEADLINE))

    async def frame(self) -> dict[str, Any]:
        """The next frame."""
        frame: dict[str, Any] = json.loads(await self.text())
        return frame

    async def frames(self, number: int) -> list[dict[str, Any]]:
        return [await self.frame() for _ in range(number)]

    async def subscribe(self, canvas_id: str, after: int | None = None) -> dict[str, Any]:
        """The answer."""
        message = {"type": "subscribe", "subject": f"canvas/{canvas_id}"}
        await self.say(message if after is None else {**message, "after": after})
        return await self.frame()


@asynccontextmanager
async def opened(url: str, person: Person) -> AsyncIterator[Socket]:
    """A websocket of ``person``."""
    async with connect(url, additional_headers={"authorization": f"Bearer {person.token}"}) as connection:
        yield Socket(connection, json.loads(await asyncio.wait_for(connection.recv(), DEADLINE)))


async def until(look: Callable[[], T], enough: Callable[[T], bool]) -> T:
    """What ``look`` sees, once it is ``enough``; fails with the last thing seen."""
    end = time.monotonic() + DEADLINE
    while not enough(seen := look()):
        assert time.monotonic() < end, f"seen last: {seen}"
        await asyncio.sleep(0.05)
    return seen


async def until_async(look: Callable[[], Awaitable[T]], enough: Callable[[T], bool]) -> T:
    """The same where looking takes its time."""
    end = time.monotonic() + DEADLINE
    while not enough(seen := await look()):
        assert time.monotonic() < end, f"seen last: {seen}"
        await asyncio.sleep(0.05)
    return seen
