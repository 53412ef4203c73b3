"""A websocket host that is killed under load: its connections are published as gone, and nobody misses anything."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed

from canvas_demo.stack.home import children_environment
from tests.integration.websocket_clients import Person, Socket, opened, someone, until, until_async
from tests.integration.websocket_hosts import free_port

RENAMES = 120
WATCHERS = 6


@dataclass
class HostProcess:
    """``canvas-demo serve --modules websockets``, beside the hosts of the stack."""

    name: str
    url: str
    process: subprocess.Popen[bytes]


def started(environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "canvas_demo", "serve", "--modules", "websockets"]
    with log.open("wb") as output:
        return subprocess.Popen(command, env=environment, stdout=output, stderr=output)


@pytest.fixture
async def doomed(stack: Any, tmp_path: Path) -> AsyncIterator[HostProcess]:
    name, web = f"test-{uuid4()}", free_port()
    own = {
        "CANVAS_DEMO_WEBSOCKET_HOST_NAME": name,
        "CANVAS_DEMO_PORT_WEB": str(web),
        "CANVAS_DEMO_GRPC_LISTEN": json.dumps({"websockets": f"127.0.0.1:{free_port()}"}),
    }
    process = started({**os.environ, **children_environment(stack.settings), **own}, tmp_path / "log")
    try:
        async with httpx.AsyncClient() as http:

            async def health() -> int | str:
                try:
                    return (await http.get(f"http://127.0.0.1:{web}/api/health")).status_code
                except httpx.TransportError:
                    return (tmp_path / "log").read_text()

            await until_async(health, lambda seen: seen == 200)
        yield HostProcess(name, f"ws://127.0.0.1:{web}/ws", process)
    finally:
        process.kill()
        process.wait()


@dataclass
class Watcher:
    """A client that comes back with the last cursor that it has, at the other host."""

    canvas: str
    cursor: int | None = None
    names: list[str] = field(default_factory=list)
    cursors: list[int] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)

    async def watch(self, urls: list[str], person: Person, last: str) -> None:
        for url in urls:
            try:
                async with opened(url, person) as socket:
                    self.connections.append(socket.id)
                    await self._follow(socket, last)
                    return
            except ConnectionClosed:
                continue
        raise AssertionError(f"cut off by every host, at {self.cursor}")

    async def _follow(self, socket: Socket, last: str) -> None:
        answer = await socket.subscribe(self.canvas, self.cursor)
        assert answer["recovered"], answer
        while last not in self.names:
            frame = await socket.frame()
            self.cursor = frame["cursor"]
            self.cursors.append(frame["cursor"])
            self.names.append(frame["event"]["data"]["name"])


@pytest.fixture
async def person(stack: Any) -> Person:
    return await someone(stack.env["WEB_URL"])


async def test_a_host_that_is_killed_loses_nobody_an_event_and_its_connections_are_published_as_gone(
    stack: Any, doomed: HostProcess, person: Person
) -> None:
    alive = stack.env["WS_URLS"][-1]
    canvas = await person.canvas()
    names = [f"name {number}" for number in range(RENAMES)]
    watchers = [Watcher(canvas, cursor=1) for _ in range(WATCHERS)]
    async with AsyncExitStack() as open_:
        bystander = await open_.enter_async_context(opened(doomed.url, person))
        first = await until_async(lambda: bystander.subscribe(canvas), lambda answer: answer["cursor"] == 1)
        assert first["recovered"]
        async with asyncio.TaskGroup() as tasks:
            for watcher, urls in zip(watchers, [[doomed.url, alive], [alive]] * (WATCHERS // 2), strict=True):
                tasks.create_task(watcher.watch(urls, person, names[-1]))
            tasks.create_task(person.rename(canvas, *names))
            await until_async(lambda: asyncio.sleep(0, watchers[0].names), lambda seen: len(seen) > RENAMES // 4)
            doomed.process.send_signal(signal.SIGKILL)
    assert [len(watcher.connections) for watcher in watchers] == [2, 1] * (WATCHERS // 2)
    for watcher in watchers:
        assert watcher.names == names
        assert watcher.cursors == list(range(2, RENAMES + 2))

    query = """
        SELECT payload ->> 'state' || ' ' || coalesce(payload ->> 'reason', '') AS said FROM websockets.outbox
        WHERE aggregate_type = 'websocket-connection' AND aggregate_id = %s ORDER BY aggregate_version
    """
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as database:
        for id_ in (bystander.id, *(watcher.connections[0] for watcher in watchers[::2])):
            said = await until(
                lambda id_=id_: [row[0] for row in database.execute(query, [id_]).fetchall()],
                lambda rows: len(rows) == 2,
            )
            assert said == ["CONNECTED ", "DISCONNECTED host died"]
        hosts = "SELECT FROM websockets.host WHERE name = %s"
        assert database.execute(hosts, [doomed.name]).fetchall() == []
