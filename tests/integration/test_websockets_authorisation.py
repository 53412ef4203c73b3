"""The authorisation matrix: what each type of message does with a subject in each situation.

A new type of message has to have its rows here.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from canvas_demo.modules.notifications.domain import MESSAGES
from tests.integration.test_notifications_redelivery import World, world
from tests.integration.test_websockets_hosts import closing
from tests.integration.websocket_clients import Person, Socket, opened, someone
from tests.integration.websocket_hosts import person as signed_in

__all__ = ["world"]

SITUATIONS = (
    "own canvas",
    "own file",
    "archived canvas",
    "deleted file",
    "another organisation's canvas",
    "another organisation's file",
    "canvas that never was",
    "file that never was",
    "subject of an unknown kind",
    "malformed id",
    "no subject",
)
REFUSED = "error not_found"
MATRIX: dict[str, dict[str, str]] = {
    "subscribe": {
        "own canvas": "subscribed",
        "own file": "subscribed",
        "archived canvas": "subscribed",
        "deleted file": REFUSED,
        "another organisation's canvas": REFUSED,
        "another organisation's file": REFUSED,
        "canvas that never was": REFUSED,
        "file that never was": REFUSED,
        "subject of an unknown kind": REFUSED,
        "malformed id": REFUSED,
        "no subject": "error invalid_message",
    },
    # Nobody is subscribed to any of them here, but the other organisation's people to their own.
    "unsubscribe": dict.fromkeys(SITUATIONS, REFUSED) | {"no subject": "error invalid_message"},
}


def test_every_type_of_message_has_a_row_and_every_row_all_situations() -> None:
    assert set(MATRIX) == set(MESSAGES)
    for row in MATRIX.values():
        assert set(row) == set(SITUATIONS)


@dataclass
class Subjects:
    """One of each situation, as the person ``mine`` meets it; ``theirs`` is somebody of another organisation."""

    url: str
    mine: Person
    theirs: Person
    by_situation: dict[str, object]


async def a_file(person: Person, canvas: str, *, deleted: bool = False) -> str:
    async with person.api() as http:
        placed = await http.post(f"/api/canvases/{canvas}/files", files={"file": ("a.txt", b"text")})
        file_id = str(placed.raise_for_status().json()["file"]["id"])
        if deleted:
            (await http.delete(f"/api/files/{file_id}")).raise_for_status()
    return file_id


@pytest.fixture
async def subjects(stack: Any) -> Subjects:
    env = stack.env
    mine, theirs = await someone(env["WEB_URL"]), await someone(env["WEB_URL"])
    canvas, archived, other = await mine.canvas(), await mine.canvas(), await theirs.canvas()
    async with mine.api() as http:
        (await http.delete(f"/api/canvases/{archived}")).raise_for_status()
    by_situation: dict[str, object] = {
        "own canvas": f"canvas/{canvas}",
        "own file": f"file/{await a_file(mine, canvas)}",
        "archived canvas": f"canvas/{archived}",
        "deleted file": f"file/{await a_file(mine, canvas, deleted=True)}",
        "another organisation's canvas": f"canvas/{other}",
        "another organisation's file": f"file/{await a_file(theirs, other)}",
        "canvas that never was": f"canvas/{uuid4()}",
        "file that never was": f"file/{uuid4()}",
        "subject of an unknown kind": f"user/{mine.user['id']}",
        "malformed id": "canvas/../1",
        "no subject": None,
    }
    assert set(by_situation) == set(SITUATIONS)
    return Subjects(env["WS_URLS"][-1], mine, theirs, by_situation)


@pytest.fixture
async def socket(subjects: Subjects) -> AsyncIterator[Socket]:
    async with opened(subjects.url, subjects.mine) as socket:
        yield socket


def outcome(frame: dict[str, Any]) -> str:
    return f"{frame['type']} {frame.get('code', '')}".strip()


@pytest.mark.parametrize("type_", sorted(MESSAGES))
async def test_a_message_does_what_the_matrix_says_and_tells_no_more(
    subjects: Subjects, socket: Socket, type_: str
) -> None:
    other = subjects.by_situation["another organisation's canvas"]
    async with opened(subjects.url, subjects.theirs) as theirs:
        await theirs.subscribe(str(other).removeprefix("canvas/"))
        seen, words = {}, set()
        for situation, subject in subjects.by_situation.items():
            await socket.say({"type": type_, "subject": subject, "extra": ["of", {"no": "meaning"}]})
            frame = await socket.frame()
            seen[situation] = outcome(frame)
            if type_ == "subscribe" and ("another" in situation or "never" in situation):
                words.add(frame["message"].replace(str(subject), "…"))
        assert seen == MATRIX[type_]
        assert len(words) <= 1, "what is another's is told apart from what never was"
        await subjects.theirs.rename(str(other).removeprefix("canvas/"), "still theirs")
        assert (await theirs.frame())["event"]["data"]["name"] == "still theirs"


@pytest.mark.parametrize("type_", sorted(MESSAGES))
async def test_nothing_is_done_for_a_token_that_has_ended(world: World, type_: str) -> None:
    """The message came in while the token held, and is read after its end: its record was late."""
    async with opened(world.host.url, signed_in(seconds=2)) as socket:
        record = world.feed.asks(socket, 1, type=type_)
        assert (await closing(socket))[0] == 1008
        await world.feed.handle(record)
    async with world.feed.pool.connection() as connection:
        query = "SELECT FROM subscription WHERE connection_id = %s"
        assert await (await connection.execute(query, [socket.id])).fetchall() == []
