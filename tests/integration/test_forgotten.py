"""What is left of an organisation once its keys are destroyed, on the real stack."""

import asyncio
import base64
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from websockets.exceptions import ConnectionClosedError

from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.forgetting import when_organization_key_destroyed_forget
from canvas_demo.kernel.kafka import Delivered, Record, topic_of
from canvas_demo.kernel.keyring import REMEMBERED
from canvas_demo.kernel.settings import MODULES
from canvas_demo.modules.canvases.store import CANVAS, load
from tests.integration import api
from tests.integration.effects import headers_of
from tests.integration.story import told
from tests.integration.uploading import creation
from tests.integration.websocket_clients import Person, Socket, opened, until


async def talk(socket: Socket) -> None:
    """Say something again and again: a process remembers a key for some seconds."""
    async with asyncio.timeout(6 * REMEMBERED):
        while True:
            await socket.say("one more")
            await socket.frame()


def subscriptions_of(stack: Any, organization_id: str) -> set[str]:
    """The states of the organisation's subscriptions."""
    query = "SELECT DISTINCT state FROM notifications.subscription WHERE organization_id = %s"
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        return {state for (state,) in database.execute(query, [organization_id])}


def answers_of(stack: Any, organization_id: str) -> int:
    """How many answers of identity are kept that tell of the organisation."""
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        query = "SELECT count(*) FROM identity.request WHERE organization_id = %s"
        row = database.execute(query, [organization_id]).fetchone()
    return int(row[0]) if row else 0


def begun_upload(person: api.Person, canvas_id: str) -> str:
    """The path of an upload of seven bytes to a canvas, none of which has come."""
    return str(person.call("POST", "/api/uploads", 201, headers=creation(canvas_id, 7)).headers["Location"])


def taken(stack: Any, file_id: str) -> list[tuple[int, bool]]:
    """The versions of a file that canvases has taken, each with whether it is parked."""
    query = """
        SELECT aggregate_version, EXISTS (SELECT FROM canvases.parked WHERE parked.event_id = outbox.event_id)
        FROM files.outbox JOIN canvases.inbox USING (event_id)
        WHERE aggregate_id = %s ORDER BY aggregate_version
    """
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        return database.execute(query, [file_id]).fetchall()


