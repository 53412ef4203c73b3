"""One event side by side: its outbox row, Debezium's envelope, the routed record, the frame; no I/O."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

SIDES = ("outbox row", "raw envelope", "Kafka record", "frame")
LONGEST = 60


def placements(config: Mapping[str, str]) -> dict[str, str]:
    """Outbox column → where the EventRouter puts it, by the connector's configuration.

    https://debezium.io/documentation/reference/stable/transformations/outbox-event-router.html
    """
    prefix = "transforms.outbox."
    listed = config.get(f"{prefix}table.fields.additional.placement", "")
    headers = {}
    for part in filter(None, listed.split(",")):
        column, _, place = part.partition(":")
        headers[column] = place.replace(":", " ")
    return headers | {
        config.get(f"{prefix}route.by.field", "aggregatetype"): "topic",
        config.get(f"{prefix}table.field.event.key", "aggregateid"): "key",
        config.get(f"{prefix}table.field.event.payload", "payload"): "value",
    }


def side_by_side(
    row: Mapping[str, Any],
    envelope: Mapping[str, Any] | None,
    record: Mapping[str, Any],
    frame: Mapping[str, Any] | None,
    places: Mapping[str, str],
    longest: int = LONGEST,
) -> pd.DataFrame:
    """What became of each field, from the row to the frame; an empty cell: it is not there.

    ``record`` has topic, partition, offset, timestamp, key, headers, value.
    """
    after = (envelope or {}).get("after") or {}
    event = (frame or {}).get("event", {})
    columns = dict.fromkeys([*row, *after])
    rows = {
        column: (
            row.get(column, ""),
            after.get(column, ""),
            _in_record(record, places.get(column, "")),
            _in_frame(event, places.get(column, "")),
        )
        for column in columns
    }
    for name in ("lsn", "txId", "ts_us"):
        rows[f"source.{name}"] = ("", (envelope or {}).get("source", {}).get(name, ""), "", "")
    for name in ("op", "ts_us"):
        rows[name] = ("", (envelope or {}).get(name, ""), "", "")
    for name in ("partition", "offset", "timestamp"):
        rows[name] = ("", "", record[name], "")
    rows["cursor"] = ("", "", "", (frame or {}).get("cursor", ""))
    shown = {name: [_short(value, longest) for value in values] for name, values in rows.items()}
    fields = pd.DataFrame.from_dict(shown, orient="index", columns=list(SIDES))
    return fields.assign(**{"what became of it": [became(name, places) for name in rows]})


def became(name: str, places: Mapping[str, str]) -> str:
    """What the EventRouter makes of a column of the outbox; empty for what is no column."""
    if name.startswith("source.") or name in ("op", "ts_us"):
        return "Debezium's own; the EventRouter drops it"
    if name in ("partition", "offset", "timestamp", "cursor"):
        return "given on the way"
    if name in ("module", "committed_at", "transaction_id"):
        return "said by PostgreSQL, no column"
    kind, _, header = places.get(name, "").partition(" ")
    return {"": "stays in the database", "topic": "names the topic", "header": f"header {header}"}.get(
        kind, f"the {kind}"
    )


def _in_record(record: Mapping[str, Any], place: str) -> str:
    kind, _, name = place.partition(" ")
    if kind == "header":
        return f"header {name} = {record['headers'].get(name, '(none)')}"
    return f"{kind} = {_text(record[kind])}" if kind else ""


def _in_frame(event: Mapping[str, Any], place: str) -> str:
    """Where a CloudEvent in the JSON format has what the Kafka binary mode has there."""
    kind, _, name = place.partition(" ")
    attribute = {"value": "data"}.get(kind) or name.removeprefix("ce_")
    return f"event.{attribute} = {_text(event[attribute])}" if attribute in event else ""


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def _short(value: object, longest: int) -> str:
    text = _text(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
