"""What a person wrote is nowhere to be read but in the state tables of its module."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from psycopg import sql
from psycopg.rows import tuple_row

from canvas_demo.kernel.migrate import SLOT
from canvas_demo.kernel.settings import MODULES
from canvas_demo.serve import module
from tests.integration.api import DEADLINE
from tests.integration.story import told


def tables_beside_state(connection: Any) -> list[tuple[str, str]]:
    """Every table of every module that is not the state of an aggregate: (schema, table)."""
    state = {(name, table) for name in MODULES for each in module(name).aggregates for table in each.tables}
    found = connection.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)", [list(MODULES)]
    ).fetchall()
    return sorted({tuple(each) for each in found} - state)


def payloads(connection: Any, schema: str, organization_id: str) -> list[str]:
    """The payloads of the organisation's events, as the outbox of a module holds them."""
    query = sql.SQL("SELECT payload::text FROM {} WHERE organization_id = %s").format(sql.Identifier(schema, "outbox"))
    return [row[0] for row in connection.execute(query, [organization_id]).fetchall()]


def records(bootstrap: str, organization_id: str) -> list[bytes]:
    """The values of every record of the organisation, over all topics."""
    settings = {"bootstrap.servers": bootstrap, "group.id": str(uuid4()), "enable.auto.commit": False}
    consumer = Consumer({**settings, "enable.partition.eof": True})
    topics = consumer.list_topics(timeout=10).topics.items()
    partitions = [
        (name, number) for name, topic in topics if name.startswith("canvas-demo.") for number in topic.partitions
    ]
    consumer.assign([TopicPartition(*partition, OFFSET_BEGINNING) for partition in partitions])
    found, ended, end = [], set(), time.monotonic() + DEADLINE
    while len(ended) < len(partitions):
        assert time.monotonic() < end, f"not read to their ends: {set(partitions) - ended}"
        for record in consumer.consume(1000, timeout=1):
            if (error := record.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                ended.add((record.topic(), record.partition()))
            elif dict(record.headers() or ()).get("ce_organizationid") == organization_id.encode():
                found.append(record.value() or b"")
    consumer.close()
    return found


async def test_no_text_of_a_person_is_in_outboxes_feeds_kafka_or_the_decoded_wal(stack: Any) -> None:
    slot = f"test_{uuid4().hex}"
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True, row_factory=tuple_row) as connection:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', true)", [slot])
        async with told(stack) as story:
            organization_id, mark = story.person.user["organization_id"], story.mark
        outboxes = [payload for name in MODULES for payload in payloads(connection, name, organization_id)]
        assert sum("sealed:" in payload for payload in outboxes) >= 7, outboxes
        tables = tables_beside_state(connection)
        assert {("notifications", "feed"), ("canvases", "outbox"), ("identity", "inbox")} <= set(tables)
        for table in tables:
            hits = connection.execute(
                sql.SQL("SELECT it::text FROM {} AS it WHERE it::text LIKE %s").format(sql.Identifier(*table)),
                [f"%{mark}%"],
            ).fetchall()
            assert hits == [], table
        wal = connection.execute(
            "SELECT data FROM pg_logical_slot_peek_binary_changes(%s, NULL, NULL, "
            "'proto_version', '1', 'publication_names', %s)",
            [slot, SLOT],
        ).fetchall()
        written = b"".join(bytes(row[0]) for row in wal)
        assert organization_id.encode() in written
        assert mark.encode() not in written
    seen = await asyncio.to_thread(records, stack.settings.bootstrap, organization_id)
    assert sum(b"sealed:" in value for value in seen) >= 7
    assert [value for value in seen if mark.encode() in value] == []