async def test_destroyed_keys_leave_placeholders_and_every_stream_folds_and_every_table_can_be_written_anew(
    stack: Any,
) -> None:
    async with told(stack) as story:
        ada, mark = story.person, story.mark
        organization_id = ada.user["organization_id"]
        neighbour = api.newcomer(stack.env["WEB_URL"])
        kept = neighbour.new_canvas("Kept")

        def shown() -> str:
            files = [f"/api/files/{id_}" for id_ in (story.file_id, story.described_id)]
            paths = ("/api/me", f"/api/canvases/{story.canvas_id}", "/api/canvases", *files)
            said = ada.call("HEAD", story.upload, 200, headers={"Tus-Resumable": "1.0.0"}).headers["Upload-Metadata"]
            metadata = [base64.b64decode(value).decode() for value in said.replace(",", " ").split()[1::2]]
            return "".join([*(ada.call("GET", path, 200).text for path in paths), *metadata])

        assert shown().count(mark) >= 8, "what was written is shown"
        canvas, content = f"/api/canvases/{story.canvas_id}", f"/api/files/{story.file_id}/content"
        known = {path: {"If-None-Match": ada.call("GET", path, 200).headers["ETag"]} for path in (canvas, content)}
        for path, condition in known.items():
            ada.call("GET", path, 304, headers=condition)
        assert answers_of(stack, organization_id) == 2, "who registers and who signs in may do so again"
        wrong = ada.call("DELETE", "/api/organization/keys", params={"confirm": neighbour.user["organization_id"]})
        assert api.fields_of(wrong) == ["confirm"]
        ada.call("DELETE", "/api/organization/keys", 204, params={"confirm": organization_id})
        keys = ada.call("GET", "/api/organization/keys", 200).json()
        assert keys == {"keys": [], "destroyed": True}

        # The API tells of it, and shows what is left.
        left = await until(shown, lambda text: mark not in text)
        assert left.count("destroyed-") >= 8, left
        await until(lambda: answers_of(stack, organization_id), lambda count: count == 0)
        api.problem_of(ada.call("POST", "/api/refresh"), 401)
        ada.call("GET", canvas, 200, headers=known[canvas])  # what was kept of it is not confirmed
        past = partial(ada.call, "GET", canvas, 200, params={"version": 1})
        await until(past, lambda answer: answer.json()["name"].startswith("destroyed-"))
        for gone in (
            partial(ada.call, "GET", content),
            partial(ada.call, "GET", content, headers=known[content]),
            partial(ada.call, "POST", "/api/canvases", json={"name": "More"}),
            partial(ada.call, "POST", "/api/organization/keys/rotate"),
        ):
            api.problem_of(await until(gone, lambda answer: answer.status_code == 410), 410)
        ada.call("HEAD", content, 410)
        with api.anybody(stack.env["WEB_URL"]) as http:
            for username in (f"{mark}-ada", ada.call("GET", "/api/me", 200).json()["username"]):
                account = {"username": username, "password": api.PASSWORD}
                api.problem_of(http.post("/api/login", json=account), 401)

        # A text that can't be stored ends its own connection, and no other.
        async with opened(stack.env["WS_URLS"][-1], Person("", neighbour.token, neighbour.user)) as other:
            with pytest.raises(ConnectionClosedError):
                await talk(story.socket)
            assert (await other.subscribe(kept))["type"] == "subscribed"

    # Nobody who is named: the end of its subscriptions is told all the same.
    await until(lambda: subscriptions_of(stack, organization_id), lambda states: states == {"UNSUBSCRIBED"})
    for command in (("verify",), ("rebuild", *MODULES), ("verify",)):
        await asyncio.to_thread(stack.cli, *command)
    assert mark not in shown()
    assert neighbour.canvas(kept)["name"] == "Kept"


async def test_whoever_still_knows_a_destroyed_key_can_write_nothing_personal_once_it_is_forgotten(stack: Any) -> None:
    """Another instance of a module, for some seconds; here all of them, since the key is not destroyed."""
    ada = api.newcomer(stack.env["WEB_URL"])
    canvas_id = ada.new_canvas("Plan")
    upload = begun_upload(ada, canvas_id)
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as database:
        database.execute("INSERT INTO canvases.forgotten VALUES (%s)", [ada.user["organization_id"]])
    api.problem_of(ada.call("POST", "/api/canvases", json={"name": "More"}), 410)
    api.problem_of(ada.call("PATCH", f"/api/canvases/{canvas_id}", json={"name": "Garden"}), 410)
    # Nor can a reaction, which leaves it, and goes on.
    patch = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    ada.call("PATCH", upload, 204, headers=patch, content=b"content")
    await until(lambda: taken(stack, upload.rpartition("/")[2]), lambda seen: (2, False) in seen)
    ada.call("DELETE", f"/api/canvases/{canvas_id}", 204)
    shown = ada.canvas(canvas_id)
    assert (shown["name"], shown["archived"]) == ("Plan", True)


async def test_that_keys_were_destroyed_is_believed_before_the_module_keys_can_see_it(stack: Any) -> None:
    """A commit is in the log, and may be in Kafka, before others see it: keys still hands them out then."""
    person = api.newcomer(stack.env["WEB_URL"])
    organization_id, canvas_id = person.user["organization_id"], person.new_canvas("Greenhouse")
    headers = headers_of(str(uuid4()), f"key/{organization_id}") | {"ce_organizationid": organization_id}
    event = Delivered.of(Record(topic_of("key"), 0, 0, organization_id, headers, b"{}"))
    async with open_pool(stack.settings, "canvases") as pool, pool.connection() as connection:
        await when_organization_key_destroyed_forget([CANVAS])(connection, event)
        left = await load(connection, canvas_id)
    assert left.state
    assert left.state.name.startswith("destroyed-")
