"""No row is lost when the connector restarts between overlapping transactions.

Debezium 3.6.0 to 3.6.3 lost rows here while heartbeats were on (debezium/dbz#76): a transaction that
was open while a later one was published, and that committed after the worker had died, arrived
without the rows that it wrote before.
"""

import time
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from tests.integration.kafka import headers, read_until

INSERT = """
    INSERT INTO canvases.outbox (
        event_id, aggregate_type, aggregate_id, aggregate_version, event_type, schema_version,
        organization_id, payload, correlation_id, causation_id, traceparent, occurred_at
    )
    SELECT gen_random_uuid(), %(type)s, %(id)s, version, 'Tested', 1, 'test', '{}', 'test', 'test', 'test', now()
    FROM generate_series(%(first)s::int, %(last)s::int) AS version
"""
DEADLINE = 60.0


def offsets(connect_url: str) -> list[Any]:
    answer = httpx.get(f"{connect_url}/connectors/outbox/offsets", timeout=10)
    answer.raise_for_status()
    return list(answer.json()["offsets"])


def test_no_row_of_an_overlapping_transaction_is_lost(stack: Any) -> None:
    aggregate_type = f"test-{uuid4()}"
    topic = f"canvas-demo.{aggregate_type}"
    with psycopg.connect(stack.env["DATABASE_URL"]) as a, psycopg.connect(stack.env["DATABASE_URL"]) as b:
        before = offsets(stack.env["CONNECT_URL"])
        a.execute(INSERT, {"type": aggregate_type, "id": "A", "first": 1, "last": 5})
        b.execute(INSERT, {"type": aggregate_type, "id": "B", "first": 1, "last": 1})
        b.commit()
        read_until(stack.env["KAFKA_BOOTSTRAP"], topic, lambda seen: any(each.key() == b"B" for each in seen))
        flushed = time.monotonic() + DEADLINE
        while offsets(stack.env["CONNECT_URL"]) == before:
            assert time.monotonic() < flushed, f"the worker's offsets were not flushed: {before}"
        stack.cli("kill", "connect")
        a.execute(INSERT, {"type": aggregate_type, "id": "A", "first": 6, "last": 10})
        a.commit()
    expected = {str(version) for version in range(1, 11)}

    def versions(seen: list[Any]) -> set[str]:
        return {headers(each)["ce_aggregateversion"] for each in seen if each.key() == b"A"}

    read_until(stack.env["KAFKA_BOOTSTRAP"], topic, lambda seen: versions(seen) == expected)
