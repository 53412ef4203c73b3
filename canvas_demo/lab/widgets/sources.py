"""Where the live tables' rows come from. Each source is a function that answers with what came since its last call."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
from confluent_kafka import KafkaException

from canvas_demo.lab.cdc import RawCdc
from canvas_demo.lab.database import QUERIES
from canvas_demo.lab.kafka import KafkaRecord, Tail
from canvas_demo.lab.sockets import Socket
from canvas_demo.lab.widgets.base import Away
from canvas_demo.lab.widgets.live_table import Row

if TYPE_CHECKING:
    from canvas_demo.lab.facts import Facts

Source = Callable[[], Iterable[Row]]
OUTBOX = ("committed", "module", "position", "type", "aggregate", "version", "payload")
RECORDS = ("timestamp", "partition", "offset", "key", "type", "value")
ENVELOPES = ("read", "lsn", "transaction", "op", "table", "row")
FRAMES = ("received", "client", "type", "subject", "cursor", "event")


def outbox(lab: "Facts") -> Source:
    """Rows of all modules' outboxes, from now on, whichever of two transactions that overlap commits first."""
    snapshot = lab.sql(QUERIES["snapshot"])["snapshot"].iloc[0]
    after = {module: int(position) for module, position in lab.counts().items()}

    def more() -> list[Row]:
        nonlocal snapshot
        try:
            frame = lab.database.of_every_module("events_since", {"after": json.dumps(after), "snapshot": snapshot})
        except psycopg.OperationalError as error:
            raise Away(f"PostgreSQL does not answer: {error}") from error
        rows = frame.sort_values(["committed_at", "module", "position"]).to_dict("records")
        for row in rows:
            snapshot = row.pop("snapshot")
            after[row["module"]] = max(after[row["module"]], row["position"])
        return [_outbox_row({str(name): value for name, value in row.items()}) for row in rows]

    return more


def _outbox_row(row: dict[str, Any]) -> Row:
    payload = _json(row["payload"])
    aggregate = f"{row['aggregate_type']}/{row['aggregate_id']}"
    cells = [_clock(row["committed_at"]), row["module"], row["position"], row["event_type"], aggregate]
    return Row(
        event_id=row["event_id"],
        key=row["aggregate_id"],
        event_type=row["event_type"],
        cells=[*map(str, cells), str(row["aggregate_version"]), payload],
        raw=_json(row),
        pretty=row,
        headers={name: str(row[name]) for name in ("organization_id", "correlation_id", "causation_id")},
    )


def tail(of: Tail) -> Source:
    """The records of a topic's tail."""

    def row(record: KafkaRecord) -> Row:
        cells = [_clock(record.timestamp), record.partition, record.offset, record.key, record.event_type]
        headers = "".join(f"{name}: {value}\n" for name, value in record.headers.items())
        return Row(
            event_id=record.event_id,
            key=record.key,
            event_type=record.event_type,
            cells=[*map(str, cells), _json(record.value)],
            raw=f"{record.topic}-{record.partition}@{record.offset} {record.key}\n{headers}\n{_json(record.value)}",
            pretty={name: getattr(record, name) for name in ("topic", "partition", "offset", "timestamp", "key")}
            | {"headers": dict(record.headers), "value": record.value},
            headers=record.headers,
        )

    return _further(of.records, row)


def envelopes(of: RawCdc) -> Source:
    """What Debezium says of each row change, as it says it."""
    seen: set[tuple[str, int, int]] = set()

    def more() -> list[Row]:
        try:
            frame = of.records()
        except KafkaException as error:
            raise Away(f"Kafka does not answer: {error}") from error
        rows = []
        for record in frame.to_dict("records"):
            place = (record["topic"], record["partition"], record["offset"])
            if place not in seen:
                seen.add(place)
                rows.append(_envelope_row(record["value"] or {}))
        return rows

    return more


def _envelope_row(envelope: dict[str, Any]) -> Row:
    source, after = envelope.get("source", {}), envelope.get("after") or {}
    table = f"{source.get('schema')}.{source.get('table')}"
    cells = [
        _clock(_time(envelope.get("ts_ms"))),
        _lsn(source.get("lsn")),
        source.get("txId", ""),
        envelope.get("op", ""),
        table,
    ]
    return Row(
        event_id=str(after.get("event_id", "")),
        key=str(after.get("aggregate_id", "")),
        event_type=str(after.get("event_type", "")),
        cells=[*map(str, cells), _json(after)],
        raw=_json(envelope),
        pretty=envelope,
        headers={str(name): str(value) for name, value in source.items()},
    )


def frames(sockets: Sequence[Socket]) -> Source:
    """The frames of websockets, in the order in which they came."""
    places = dict.fromkeys(range(len(sockets)), 0)

    def more() -> list[Row]:
        come = []
        for at, socket in enumerate(sockets):
            received = socket.received[places[at] :]
            places[at] += len(received)
            come += [(frame.received_at, socket.name, frame.message) for frame in received]
        return [_frame_row(*each) for each in sorted(come, key=lambda each: each[0])]

    return more


def _frame_row(at: Any, client: str, message: dict[str, Any]) -> Row:
    event = message.get("event", {})
    subject, cursor = str(message.get("subject", "")), str(message.get("cursor", ""))
    return Row(
        event_id=str(event.get("id", "")),
        key=subject,
        event_type=str(event.get("type", message["type"])),
        cells=[_clock(at), client, message["type"], subject, cursor, event.get("type", "")],
        raw=_json(message),
        pretty={"client": client, **message},
        headers={"client": client} | {name: str(value) for name, value in event.items() if name != "data"},
    )


def _further(records: list[KafkaRecord], row: Callable[[KafkaRecord], Row]) -> Source:
    """What was appended to a growing list since the last call."""
    place = 0

    def more() -> list[Row]:
        nonlocal place
        come = records[place:]
        place += len(come)
        return [row(record) for record in come]

    return more


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _lsn(number: int | None) -> str:
    """As PostgreSQL writes it: two halves of 32 bits, in hexadecimal (pg_lsn)."""
    return "" if number is None else f"{number >> 32:X}/{number & 0xFFFFFFFF:X}"


def _clock(at: Any) -> str:
    return at.strftime("%H:%M:%S.%f")[:-3] if at is not None else ""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
