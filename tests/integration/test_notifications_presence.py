"""Who has a canvas open: told to the others who have it open, and to nobody else."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.integration.websocket_clients import Person, Socket, api, opened, someone, until, until_async


@pytest.fixture(scope="session")
def env(stack: Any) -> dict[str, Any]:
    return dict(stack.env)


@pytest.fixture
async def ada(env: Any) -> Person:
    return await someone(env["WEB_URL"])


@pytest.fixture
async def bob(ada: Person) -> Person:
    """Another of Ada's organisation."""
    account = {"username": f"test-{uuid4()}", "password": str(uuid4())}
    async with ada.api() as http:
        (await http.post("/api/users", json=account)).raise_for_status()
    async with api(ada.web, {}) as http:
        answer = (await http.post("/api/login", json=account)).raise_for_status()
    return Person(ada.web, answer.json()["token"], answer.json()["user"])


def here_and_there(env: Any) -> tuple[str, str]:
    """The addresses of two hosts, where there are two."""
    return env["WS_URLS"][0], env["WS_URLS"][-1]


async def listed(person: Person, canvas: str) -> dict[str, int]:
    """Who is there, by name: with how many connections."""
    async with person.api() as http:
        answer = (await http.get(f"/api/canvases/{canvas}/presence")).raise_for_status()
    return {each["username"]: each["connections"] for each in answer.json()["present"]}


def told(canvas: str, person: Person, *, present: bool) -> dict[str, Any]:
    who = {"user_id": person.user["id"], "username": person.user["username"]}
    return {"type": "presence", "subject": f"canvas/{canvas}", **who, "present": present}


async def test_who_opens_a_canvas_is_seen_by_those_who_have_it_open_and_sees_them(
    env: Any, ada: Person, bob: Person
) -> None:
    canvas = await ada.canvas()
    here, there = here_and_there(env)
    async with opened(here, ada) as hers:
        assert (await hers.subscribe(canvas))["present"] == []
        await until_async(lambda: listed(ada, canvas), lambda present: present == {ada.user["username"]: 1})
        async with opened(there, bob) as his:
            answer = await until_told(his, canvas, ada)
            assert answer == [{"user_id": ada.user["id"], "username": ada.user["username"]}]
            assert await hers.frame() == told(canvas, bob, present=True)
            names = {ada.user["username"]: 1, bob.user["username"]: 1}
            assert await listed(bob, canvas) == names
        assert await hers.frame() == told(canvas, bob, present=False)
    assert bob.user["username"] not in await listed(ada, canvas)


async def until_told(socket: Socket, canvas: str, who: Person) -> list[dict[str, Any]]:
    """Who is there besides, as the answer to subscribing says, or as is told right after it."""
    present: list[dict[str, Any]] = (await socket.subscribe(canvas))["present"]
    if not present:  # the other's arrival is on its way
        frame = await socket.frame()
        assert frame == told(canvas, who, present=True)
        present = [{"user_id": frame["user_id"], "username": frame["username"]}]
    return present


async def test_who_has_it_open_twice_or_comes_back_soon_neither_leaves_nor_arrives_again(
    env: Any, ada: Person, bob: Person
) -> None:
    canvas = await ada.canvas()
    here, there = here_and_there(env)
    async with opened(here, ada) as hers:
        await hers.subscribe(canvas)
        async with opened(there, bob) as first:
            await first.subscribe(canvas)
            assert await hers.frame() == told(canvas, bob, present=True)
            async with opened(here, bob) as second:
                await second.subscribe(canvas)
        async with opened(there, bob) as back:
            await back.subscribe(canvas)
            await ada.rename(canvas, "a mark")
            assert (await hers.frame())["event"]["data"]["name"] == "a mark"
            await back.say({"type": "unsubscribe", "subject": f"canvas/{canvas}"})
            assert await hers.frame() == told(canvas, bob, present=False)
            await back.subscribe(canvas)
            assert await hers.frame() == told(canvas, bob, present=True)


async def test_nobody_of_another_organisation_learns_who_is_there(env: Any, ada: Person) -> None:
    eve = await someone(env["WEB_URL"])
    canvas = await ada.canvas()
    async with opened(env["WS_URLS"][0], ada) as hers:
        await hers.subscribe(canvas)
        async with eve.api() as http:
            for id_ in (canvas, str(uuid4()), "no-id"):
                answer = await http.get(f"/api/canvases/{id_}/presence")
                assert (answer.status_code, ada.user["username"] in answer.text) == (404, False)
        async with opened(env["WS_URLS"][-1], eve) as outside:
            assert (await outside.subscribe(canvas))["code"] == "not_found"
            own = await eve.canvas()
            assert (await outside.subscribe(own))["present"] == []
        await ada.rename(canvas, "a mark")
        assert (await hers.frame())["type"] == "event"


async def test_names_are_sealed_in_what_is_published(env: Any, ada: Person) -> None:
    canvas = await ada.canvas()
    async with opened(env["WS_URLS"][0], ada) as socket:
        await socket.subscribe(canvas)
    query = "SELECT payload FROM notifications.outbox WHERE payload ->> 'subject' = %s"
    with psycopg.connect(env["DATABASE_URL"], autocommit=True) as connection:
        payloads = await until(
            lambda: [row[0] for row in connection.execute(query, [f"canvas/{canvas}"]).fetchall()], bool
        )
    names = [payload["username"] for payload in payloads if payload["username"]]  # the end of one names nobody
    assert names
    assert all(name.startswith("sealed:") for name in names)


async def test_a_subscription_lapses_when_its_connection_goes_and_ends_a_while_after(env: Any, ada: Person) -> None:
    canvas = await ada.canvas()
    async with opened(env["WS_URLS"][-1], ada) as socket:
        await socket.subscribe(canvas)
    query = """
        SELECT payload ->> 'state', occurred_at FROM notifications.outbox
        WHERE aggregate_type = 'subscription' AND payload ->> 'connection_id' = %s ORDER BY position
    """

    async def states() -> list[tuple[str, Any]]:
        with psycopg.connect(env["DATABASE_URL"]) as connection:
            return connection.execute(query, [socket.id]).fetchall()

    seen = await until_async(states, lambda rows: len(rows) == 3)
    assert [state for state, _ in seen] == ["SUBSCRIBED", "LAPSING", "UNSUBSCRIBED"]
    assert seen[2][1] > seen[1][1]
    assert await listed(ada, canvas) == {}
