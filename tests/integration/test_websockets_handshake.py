"""Who may open a websocket, what is known of it, and what comes in over it."""

import json
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.outbox import read_stream
from tests.integration.websocket_clients import Person, opened, someone, until


@pytest.fixture(scope="session")
def env(stack: Any) -> dict[str, Any]:
    return dict(stack.env)


@pytest.fixture
def url(env: Any) -> str:
    return str(env["WS_URLS"][0])


@pytest.fixture
async def person(env: Any) -> Person:
    return await someone(env["WEB_URL"])


@pytest.fixture
def ask(env: Any) -> Any:
    """Ask the database."""
    with psycopg.connect(env["DATABASE_URL"], autocommit=True, row_factory=dict_row) as connection:
        yield lambda query, *values: connection.execute(query, values).fetchall()


async def refused(url: str, **headers: str) -> Any:
    """The answer to a handshake that is not accepted."""
    with pytest.raises(InvalidStatus) as answer:
        async with connect(url, additional_headers=headers):
            pass
    return answer.value.response


def bearer(person: Person) -> str:
    return f"Bearer {person.token}"


@pytest.mark.parametrize("with_cookie", [False, True])
@pytest.mark.parametrize("origin", ["null", "http://evil.example", "{web}.evil.example", "{web}0", "https://localhost"])
async def test_a_page_of_another_origin_is_refused(
    env: Any, url: str, person: Person, origin: str, *, with_cookie: bool
) -> None:
    proof = {"cookie": person.set_cookie.split(";")[0]} if with_cookie else {"authorization": bearer(person)}
    answer = await refused(url, origin=origin.format(web=env["WEB_URL"]), **proof)
    assert answer.status_code == 403
    assert json.loads(answer.body)["status"] == 403


async def test_our_own_page_comes_in_with_the_cookie_of_sign_in(env: Any, url: str, person: Person) -> None:
    cookie, *attributes = person.set_cookie.split("; ")
    assert {"HttpOnly", "SameSite=strict"} <= set(attributes)
    headers = {"origin": env["WEB_URL"], "cookie": f"other=1; {cookie}"}
    async with connect(url, additional_headers=headers) as connection:
        assert json.loads(await connection.recv())["type"] == "welcome"


async def test_without_a_token_that_holds_nobody_comes_in(env: Any, url: str, person: Person) -> None:
    own = {"origin": env["WEB_URL"]}
    for headers in (
        own,
        {"authorization": "Bearer nonsense"},
        {"authorization": f"{bearer(person)}x"},
        {**own, "authorization": f"Basic {person.token}"},
        {**own, "cookie": "canvas_demo_token="},
        {**own, "cookie": f"other={person.token}"},
    ):
        answer = await refused(url, **headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), headers
    assert (await refused(f"{url}?token={person.token}", **own)).status_code == 401


@pytest.mark.parametrize("authorization", [None, "", "Basic eA==", "Bearer", "Bearer "])
async def test_who_does_not_say_where_the_page_comes_from_needs_a_bearer_token(
    url: str, person: Person, authorization: str | None
) -> None:
    """The cookie of sign-in alone, without an Origin, is not enough."""
    headers = {"cookie": person.set_cookie.split(";")[0]}
    answer = await refused(url, **headers, **({} if authorization is None else {"authorization": authorization}))
    assert answer.status_code == 403
    async with opened(url, person) as socket:
        assert socket.id


async def test_a_connection_is_published_when_it_begins_and_when_it_ends(url: str, person: Person, ask: Any) -> None:
    async with opened(url, person) as socket:
        id_ = socket.id
        (row,) = ask("SELECT * FROM websockets.connection WHERE connection_id = %s", id_)
        assert (row["state"], row["host"], row["user_id"]) == ("CONNECTED", socket.welcome["host"], person.user["id"])
    query = "SELECT payload FROM websockets.outbox WHERE aggregate_type = 'websocket-connection' AND aggregate_id = %s"
    events = await until(lambda: ask(query + " ORDER BY position", id_), lambda events: len(events) == 2)
    assert [event["payload"]["state"] for event in events] == ["CONNECTED", "DISCONNECTED"]
    assert events[1]["payload"]["reason"] == "closed by the client (1000)"


async def test_texts_are_published_sealed_in_order_and_those_that_come_together_in_one_transaction(
    url: str, person: Person, ask: Any, stack: Any
) -> None:
    texts = [f'{{"number": {number}}} "\'é\u2028😀' for number in range(200)]
    async with opened(url, person) as socket:
        await socket.say(*texts)
        query = """
            SELECT aggregate_version, payload ->> 'text' AS text, xmin::text FROM websockets.outbox
            WHERE aggregate_type = 'websocket-message' AND aggregate_id = %s ORDER BY position
        """
        id_ = socket.id
        rows = await until(lambda: ask(query, id_), lambda rows: len(rows) == len(texts))
    async with open_pool(stack.settings, "websockets") as pool, pool.connection() as connection:
        stored = await read_stream(connection, ("websocket-message", id_))
    assert [event.payload["text"] for event in stored] == texts
    assert all(row["text"].startswith("sealed:") for row in rows)
    assert [row["aggregate_version"] for row in rows] == list(range(1, len(texts) + 1))
    assert len({row["xmin"] for row in rows}) < len(texts) / 2


async def test_a_frame_of_64_kib_is_taken_and_a_larger_one_closes(url: str, person: Person, ask: Any) -> None:
    async with opened(url, person) as socket:
        await socket.say("é" * 32 * 1024)
        assert (await socket.frame())["code"] == "invalid_message"
        await socket.say("é" * 32 * 1024 + "x")
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.frame()
    assert closed.value.rcvd.code == 1009


async def test_a_token_is_nowhere_in_the_database(url: str, person: Person, ask: Any) -> None:
    async with opened(url, person) as socket:
        await socket.subscribe(await person.canvas())
    secret = person.token.rpartition(".")[2]
    for table in ("outbox", "connection"):
        assert ask(f"SELECT FROM websockets.{table} AS it WHERE it::text LIKE %s", f"%{secret}%") == []
    for table in ("outbox", "subscription", "feed"):
        assert ask(f"SELECT FROM notifications.{table} AS it WHERE it::text LIKE %s", f"%{secret}%") == []
