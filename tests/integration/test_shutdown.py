"""A process that is told to end (SIGTERM) finishes what it holds: requests, calls, handlers, sockets."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
import httpx
import psycopg
import pytest
from psycopg import sql
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from canvas_demo.contracts.canvases.v1 import canvases_pb2, canvases_pb2_grpc
from tests.conftest import Stack
from tests.integration.api import Person, newcomer, until

T = TypeVar("T")
WAITING = """
    SELECT backend_xid::text FROM pg_stat_activity
    WHERE usename = %s AND wait_event_type = 'Lock' AND wait_event = 'relation'
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose backend these tests end; its supervisor starts it again."""
    own = Stack(tmp_path_factory.mktemp("shutdown") / "home")
    own.cli("up", "--detach")
    yield own
    own.cli("down")


@pytest.fixture
def ada(own: Stack) -> Person:
    until(lambda: own.status()["backend"]["state"], lambda state: state == "running")
    return newcomer(own.env["WEB_URL"])


class Held:
    """A table that nobody can write to, until it is let go."""

    def __init__(self, url: str, module: str, table: str) -> None:
        self._url = url
        self._module = module
        self._connection = psycopg.connect(url)
        self._connection.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(sql.Identifier(module, table)))

    def transaction(self) -> str:
        """The number of the transaction that waits for the table; none where it has written nothing before."""
        with psycopg.connect(self._url, autocommit=True) as watcher:
            (found,) = until(lambda: watcher.execute(WAITING, [self._module]).fetchall(), lambda rows: len(rows) == 1)
        return str(found[0])

    def let_go(self) -> None:
        self._connection.close()


@contextmanager
def held(url: str, module: str, table: str) -> Iterator[Held]:
    """Hold the table while the block runs, or for less."""
    lock = Held(url, module, table)
    try:
        yield lock
    finally:
        lock.let_go()


@contextmanager
def meanwhile(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """Do the work while the block runs, which may ask for what came of it."""
    with ThreadPoolExecutor(1) as thread:
        done = thread.submit(work)
        yield lambda: done.result(60)


class Ending:
    """The end of the backend, from SIGTERM on."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._log = stack.home / "logs" / "backend.log"
        self._before = len(self._log.read_text().splitlines())
        self._pid = stack.status()["backend"]["pid"]
        os.kill(self._pid, signal.SIGTERM)

    def until_said(self, *texts: str) -> None:
        """Until the backend has written a line with all of these texts."""

        def said() -> list[str]:
            return self._log.read_text().splitlines()[self._before :]

        until(said, lambda lines: any(all(text in line for text in texts) for line in lines))

    def until_done_well(self) -> None:
        """Until it has ended, with exit code 0, and a new one runs."""
        backend = until(
            lambda: self._stack.status()["backend"],
            lambda seen: seen["state"] == "running" and seen["pid"] != self._pid,
        )
        assert backend["last_exit"] == "exited with code 0"


def transaction_of(url: str, query: str, *parameters: Any) -> str:
    """The number of the transaction that wrote the one row."""
    with psycopg.connect(url) as connection:
        ((found,),) = connection.execute(query, parameters).fetchall()
    return str(found)


def test_a_request_is_answered_and_sockets_are_told_to_come_back(own: Stack, ada: Person) -> None:
    env, canvas_id = own.env, ada.new_canvas()

    def rename() -> httpx.Response:
        return ada.call("PATCH", f"/api/canvases/{canvas_id}", json={"name": "held"})

    with (
        connect(env["WS_URLS"][0], additional_headers={"authorization": f"Bearer {ada.token}"}) as socket,
        held(env["DATABASE_URL"], "canvases", "outbox") as outbox,
        meanwhile(rename) as answer,
    ):
        socket.recv(30)
        outbox.transaction()
        ending = Ending(own)
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(30)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{env['WEB_URL']}/api/health")
        outbox.let_go()
        assert answer().status_code == 200, answer().text
    ending.until_done_well()
    assert ada.canvas(canvas_id)["name"] == "held"


def test_a_call_is_answered(own: Stack, ada: Person) -> None:
    env, canvas_id = own.env, ada.new_canvas()

    def rename() -> Any:
        with grpc.insecure_channel(env["GRPC_CANVASES"]) as channel:
            request = canvases_pb2.RenameCanvasRequest(canvas_id=canvas_id, name="held")
            metadata = [("authorization", f"Bearer {ada.token}")]
            return canvases_pb2_grpc.CanvasesStub(channel).RenameCanvas(request, metadata=metadata, timeout=60)

    with held(env["DATABASE_URL"], "canvases", "outbox") as outbox, meanwhile(rename) as answer:
        outbox.transaction()
        ending = Ending(own)
        ending.until_said("consumer stopping", "canvases")
        outbox.let_go()
        assert answer()
    ending.until_done_well()
    assert ada.canvas(canvas_id)["name"] == "held"


def test_a_handlers_transaction_is_committed(own: Stack, ada: Person) -> None:
    env, canvas_id = own.env, ada.new_canvas()
    subject = f"canvas/{canvas_id}"
    feed = "SELECT xmin::text FROM notifications.feed WHERE subject = %s AND cursor = 2"
    until(lambda: fed(env["DATABASE_URL"], subject), lambda cursor: cursor == 1)
    with held(env["DATABASE_URL"], "notifications", "feed") as table:
        ada.call("PATCH", f"/api/canvases/{canvas_id}", 200, json={"name": "Changed"})
        transaction = table.transaction()
        ending = Ending(own)
        ending.until_said("consumer stopping", "notifications")
        table.let_go()
        ending.until_done_well()
    assert transaction_of(env["DATABASE_URL"], feed, subject) == transaction


def fed(url: str, subject: str) -> int:
    """The newest cursor of the subject's feed."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT max(cursor) FROM notifications.feed WHERE subject = %s", [subject]).fetchone()
    return row[0] or 0 if row else 0
