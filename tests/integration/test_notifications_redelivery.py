"""A record that comes again, because its transaction failed after frames were sent, shows nobody anything twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from canvas_demo.contracts.kernel.v1 import subjects_pb2, subjects_pb2_grpc
from canvas_demo.contracts.websockets.v1.websockets_pb2 import SendResponse
from canvas_demo.kernel.database import Connection, Pool, open_pool
from canvas_demo.kernel.kafka import Delivered
from canvas_demo.kernel.rpc import Channels, Service, serve_rpc
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.trace import Trace
from canvas_demo.modules.notifications.reactions import CHUNK, Notifier
from canvas_demo.modules.notifications.sockets import Sockets
from canvas_demo.modules.notifications.store import KEEP, TRIM_EVERY
from tests.integration.websocket_clients import DEADLINE, Socket, opened
from tests.integration.websocket_hosts import RunningHost, free_port, hosts, person


class Subjects(subjects_pb2_grpc.SubjectsServicer):
    """Lets everybody see everything."""

    async def CheckSubject(self, request: Any, context: Any) -> subjects_pb2.CheckSubjectResponse:
        return subjects_pb2.CheckSubjectResponse()


class FalteringSockets(Sockets):
    """Speaks to connections, but for the sends that are to ``miss``: to their host they never came."""

    def __init__(self, channels: Channels) -> None:
        super().__init__(channels)
        self.missed: set[int] = set()
        self._sends = 0

    def miss(self, *sends: int) -> None:
        """Of the sends from here on, those of these numbers."""
        self.missed, self._sends = set(sends), 0

    async def send(
        self, connection_ids: Sequence[str], texts: Sequence[str], stream: str, position: int
    ) -> SendResponse:
        self._sends += 1
        if self._sends in self.missed:
            return SendResponse(gone=connection_ids)
        return await super().send(connection_ids, texts, stream, position)


@dataclass
class Feed:
    """A canvas, what happens to it, and the module that tells of it: every record can come as often as a test wants."""

    notifier: Notifier
    pool: Pool
    organization_id: str
    canvas_id: str
    events: int = 0

    async def happens(self) -> Delivered:
        """A new event of the canvas."""
        self.events += 1
        return self._record("canvas", self.canvas_id, "CanvasRenamed", self.events, {"number": self.events})

    def asks(self, socket: Socket, number: int, **message: Any) -> Delivered:
        """What a client says, as its message of this number."""
        text = json.dumps({"type": "subscribe", "subject": f"canvas/{self.canvas_id}", **message})
        received = {"connection_id": socket.id, "organization_id": self.organization_id, "user_id": "u", "text": text}
        return self._record("websocket-message", socket.id, "WebSocketMessageReceived", number, received)

    def _record(self, kind: str, id_: str, event_type: str, version: int, data: dict[str, Any]) -> Delivered:
        trace = Trace.start()
        where = ("/test", f"{kind}/{id_}", "2026-01-01T00:00:00Z", self.organization_id, version, 1, trace)
        return Delivered(str(uuid4()), event_type, *where, json.dumps(data).encode(), "", 0, 0)

    async def handle(self, *records: Delivered, broken: bool = False) -> None:
        """Handle records in one transaction, which fails at its end where it is ``broken``.

        Again where it met the stack's own consumer at the same rows, as a consumer does.
        """
        while True:
            try:
                return await self._handle(records, broken=broken)
            except psycopg.errors.DeadlockDetected:
                continue

    async def _handle(self, records: Sequence[Delivered], *, broken: bool) -> None:
        async with self.pool.connection() as connection:
            for _, run in groupby(records, lambda record: record.aggregate_type):
                await self.react(connection, *run)
            if broken:
                await connection.rollback()

    async def react(self, connection: Connection, *run: Delivered) -> None:
        if run[0].aggregate_type == "canvas":
            await self.notifier.when_subject_changed_tell_subscribers(connection, run)
        else:
            for record in run:
                await self.notifier.when_message_received_answer(connection, record)


@dataclass
class World:
    feed: Feed
    host: RunningHost
    sockets: FalteringSockets


@pytest.fixture
async def world(stack: Any) -> AsyncIterator[World]:
    owner = f"127.0.0.1:{free_port()}"
    async with hosts(stack, f"test-{uuid4()}") as (host,), open_pool(stack.settings, "notifications") as pool:
        addresses = {"websockets": host.grpc_address, "canvases": owner, "identity": host.identity}
        channels = Channels(Settings(**(stack.settings.model_dump() | {"grpc_addresses": addresses})), "notifications")
        subjects = Service(
            subjects_pb2_grpc.add_SubjectsServicer_to_server, Subjects(), "canvas_demo.kernel.v1.Subjects"
        )
        async with serve_rpc(owner, [subjects], channels):
            sockets = FalteringSockets(channels)
            notifier = Notifier(channels, sockets, timedelta(seconds=600))
            yield World(Feed(notifier, pool, str(uuid4()), str(uuid4())), host, sockets)
            await channels.close()


@asynccontextmanager
async def subscriber(world: World) -> AsyncIterator[Socket]:
    """A client with the canvas open."""
    async with opened(world.host.url, person()) as socket:
        await world.feed.handle(world.feed.asks(socket, 1))
        assert (await socket.frame())["type"] == "subscribed"
        yield socket


def numbers(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["event"]["data"]["number"] for frame in frames]


async def test_an_event_that_was_sent_before_its_transaction_failed_is_not_sent_again(world: World) -> None:
    feed = world.feed
    async with subscriber(world) as socket:
        one, two, three = [await feed.happens() for _ in range(3)]
        await feed.handle(one, two, broken=True)
        await feed.handle(one)
        await feed.handle(two, three, broken=True)
        await feed.handle(two)
        await feed.handle(three)
        frames = await socket.frames(3)
        await feed.handle(await feed.happens())
        frames.append(await socket.frame())
    assert numbers(frames) == [1, 2, 3, 4]
    assert [frame["cursor"] for frame in frames] == [1, 2, 3, 4]


async def test_who_missed_events_gets_them_once_though_the_subscription_was_stored_at_the_second_try(
    world: World,
) -> None:
    feed = world.feed
    await feed.handle(*[await feed.happens() for _ in range(5)])
    async with opened(world.host.url, person()) as socket:
        asked = feed.asks(socket, 1, after=2)
        await feed.handle(asked, broken=True)
        await feed.handle(await feed.happens())
        await feed.handle(asked)
        await feed.handle(await feed.happens())
        subscribed, *frames = await socket.frames(7)
    assert (subscribed["type"], subscribed["cursor"], subscribed["recovered"]) == ("subscribed", 2, True)
    events = [frame for frame in frames if frame["type"] == "event"]
    assert [frame["present"] for frame in frames if frame["type"] == "present"] == [[]]
    assert numbers(events) == [3, 4, 5, 6, 7]


async def test_who_was_told_a_cursor_by_a_try_that_failed_is_told_that_it_may_have_missed_something(
    world: World,
) -> None:
    feed = world.feed
    async with opened(world.host.url, person()) as socket:
        asked = feed.asks(socket, 1)
        await feed.handle(asked, broken=True)
        await feed.handle(await feed.happens())
        await feed.handle(asked)
        await feed.handle(await feed.happens())
        first, second, event = await socket.frames(3)
    assert (first["cursor"], first["recovered"]) == (0, True)
    assert (second["type"], second["cursor"], second["recovered"]) == ("subscribed", 1, False)
    assert numbers([event]) == [2]


async def test_an_event_that_waits_for_a_subscription_to_be_stored_is_sent_to_it(world: World) -> None:
    feed = world.feed
    event = await feed.happens()
    async with opened(world.host.url, person()) as socket:
        async with feed.pool.connection() as connection, asyncio.TaskGroup() as tasks:
            await feed.react(connection, feed.asks(socket, 1))
            tasks.create_task(feed.handle(event))
            await waits_for_a_lock(feed.pool)
            await connection.commit()
        subscribed, told = await socket.frames(2)
    assert (subscribed["cursor"], told["cursor"]) == (0, 1)


async def test_a_subscription_that_waits_for_an_event_to_be_stored_goes_on_after_it(world: World) -> None:
    feed = world.feed
    async with opened(world.host.url, person()) as socket:
        async with feed.pool.connection() as connection, asyncio.TaskGroup() as tasks:
            await feed.react(connection, await feed.happens())
            tasks.create_task(feed.handle(feed.asks(socket, 1)))
            await waits_for_a_lock(feed.pool)
            await connection.commit()
        assert (await socket.frame())["cursor"] == 1
        await feed.handle(await feed.happens())
        assert numbers([await socket.frame()]) == [2]


async def waits_for_a_lock(pool: Pool) -> None:
    """Returns when a transaction of the module waits for another that has the subject's row."""
    query = """
        SELECT count(*) AS waiting FROM pg_stat_activity
        WHERE usename = 'notifications' AND wait_event_type = 'Lock' AND query LIKE '%INTO subject%'
    """

    async with asyncio.timeout(DEADLINE), pool.connection() as connection:
        await connection.set_autocommit(True)
        while True:
            row = await (await connection.execute(query)).fetchone()
            if row and row["waiting"]:
                break
            await asyncio.sleep(0.02)
        await connection.set_autocommit(False)


