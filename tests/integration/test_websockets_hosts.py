"""Connections on several hosts: reached from any, ended with their host, and never mistaken for another."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from canvas_demo.contracts.websockets.v1 import websockets_pb2 as pb
from canvas_demo.kernel.database import Connection, Pool, open_pool
from canvas_demo.kernel.errors import NotFound, TimedOut, Unavailable
from canvas_demo.kernel.rpc import ask
from canvas_demo.kernel.settings import SettingError
from canvas_demo.kernel.tokens import Caller
from canvas_demo.kernel.trace import Trace
from canvas_demo.modules.websockets import host as host_module
from canvas_demo.modules.websockets.host import Host
from canvas_demo.modules.websockets.journal import Journal
from canvas_demo.modules.websockets.live import Live
from tests.integration.database_away import wired
from tests.integration.websocket_clients import DEADLINE, Socket, opened, until
from tests.integration.websocket_hosts import RunningHost, hosts, person

Database = psycopg.Connection[dict[str, Any]]
Events = Callable[[str], list[str]]


def a_name() -> str:
    return f"test-{uuid4()}"


@pytest.fixture
async def two(stack: Any) -> AsyncIterator[list[RunningHost]]:
    async with hosts(stack, a_name(), a_name()) as both:
        yield both


@pytest.fixture
async def pool(stack: Any) -> AsyncIterator[Pool]:
    async with open_pool(stack.settings, "websockets") as pool:
        yield pool


@pytest.fixture
def database(stack: Any) -> Iterator[Database]:
    url = stack.settings.database_url(stack.settings.postgres_admin)
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def events(database: Database) -> Events:
    """The states of a connection as they were published, each with its reason."""
    query = """
        SELECT payload FROM websockets.outbox
        WHERE aggregate_type = 'websocket-connection' AND aggregate_id = %s ORDER BY aggregate_version
    """

    def states(connection_id: str) -> list[str]:
        payloads = [row["payload"] for row in database.execute(query, [connection_id]).fetchall()]
        return [f"{payload['state']} {payload['reason']}".strip() for payload in payloads]

    return states


async def send(host: RunningHost, *sockets: Socket, text: str = "hello", **of: Any) -> pb.SendResponse:
    request = pb.SendRequest(connection_ids=[each.id for each in sockets], text=text, **of)
    answer: pb.SendResponse = await ask(host.stub.Send(request))
    return answer


async def closing(socket: Socket) -> tuple[int, str]:
    """How the server closes the connection."""
    async with asyncio.timeout(DEADLINE):
        with suppress(ConnectionClosed):
            async for _ in socket.connection:
                pass
    return socket.connection.close_code or 0, socket.connection.close_reason or ""


async def test_a_text_reaches_connections_on_all_hosts_from_any_host_unaltered(two: list[RunningHost]) -> None:
    text = '{ not "json"  é\u2028😀'
    async with opened(two[0].url, person()) as here, opened(two[1].url, person()) as there:
        assert [here.welcome["host"], there.welcome["host"]] == [two[0].name, two[1].name]
        for host in two:
            answer = await send(host, here, there, text=text)
            assert not answer.gone
            assert [await here.text(), await there.text()] == [text, text]


async def test_a_position_is_sent_to_a_connection_once_wherever_it_lives(two: list[RunningHost]) -> None:
    async with opened(two[0].url, person()) as here, opened(two[1].url, person()) as there:
        await send(two[0], here, there, text="1", stream="s", position=1, further=["2", "3"])
        again = await send(two[1], here, there, text="1", stream="s", position=1, further=["2", "3", "4"])
        assert set(again.already) == {here.id, there.id}
        for each in (here, there):
            assert [await each.text() for _ in range(4)] == ["1", "2", "3", "4"]


async def test_a_connection_that_is_gone_is_said_to_be(two: list[RunningHost]) -> None:
    async with opened(two[0].url, person()) as here, opened(two[1].url, person()) as there:
        pass
    never = Socket(here.connection, {"connection_id": "never"})
    for host in two:
        assert set((await send(host, here, there, never)).gone) == {here.id, there.id, "never"}
        with pytest.raises(NotFound):
            await ask(host.stub.GetConnection(pb.GetConnectionRequest(connection_id=here.id)))


async def test_the_token_of_a_connection_is_known_to_modules_on_any_host(two: list[RunningHost]) -> None:
    ada = person()
    async with opened(two[0].url, ada) as socket:
        for host in two:
            found = await ask(host.stub.GetConnection(pb.GetConnectionRequest(connection_id=socket.id)))
            assert (found.token, found.host, found.user_id) == (ada.token, two[0].name, ada.user["id"])


async def test_a_person_lists_the_own_connections_without_tokens(two: list[RunningHost]) -> None:
    ada = person()
    async with opened(two[0].url, ada) as one, opened(two[1].url, ada) as other, opened(two[0].url, person()):
        metadata = (("authorization", f"Bearer {ada.token}"),)
        listed = await ask(two[0].stub.ListConnections(pb.ListConnectionsRequest(), metadata=metadata))
    assert {each.id for each in listed.connections} == {one.id, other.id}
    assert not any(each.token for each in listed.connections)


async def test_an_expired_token_closes_its_connection(two: list[RunningHost], events: Events) -> None:
    async with opened(two[0].url, person(seconds=2)) as brief, opened(two[0].url, person()) as other:
        assert await closing(brief) == (1008, "the token expired")
        await send(two[0], other)
        assert await other.text() == "hello"
    states = await until(lambda: events(brief.id), lambda states: len(states) == 2)
    assert states == ["CONNECTED", "DISCONNECTED the token expired"]


async def test_a_client_that_reads_nothing_falls_out_and_its_neighbours_notice_nothing(
    two: list[RunningHost], events: Events
) -> None:
    text = "x" * 60_000
    async with opened(two[0].url, person()) as quick:
        headers = {"authorization": f"Bearer {person().token}"}
        async with connect(two[0].url, additional_headers=headers, compression=None, close_timeout=0.1) as reader:
            slow = Socket(reader, json.loads(await reader.recv()))
            slow.connection.transport.pause_reading()
            sent = 0
            while slow.id not in (await send(two[0], slow, quick, text=text)).gone:
                assert await quick.text() == text
                sent += 1
                assert sent < 2000, "it was never given up"
            assert await quick.text() == text
            states = await until(lambda: events(slow.id), lambda states: len(states) == 2)
            slow.connection.transport.abort()
    assert states == ["CONNECTED", "DISCONNECTED the client does not keep up"]


async def test_a_host_that_stops_ends_its_connections(stack: Any, events: Events) -> None:
    async with hosts(stack, a_name()) as (host,):
        headers = {"authorization": f"Bearer {person().token}"}
        connection = await connect(host.url, additional_headers=headers)
        socket = Socket(connection, json.loads(await connection.recv()))
    assert (await closing(socket))[0] == 1012
    assert events(socket.id)[1].startswith("DISCONNECTED")


async def test_what_a_silent_host_misses_ends_the_connection_instead_of_leaving_a_gap(
    two: list[RunningHost], database: Database
) -> None:
    """The host's gRPC does not answer while its sockets live on: nothing may be missing unnoticed."""
    async with opened(two[1].url, person()) as there, opened(two[1].url, person()) as unconcerned:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen()
            elsewhere = f"127.0.0.1:{deaf.getsockname()[1]}"
            database.execute("UPDATE websockets.host SET grpc_address = %s WHERE name = %s", [elsewhere, two[1].name])
            assert list((await send(two[0], there)).gone) == [there.id]
            assert list((await send(two[0], there)).gone) == [there.id]
        assert await closing(there) == (1013, "a message could not be delivered")
        await send(two[1], unconcerned)
        assert await unconcerned.text() == "hello"


