"""A polling relay: SELECT what is not marked, produce it, mark it, commit; again at once, or after 10 ms when idle."""

import json
import os
import time

import psycopg
from confluent_kafka import Producer
from psycopg import sql

BATCH = 1000


def main() -> None:
    """Relay until ended."""
    name, topic = sql.Identifier(os.environ["SCHEMA"]), os.environ["TOPIC"]
    producer = Producer({"bootstrap.servers": os.environ["KAFKA_BOOTSTRAP"], "linger.ms": 0, "acks": "all"})
    select = sql.SQL(
        "SELECT position, event_id::text, aggregate_id, event_type, payload FROM {}.outbox WHERE published_at IS NULL"
        " ORDER BY position LIMIT %s FOR UPDATE SKIP LOCKED"
    ).format(name)
    mark = sql.SQL("UPDATE {}.outbox SET published_at = now() WHERE position = ANY(%s)").format(name)
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        while True:
            rows = connection.execute(select, [BATCH]).fetchall()
            for _, event_id, key, type_, payload in rows:
                headers = [("ce_id", event_id.encode()), ("ce_type", type_.encode())]
                producer.produce(topic, json.dumps(payload), key, headers=headers)
            producer.flush()
            connection.execute(mark, [[row[0] for row in rows]])
            connection.commit()
            if not rows:
                time.sleep(0.01)


main()
