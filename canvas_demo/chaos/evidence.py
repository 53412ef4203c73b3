"""What the run left behind, read from outside: the outboxes, the topics, the inbox, the feed."""

import json
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg import sql

from canvas_demo.chaos.load import Command
from canvas_demo.chaos.subscriber import View
from canvas_demo.kernel.kafka import TOPIC_PREFIX
from canvas_demo.kernel.settings import MODULES, Settings

SETTLES_WITHIN = 600.0
"""Seconds within which all that was committed has been published and handled."""
REACT_TO = {"notifications": ("canvas/", "file/"), "canvases": ("file/",)}
"""The modules whose reactions are judged → the subjects whose events they react to."""
INBOXES: Mapping[str, LiteralString] = {
    "notifications": "SELECT event_id::text FROM notifications.inbox WHERE event_id = ANY(%s::uuid[])",
    "canvases": "SELECT event_id::text FROM canvases.inbox WHERE event_id = ANY(%s::uuid[])",
}


@dataclass(frozen=True)
class Row:
    """An event in an outbox."""

    event_id: str
    subject: str
    version: int
    type: str
    correlation_id: str
    payload: Mapping[str, Any]
    is_reaction: bool = False
    """Another event led to it, not a command."""


@dataclass
class Evidence:
    """All that is judged."""

    commands: Sequence[Command]
    uploads: Sequence[str]
    rows: list[Row]
    records: Mapping[str, Sequence[tuple[str, int]]]
    """Subject → (event id, version) in the order of its partition, with what came twice."""
    handled: Mapping[str, Mapping[str, int]]
    """Module that reacts → event id → rows in its inbox."""
    fed: Mapping[str, int]
    """Event id → places in the feed."""
    cursors: Mapping[str, int]
    """Subject → the newest cursor of its feed."""
    data_keys: Mapping[str, int]
    """Organisation → its first data keys."""
    views: Mapping[str, Mapping[str, View]] = field(default_factory=dict)
    """Subscriber → subject → what it was told."""
    differences: Sequence[str] = ()
    """What `verify` found."""
    parked: int = 0


def read_rows(settings: Settings, organizations: Collection[str]) -> list[Row]:
    """The events of the organisations, of all modules, each stream in its order."""
    rows: list[Row] = []
    with _database(settings) as connection:
        for module in MODULES:
            query = sql.SQL(
                "SELECT event_id::text, subject, aggregate_version, event_type, correlation_id, payload,"
                " causation_id <> correlation_id"
                " FROM {} WHERE organization_id = ANY(%s) ORDER BY position"
            ).format(sql.Identifier(module, "outbox"))
            rows += [Row(*row) for row in connection.execute(query, [list(organizations)])]
    return rows


def read_records(settings: Settings, rows: Sequence[Row]) -> dict[str, list[tuple[str, int]]]:
    """The records of the rows' subjects, from the beginning of every topic until all were seen, or time is up."""
    missing = {row.event_id for row in rows}
    subjects = {row.subject for row in rows}
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    consumer = Consumer({"bootstrap.servers": settings.bootstrap, "group.id": f"chaos-{uuid4()}", "log_level": 2})
    topics = consumer.list_topics(timeout=30).topics
    consumer.assign(
        [
            TopicPartition(name, partition, 0)
            for name, topic in topics.items()
            if name.startswith(TOPIC_PREFIX)
            for partition in topic.partitions
        ]
    )
    end = time.monotonic() + SETTLES_WITHIN
    quiet_since = time.monotonic()
    # Read on for a moment when all are there: what came twice may lie behind.
    while time.monotonic() < end and (missing or time.monotonic() - quiet_since < 3):
        for record in consumer.consume(1000, timeout=0.5):
            quiet_since = time.monotonic()
            headers: Any = record.headers()
            header = {key: (value or b"").decode() for key, value in headers or ()}
            if not record.error() and header.get("ce_subject") in subjects:
                found[header["ce_subject"]].append((header["ce_id"], int(header["ce_aggregateversion"])))
                missing.discard(header["ce_id"])
    consumer.close()
    return found


def settled_rows(settings: Settings, organizations: Collection[str]) -> list[Row]:
    """The events of the organisations, once all were handled and led to no further one, or time is up."""
    end = time.monotonic() + SETTLES_WITHIN
    rows = read_rows(settings, organizations)
    while True:
        await_handled(settings, rows)
        before, rows = len(rows), read_rows(settings, organizations)
        if len(rows) == before or time.monotonic() > end:
            return rows


def await_handled(settings: Settings, rows: Sequence[Row]) -> None:
    """Wait until those that react to canvases and files have handled every event of theirs, or time is up."""
    end = time.monotonic() + SETTLES_WITHIN
    while time.monotonic() < end and (_left(settings, rows) or count_parked(settings, to_be_tried=True)):
        time.sleep(0.5)


def _left(settings: Settings, rows: Sequence[Row]) -> int:
    """How many events those that react to them have not yet taken in."""
    ids = {module: [row.event_id for row in rows if row.subject.startswith(of)] for module, of in REACT_TO.items()}
    return sum(len(ids[module]) - len(_count(settings, query, ids[module])) for module, query in INBOXES.items())


def read(
    settings: Settings, organizations: Sequence[str], commands: Sequence[Command], uploads: Sequence[str]
) -> Evidence:
    """Wait until all has been published and handled, and read it."""
    rows = settled_rows(settings, organizations)
    records = read_records(settings, rows)
    ids = [row.event_id for row in rows]
    subjects = sorted({row.subject for row in rows})
    with _database(settings) as connection:
        cursors = dict(
            connection.execute("SELECT subject, cursor FROM notifications.subject WHERE subject = ANY(%s)", [subjects])
        )
        keys = dict(
            connection.execute(
                "SELECT organization_id, count(*) FROM keys.outbox WHERE event_type = 'OrganizationKeyRotated'"
                " AND organization_id = ANY(%s) GROUP BY organization_id",
                [list(organizations)],
            )
        )
    return Evidence(
        commands=commands,
        uploads=uploads,
        rows=rows,
        records=records,
        handled={module: _count(settings, query, ids) for module, query in INBOXES.items()},
        fed=_count(settings, "SELECT event_id::text FROM notifications.feed WHERE event_id = ANY(%s::uuid[])", ids),
        cursors=cursors,
        data_keys=keys,
    )


def count_parked(settings: Settings, *, to_be_tried: bool = False) -> int:
    """Records that some module could not handle; of those ``to_be_tried`` again only."""
    query = sql.SQL("SELECT count(*) FROM {} WHERE due_at IS NOT NULL OR NOT %s")
    with _database(settings) as connection:
        tables = [row[0] for row in connection.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'parked'")]
        counts = [
            connection.execute(query.format(sql.Identifier(schema, "parked")), [to_be_tried]).fetchone()
            for schema in tables
        ]
    return sum(int(row[0]) for row in counts if row)


def _count(settings: Settings, query: LiteralString, ids: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    with _database(settings) as connection:
        for (event_id,) in connection.execute(query, [list(ids)]):
            counts[event_id] += 1
    return counts


def _database(settings: Settings) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(settings.database_url(settings.postgres_admin))


def saved(evidence: Evidence) -> str:
    """All of it as JSON, for whoever looks into a run that failed."""
    return json.dumps(evidence, default=lambda value: getattr(value, "__dict__", str(value)), indent=1)