async def test_what_the_feed_no_longer_holds_is_not_recovered(world: World) -> None:
    feed = world.feed
    for _ in range(KEEP + TRIM_EVERY):
        await feed.handle(await feed.happens())
    async with opened(world.host.url, person()) as socket:
        await feed.handle(feed.asks(socket, 1, after=TRIM_EVERY - 1), feed.asks(socket, 2, after=TRIM_EVERY))
        lost, kept, *events = await socket.frames(2 + KEEP)
    assert (lost["cursor"], lost["recovered"]) == (KEEP + TRIM_EVERY, False)
    assert (kept["cursor"], kept["recovered"]) == (TRIM_EVERY, True)
    assert numbers(events) == list(range(TRIM_EVERY + 1, KEEP + TRIM_EVERY + 1))


async def test_subscriptions_of_connections_that_are_gone_lapse_with_the_next_event(world: World) -> None:
    feed = world.feed
    async with subscriber(world) as socket:
        pass
    async with subscriber(world) as other:
        await feed.handle(await feed.happens())
        assert numbers([await other.frame()]) == [1]
    query = "SELECT state FROM subscription WHERE connection_id = %s"
    async with feed.pool.connection() as connection:
        (gone,) = await (await connection.execute(query, [socket.id])).fetchall()
        assert gone["state"] in {"LAPSING", "UNSUBSCRIBED"}
        assert await (await connection.execute(query, [other.id])).fetchall() == [{"state": "SUBSCRIBED"}]