# --- the journal -------------------------------------------------------------------------------------------


class Written:
    """What a journal wrote, and what it tried to; an organisation that is ``away`` has its key out of reach."""

    def __init__(self, journal: Journal, away: str = "", error: Exception | None = None) -> None:
        self._journal, self._away, self._error = journal, away, error
        self.tried: list[str] = []

    async def submit(self, organization_id: str) -> asyncio.Future[None]:
        async def write(_: Connection) -> None:
            self.tried.append(organization_id)
            if self._error and organization_id == self._away:
                raise self._error

        return await self._journal.submit(write, organization_id, Trace.start())


@pytest.mark.parametrize("error", [Unavailable("no answer"), TimedOut("no answer in time")])
async def test_a_key_that_is_out_of_reach_costs_others_nothing_and_is_waited_for_once(
    pool: Pool, error: Exception
) -> None:
    host = Host(a_name(), "127.0.0.1:1", pool)
    async with host.running():
        written = Written(host._journal, "b", error)
        done = [await written.submit(organization_id) for organization_id in "abcbb"]
        results = await asyncio.gather(*done, return_exceptions=True)
    assert results == [None, error, None, error, error]
    assert written.tried == [*"ab", *"abc"]


async def test_who_lost_the_lease_writes_nothing_of_a_batch(pool: Pool) -> None:
    host = Host(a_name(), "127.0.0.1:1", pool)
    async with host.running():
        async with pool.connection() as connection:
            await connection.execute("DELETE FROM host WHERE name = %s", [host.name])
        written = Written(host._journal)
        done = [await written.submit(organization_id) for organization_id in "ab"]
        results = await asyncio.gather(*done, return_exceptions=True)
    assert [type(each) for each in results] == [Unavailable] * 2
    assert written.tried == []


# --- leases ------------------------------------------------------------------------------------------------


def caller() -> Caller:
    ada = person()
    return Caller(ada.user["id"], "ada", ada.user["organization_id"], ada.token, 2**31)


async def test_a_host_that_starts_again_publishes_what_its_last_life_left(pool: Pool, events: Events) -> None:
    name = a_name()
    first, second = Host(name, "127.0.0.1:1", pool), Host(name, "127.0.0.1:1", pool)
    async with first.running():
        live = await first.connect(caller())
        async with second.running():
            assert events(live.connection_id) == ["CONNECTED", "DISCONNECTED host restarted"]
            with pytest.raises(Unavailable):
                await first.connect(caller())
            await first.receive(live, "too late")
            assert (await asyncio.wait_for(live.ended, 10)).code in {1011, 1012}
            await first.disconnect(live, "closed by the client")
            assert len(events(live.connection_id)) == 2


