"""What the stack publishes, as somebody reads it who knows CloudEvents and nothing of us."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka
from cloudevents.core.formats.json import JSONFormat
from confluent_kafka import Message

from canvas_demo.kernel.events import event_of, message_type
from canvas_demo.kernel.kafka import topic_of
from canvas_demo.kernel.upcasting import schema_version_of
from tests.commands import AGGREGATES
from tests.integration.api import PASSWORD, Person, newcomer, until
from tests.integration.kafka import headers, read_until
from tests.integration.websocket_clients import opened, someone


def everything(stack: Any) -> str:
    """An organisation in which most types of event happened, at last the end of its keys; its id."""
    web = stack.env["WEB_URL"]
    ada = newcomer(web)
    canvas = ada.new_canvas()
    path = f"/api/canvases/{canvas}"
    ada.call("PATCH", path, 200, json={"name": "Garden"})
    note = ada.call("POST", f"{path}/items", 201, json={"x": 1, "y": 2, "text": "Water the garden"})
    for change in ({"x": 3, "y": 4}, {"width": 5, "height": 6}, {"layer": 7}, {"text": "Mow the lawn"}):
        ada.call("PATCH", note.headers["Location"], 200, json=change)
    ada.upload(canvas, b"plan")
    until(lambda: ada.canvas(canvas)["items"], lambda items: "UPLOADED" in str(items))
    ada.call("DELETE", note.headers["Location"], 204)
    ada.call("DELETE", path, 204)
    ada.call("POST", f"{path}/restore", 200)
    organization_id = str(ada.user["organization_id"])
    ada.call("DELETE", "/api/organization/keys", 204, params={"confirm": organization_id})
    return organization_id


def a_new_password(stack: Any) -> str:
    """An organisation whose one user has changed the password; its id."""
    ada = newcomer(stack.env["WEB_URL"])
    change = {"current_password": PASSWORD, "new_password": f"new {PASSWORD}"}
    ada.call("POST", "/api/me/password", 200, json=change)
    return str(ada.user["organization_id"])


def cloud_event_of(record: Message) -> Any:
    """The event as the package `cloudevents` reads it; it raises where the record is none."""
    of = {key: value or b"" for key, value in record.headers() or []}
    return from_kafka(KafkaMessage(of, record.key(), record.value() or b""), JSONFormat())


def holding(ids: set[str]) -> Callable[[list[Message]], bool]:
    """Whether the records hold all of these events; each record is looked at once."""
    missing = set(ids)

    def enough(records: list[Message]) -> bool:
        missing.difference_update(headers(record).get("ce_id", "") for record in records[-1:])
        return not missing

    return enough


async def test_each_type_of_event_is_a_cloudevent_in_kafka(stack: Any) -> None:
    begun = [await asyncio.to_thread(make, stack) for make in (everything, a_new_password)]
    ada = await someone(stack.env["WEB_URL"])
    canvas = await ada.canvas()
    async with opened(stack.env["WS_URLS"][0], ada) as socket:
        await socket.subscribe(canvas)
    organizations = {*begun, ada.user["organization_id"]}
    seen: set[str] = set()
    for module, aggregate in AGGREGATES:
        expected = _types_of(stack, module, aggregate.type, organizations)
        records = await asyncio.to_thread(
            read_until,
            stack.settings.bootstrap,
            topic_of(aggregate.type),
            holding(expected),
        )
        for record in records:
            if headers(record)["ce_id"] in expected:
                seen.add(_check(cloud_event_of(record), record, module))
    published = {name for _, aggregate in AGGREGATES for name in aggregate.events.names}
    assert seen >= published


def _types_of(stack: Any, module: str, aggregate_type: str, organizations: set[str]) -> set[str]:
    """The ids of the events that the outbox holds of ``organizations``."""
    with psycopg.connect(stack.env["DATABASE_URL"]) as database:
        rows = database.execute(
            f"SELECT event_id::text FROM {module}.outbox WHERE aggregate_type = %s AND organization_id = ANY(%s)",
            [aggregate_type, list(organizations)],
        ).fetchall()
    return {row[0] for row in rows}


def _check(event: Any, record: Message, module: str) -> str:
    """The event's type, when all about it is as it should be."""
    assert event.get_specversion() == "1.0"
    assert UUID(event.get_id()).version == 7
    assert event.get_source() == f"/canvas-demo/{module}"
    assert event.get_subject() == f"{record.topic().removeprefix('canvas-demo.')}/{event.get_extension('partitionkey')}"
    assert event.get_datacontenttype() == "application/json"
    assert isinstance(event.get_time(), datetime)
    assert event.get_time().tzinfo is not None
    message = message_type(event.get_source(), event.get_type())
    assert message is not None
    assert event.get_extension("schemaversion") == str(schema_version_of(message))
    assert int(event.get_extension("aggregateversion")) > 0
    assert event.get_data().keys() == {field.name for field in message.DESCRIPTOR.fields if not field.has_presence} | {
        name for name in event.get_data() if message.DESCRIPTOR.fields_by_name[name].has_presence
    }
    event_of(message, event.get_data())
    return str(event.get_type())


# --- from the request to the reaction ----------------------------------------------------------------------


@pytest.fixture
def person(stack: Any) -> Person:
    return newcomer(stack.env["WEB_URL"])


def test_a_request_s_trace_goes_into_the_row_into_kafka_and_through_a_reaction(person: Person, stack: Any) -> None:
    """The upload ends with FileDescriptorChanged, to which canvases reacts with ItemFileChanged."""
    canvas = person.new_canvas()
    trace_id, conversation = uuid4().hex, f"conversation-{uuid4()}"
    person.http.headers.update({"traceparent": f"00-{trace_id}-b7ad6b7169203331-01", "X-Correlation-Id": conversation})
    file = person.upload(canvas, b"plan")["file"]

    def rows(module: str, event_type: str) -> list[Any]:
        with psycopg.connect(stack.env["DATABASE_URL"]) as database:
            return database.execute(
                f"SELECT event_id::text, correlation_id, causation_id, traceparent FROM {module}.outbox"
                " WHERE correlation_id = %s AND event_type = %s ORDER BY position",
                [conversation, event_type],
            ).fetchall()

    (effect,) = until(lambda: rows("canvases", "ItemFileChanged"), lambda found: len(found) > 0)
    changed = rows("files", "FileDescriptorChanged")
    assert [row[2] for row in changed] == [conversation] * len(changed), "the request caused them"
    assert effect[2] in {row[0] for row in changed}, "the file's event caused it"
    for topic, found in (("file", changed), ("canvas", [effect])):
        ids = {row[0] for row in found}
        records = read_until(
            stack.settings.bootstrap,
            topic_of(topic),
            holding(ids),
        )
        of = {headers(record)["ce_id"]: headers(record) for record in records}
        for event_id, correlation_id, causation_id, traceparent in found:
            assert of[event_id]["ce_correlationid"] == correlation_id == conversation
            assert of[event_id]["ce_causationid"] == causation_id
            assert of[event_id]["traceparent"] == traceparent
            assert traceparent.split("-")[1] == trace_id
    assert file["id"]