async def test_an_event_of_another_organisation_is_sent_to_nobody(world: World) -> None:
    feed = world.feed
    async with subscriber(world) as socket:
        await feed.handle(replace(await feed.happens(), organization_id="another"))
        await feed.handle(await feed.happens())
        assert numbers([await socket.frame()]) == [2]


# --- what does not reach a connection whose host answers again ---------------------------------------------


async def test_who_missed_an_event_gets_none_after_it_and_all_of_them_once_it_asks(world: World) -> None:
    feed = world.feed
    async with subscriber(world) as socket:
        one, two, three, four = [await feed.happens() for _ in range(4)]
        await feed.handle(one)
        world.sockets.miss(1)
        await feed.handle(two, three)
        await feed.handle(four)
        await feed.handle(feed.asks(socket, 2, after=1))
        first, subscribed, *missed = await socket.frames(5)
    assert numbers([first]) == [1]
    assert (subscribed["type"], subscribed["cursor"], subscribed["recovered"]) == ("subscribed", 1, True)
    assert numbers(missed) == [2, 3, 4]


async def test_what_does_not_reach_who_comes_back_ends_its_coming_back(world: World) -> None:
    feed = world.feed
    await feed.handle(*[await feed.happens() for _ in range(2 * CHUNK + 1)])
    async with opened(world.host.url, person()) as socket:
        world.sockets.miss(3)
        await feed.handle(feed.asks(socket, 1, after=0))
        await feed.handle(await feed.happens())
        _, *first = await socket.frames(1 + CHUNK)
        await feed.handle(feed.asks(socket, 2, after=CHUNK))
        subscribed, *missed = await socket.frames(3 + CHUNK)
    assert numbers(first) == list(range(1, CHUNK + 1))
    assert (subscribed["type"], subscribed["cursor"], subscribed["recovered"]) == ("subscribed", CHUNK, True)
    assert numbers(missed) == list(range(CHUNK + 1, 2 * CHUNK + 3))


async def test_who_can_not_be_told_that_it_may_have_missed_something_is_not_subscribed(world: World) -> None:
    feed = world.feed
    async with opened(world.host.url, person()) as socket:
        asked = feed.asks(socket, 1)
        await feed.handle(asked, broken=True)
        await feed.handle(await feed.happens())
        world.sockets.miss(2)
        await feed.handle(asked)
        await feed.handle(await feed.happens())
        await feed.handle(feed.asks(socket, 2, after=0))
        undone, subscribed, *missed = await socket.frames(4)
    assert (undone["cursor"], subscribed["cursor"], subscribed["recovered"]) == (0, 0, True)
    assert numbers(missed) == [1, 2]
