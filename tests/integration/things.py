"""What an organisation owns, for tests of who may do what to it."""

from dataclasses import dataclass, field, fields
from typing import Any
from uuid import uuid4

from tests.integration.api import PASSWORD, Person, newcomer, sign_in, until


def an_id() -> str:
    return str(uuid4())


@dataclass(frozen=True)
class Things:
    """Ids of one of each; as they are made, of nothing that there is."""

    organization_id: str = field(default_factory=an_id)
    user_id: str = field(default_factory=an_id)
    canvas_id: str = field(default_factory=an_id)
    item_id: str = field(default_factory=an_id)
    note_id: str = field(default_factory=an_id)
    file_id: str = field(default_factory=an_id)
    pending_id: str = field(default_factory=an_id)
    connection_id: str = field(default_factory=an_id)

    @property
    def ids(self) -> set[str]:
        """All of them."""
        return {getattr(self, each.name) for each in fields(self)}


def grown_up(web: str) -> tuple[Person, Things]:
    """A person of a new organisation, and a canvas with a file on it; notes and uploads are the caller's to add."""
    person = newcomer(web)
    canvas_id = person.new_canvas()
    upload = person.upload(canvas_id, b"content")
    until(lambda: person.canvas(canvas_id)["items"], lambda items: items[0]["file"]["status"] == "UPLOADED")
    organization_id, user_id = person.user["organization_id"], person.user["id"]
    return person, Things(organization_id, user_id, canvas_id, upload["item"]["id"], file_id=upload["file"]["id"])


def colleague(web: str, person: Person) -> Person:
    """Somebody else of the same organisation."""
    username = f"colleague-{uuid4()}"
    person.call("POST", "/api/users", 201, json={"username": username, "password": PASSWORD})
    return sign_in(web, username, PASSWORD)


def forged(token: str) -> str:
    """The token with another signature."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{signature[::-1]}"


def mentions(answer: Any, things: Things) -> set[str]:
    """Which of the ids an answer tells."""
    text = str(answer)
    return {each for each in things.ids if each in text}
