"""Who has a canvas open sees what happens to it: all of it, once, in order."""

import asyncio
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from canvas_demo.kernel.trace import new_traceparent
from tests.integration.websocket_clients import Person, Socket, opened, someone, until


@pytest.fixture(scope="session")
def env(stack: Any) -> dict[str, Any]:
    return dict(stack.env)


@pytest.fixture
def url(env: Any) -> str:
    return str(env["WS_URLS"][0])


@pytest.fixture
async def person(env: Any) -> Person:
    return await someone(env["WEB_URL"])


def names(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["event"]["data"]["name"] for frame in frames]


def cursors(frames: list[dict[str, Any]]) -> list[int]:
    return [frame["cursor"] for frame in frames]


def is_in_feed(env: Any, canvas_id: str) -> bool:
    """Whether the canvas's creation has been told: on a stack that has just begun it may take a while."""
    query = "SELECT FROM notifications.feed WHERE subject = %s"
    with psycopg.connect(env["DATABASE_URL"]) as database:
        return database.execute(query, [f"canvas/{canvas_id}"]).fetchone() is not None


async def test_two_who_have_a_canvas_open_see_its_events_in_order(env: Any, url: str, person: Person) -> None:
    canvas = await person.canvas()
    await until(lambda: is_in_feed(env, canvas), bool)
    async with opened(url, person) as one, opened(url, person) as two:
        assert (await one.subscribe(canvas))["type"] == (await two.subscribe(canvas))["type"] == "subscribed"
        new = [f"name {number}" for number in range(10)]
        await person.rename(canvas, *new)
        seen_by_one, seen_by_two = await one.frames(10), await two.frames(10)
    assert names(seen_by_one) == names(seen_by_two) == new
    assert cursors(seen_by_one) == cursors(seen_by_two)
    assert cursors(seen_by_one) == list(range(cursors(seen_by_one)[0], cursors(seen_by_one)[0] + 10))


async def test_an_event_is_sent_as_the_cloud_event_that_it_is(url: str, person: Person) -> None:
    canvas = await person.canvas()
    async with opened(url, person) as socket:
        subscribed = await socket.subscribe(canvas)
        await person.rename(canvas, "Garden")
        frame = await socket.frame()
    event = frame.pop("event")
    assert subscribed == {
        "type": "subscribed",
        "subject": f"canvas/{canvas}",
        "cursor": frame["cursor"] - 1,
        "recovered": True,
        "present": [],
    }
    assert frame == {"type": "event", "subject": f"canvas/{canvas}", "cursor": frame["cursor"]}
    assert event["data"] == {"canvas_id": canvas, "name": "Garden"}
    expected = {
        "specversion": "1.0",
        "type": "CanvasRenamed",
        "source": "/canvas-demo/canvases",
        "subject": f"canvas/{canvas}",
        "datacontenttype": "application/json",
        "organizationid": person.user["organization_id"],
        "aggregateversion": 2,
    }
    assert expected.items() <= event.items()
    assert {"id", "time", "correlationid", "causationid", "traceparent"} <= event.keys()


async def test_a_frame_belongs_to_the_trace_of_the_request_that_led_to_it(url: str, person: Person) -> None:
    canvas = await person.canvas()
    headers = {"traceparent": new_traceparent(), "X-Correlation-Id": str(uuid4())}
    async with opened(url, person) as socket, person.api() as http:
        await socket.subscribe(canvas)
        (await http.patch(f"/api/canvases/{canvas}", json={"name": "Garden"}, headers=headers)).raise_for_status()
        while (event := (await socket.frame())["event"])["type"] != "CanvasRenamed":
            pass
    assert (event["traceparent"], event["correlationid"]) == tuple(headers.values())


async def test_who_comes_back_gets_what_was_missed_once_and_then_goes_on_live(url: str, person: Person) -> None:
    canvas = await person.canvas()
    async with opened(url, person) as socket:
        await socket.subscribe(canvas)
        await person.rename(canvas, "seen")
        last = (await socket.frame())["cursor"]
    missed = [f"missed {number}" for number in range(250)]
    await person.rename(canvas, *missed)
    async with opened(url, person) as socket:
        renaming = asyncio.create_task(person.rename(canvas, "live 1", "live 2", "live 3"))
        subscribed = await socket.subscribe(canvas, after=last)
        seen = await socket.frames(253)
        await renaming
    assert (subscribed["type"], subscribed["cursor"], subscribed["recovered"]) == ("subscribed", last, True)
    assert names(seen) == [*missed, "live 1", "live 2", "live 3"]
    assert cursors(seen) == list(range(last + 1, last + 254))


async def test_subscribing_again_repeats_nothing_and_loses_nothing(url: str, person: Person) -> None:
    canvas = await person.canvas()
    async with opened(url, person) as socket:
        start = (await socket.subscribe(canvas))["cursor"]
        await person.rename(canvas, "one")
        assert names([await socket.frame()]) == ["one"]
        await socket.say({"type": "unsubscribe", "subject": f"canvas/{canvas}"})
        assert (await unsubscribed(socket, canvas))["code"] == "not_found"
        await person.rename(canvas, "two")
        assert (await socket.subscribe(canvas, after=start))["recovered"]
        await person.rename(canvas, "three")
        assert names(await socket.frames(2)) == ["two", "three"]


async def unsubscribed(socket: Socket, canvas: str) -> dict[str, Any]:
    """The answer to unsubscribing twice: the first is done by then."""
    await socket.say({"type": "unsubscribe", "subject": f"canvas/{canvas}"})
    return await socket.frame()


async def test_a_cursor_that_the_feed_never_had_is_not_recovered(url: str, person: Person) -> None:
    canvas = await person.canvas()
    async with opened(url, person) as socket:
        current = (await socket.subscribe(canvas))["cursor"]
        answer = await socket.subscribe(canvas, after=current + 1000)
    assert (answer["type"], answer["recovered"], answer["cursor"]) == ("subscribed", False, current)


async def test_another_organisation_s_canvas_is_not_there(env: Any, url: str, person: Person) -> None:
    stranger = await someone(env["WEB_URL"])
    canvas = await person.canvas()
    async with opened(url, stranger) as socket:
        refused = await socket.subscribe(canvas)
        unknown = await socket.subscribe(str(uuid4()))
        await person.rename(canvas, "secret")
        own = await stranger.canvas()
        assert (await socket.subscribe(own))["subject"] == f"canvas/{own}"
    assert (refused["type"], refused["code"]) == (unknown["type"], unknown["code"]) == ("error", "not_found")


async def test_what_makes_no_sense_is_answered_and_the_connection_stays(url: str, person: Person) -> None:
    canvas = await person.canvas()
    nonsense = [
        "",
        "{",
        "[]",
        "null",
        '{"type": 1}',
        '{"type": "subscribe"}',
        "[" * 60_000,
        '{"type": "subscribe\\u0000"}',
    ]
    async with opened(url, person) as socket:
        await socket.say(*nonsense)
        answers = await socket.frames(len(nonsense))
        await socket.say(b"\x00\x01", "a\x00b")
        answers += await socket.frames(2)
        assert (await socket.subscribe(canvas))["type"] == "subscribed"
    assert {answer["type"] for answer in answers} == {"error"}
    assert {answer["code"] for answer in answers} == {"invalid_message", "invalid_frame"}