async def test_a_host_of_the_same_name_elsewhere_is_refused_and_the_first_goes_on(
    pool: Pool, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "LEASE", timedelta(seconds=2))
    monkeypatch.setattr(host_module, "RENEW", 0.2)
    name = a_name()
    first, second = Host(name, "127.0.0.1:1", pool), Host(name, "127.0.0.1:2", pool)
    async with first.running():
        live = await first.connect(caller())
        with pytest.raises(SettingError, match=f"{name}.*CANVAS_DEMO_WEBSOCKET_HOST_NAME"):
            await second.running().__aenter__()
        assert first.find((await first.connect(caller())).connection_id)
        assert events(live.connection_id) == ["CONNECTED"]


async def test_a_host_that_starts_again_elsewhere_waits_for_its_last_lease(
    pool: Pool, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = a_name()
    dead, second = Host(name, "127.0.0.1:1", pool), Host(name, "127.0.0.1:2", pool)
    monkeypatch.setattr(host_module, "LEASE", timedelta(seconds=1))
    monkeypatch.setattr(host_module, "RENEW", 600)
    async with dead.running():
        live = await dead.connect(caller())
        async with second.running():
            assert second.find((await second.connect(caller())).connection_id)
            assert events(live.connection_id)[1] in {"DISCONNECTED host restarted", "DISCONNECTED host died"}


async def test_a_second_process_at_the_address_of_a_host_leaves_it_alone(stack: Any, events: Events) -> None:
    name = a_name()
    async with hosts(stack, name) as (host,), opened(host.url, person()) as socket:
        with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match=host.grpc_address), flatten_subgroups=True):
            await hosts(stack, name, grpc_listen={"websockets": host.grpc_address}).__aenter__()
        await send(host, socket)
        assert await socket.text() == "hello"
        assert events(socket.id) == ["CONNECTED"]


async def test_the_connections_of_a_dead_host_are_published_as_gone_and_it_can_write_no_more(
    pool: Pool, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, alive = Host(a_name(), "127.0.0.1:1", pool), Host(a_name(), "127.0.0.1:1", pool)
    monkeypatch.setattr(host_module, "RENEW", 0.2)
    async with alive.running():
        monkeypatch.setattr(host_module, "LEASE", timedelta(seconds=0.5))
        monkeypatch.setattr(host_module, "RENEW", 600)
        async with dead.running():
            live = await dead.connect(caller())
            monkeypatch.setattr(host_module, "LEASE", timedelta(seconds=10))
            states = await until(lambda: events(live.connection_id), lambda states: len(states) == 2)
            assert states == ["CONNECTED", "DISCONNECTED host died"]
            with pytest.raises(Unavailable):
                await dead.connect(caller())


async def connected_again(host: Host) -> Live:
    """A connection of the host's new life, which begins a moment after its lease can be seen."""
    async with asyncio.timeout(DEADLINE):
        while True:
            with suppress(Unavailable):
                return await host.connect(caller())
            await asyncio.sleep(0.02)


async def test_a_host_that_was_taken_for_dead_closes_its_sockets_and_begins_anew(
    pool: Pool, events: Events, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "RENEW", 0.2)
    paused = Host(a_name(), "127.0.0.1:1", pool)
    async with paused.running():
        live = await paused.connect(caller())
        async with pool.connection() as connection:
            await connection.execute("DELETE FROM host WHERE name = %s", [paused.name])
        assert (await asyncio.wait_for(live.ended, 10)).code == 1012
        await paused.disconnect(live, "the host was taken for dead")

        leases = "SELECT FROM websockets.host WHERE name = %s"
        await until(lambda: database.execute(leases, [paused.name]).fetchall(), lambda rows: len(rows) == 1)
        assert paused.find((await connected_again(paused)).connection_id)
        assert events(live.connection_id) == ["CONNECTED", "DISCONNECTED host restarted"]


@pytest.mark.parametrize("away", ["silence", "cut"])
async def test_a_host_that_can_not_renew_its_lease_closes_its_sockets_when_it_is_over_and_begins_anew(
    stack: Any, events: Events, away: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others take it for dead by then, and its subscribers are sent nothing more."""
    monkeypatch.setattr(host_module, "LEASE", timedelta(seconds=1))
    monkeypatch.setattr(host_module, "RENEW", 0.2)
    async with wired(stack.settings) as (wire, settings), open_pool(settings, "websockets") as pool:
        alone = Host(a_name(), "127.0.0.1:1", pool)
        async with alone.running():
            live = await alone.connect(caller())
            getattr(wire, away)()
            assert (await asyncio.wait_for(live.ended, DEADLINE)).code == 1012
            with pytest.raises(Unavailable):
                await alone.connect(caller())
            wire.mend()
            assert alone.find((await connected_again(alone)).connection_id)
            assert events(live.connection_id)[1] in {"DISCONNECTED host restarted", "DISCONNECTED host died"}
