"""States of every widget, as a kernel would have saved them."""

from typing import Any

IDS = [f"0199-event-{number}" for number in range(4)]


def rows(*, of: int = 4, start: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "seq": number,
            "id": f"0199-event-{number}",
            "key": "garden" if number % 2 else "orchard",
            "type": "CanvasRenamed" if number % 2 else "ItemPlaced",
            "headers": {"ce_type": "CanvasRenamed" if number % 2 else "ItemPlaced", "traceparent": f"00-{number}"},
            "cells": ["10:00:00.000", "canvases", str(number), "CanvasRenamed"],
            "raw": f'{{"raw": {number}}}',
            "pretty": {"position": number, "payload": {"name": "Beans"}},
        }
        for number in range(start, start + of)
    ]


def table(title: str) -> dict[str, Any]:
    return {
        "title": title,
        "columns": ["committed", "module", "position", "type"],
        "rows": rows(),
        "paused": False,
        "raw": False,
        "filter_key": "",
        "filter_type": "",
        "filter_header": "",
    }


def part(name: str, state: str, orders: list[str]) -> dict[str, Any]:
    return {"component": name, "state": state, "detail": "", "restarts": 1, "pid": 4711, "orders": orders}


STATES: dict[str, dict[str, Any]] = {
    "live_table": table("Outbox rows"),
    "lanes": {
        "topic": "canvas-demo.canvas",
        "lanes": [
            {
                "partition": 0,
                "first": 0,
                "next": 9,
                "records": [
                    {"offset": 5 + number, "id": id_, "key": "garden", "type": "CanvasRenamed"}
                    for number, id_ in enumerate(IDS)
                ],
                "groups": [{"group": "canvas-demo-notifications", "committed": 8, "lag": 1, "member": "m"}],
            }
        ],
    },
    "slot_gauge": {
        "slot": "canvas_demo_outbox",
        "facts": {"restart_lsn": "0/1000", "confirmed_flush_lsn": "0/1800", "retained_bytes": "4096"},
        "points": [{"at": number, "retained": 4096 * number, "lag": 512 * number} for number in range(8)],
    },
    "sides": {
        "title": "CanvasCreated side by side",
        "sides": ["outbox row", "raw envelope", "Kafka record", "frame"],
        "fields": [
            {
                "name": "event_id",
                "became": "header ce_id",
                "short": ["0199", "0199", "header ce_id = 0199", "event.id = 0199"],
                "full": ["0199-whole", "0199-whole", "header ce_id = 0199-whole", "event.id = 0199-whole"],
            },
            {"name": "position", "became": "stays in the database", "short": ["7", "7", "", ""], "full": ["7"] * 4},
        ],
    },
    "time_travel": {
        "title": "Stream of canvas/1",
        "version": 2,
        "versions": [
            {
                "version": version,
                "event_type": "CanvasRenamed",
                "event_id": IDS[version],
                "at": "10:00:00.000",
                "payload": {"name": f"Bed {version}"},
                "state": {"name": f"Bed {version}", "items": []},
            }
            for version in (1, 2, 3)
        ],
    },
    "delivery": {
        "clients": [
            {"name": "Ada", "host": "ws-1", "state": "open"},
            {"name": "Grace", "host": "ws-2", "state": "closed"},
        ],
        "events": [
            {
                "id": id_,
                "type": "CanvasRenamed",
                "cells": [
                    {"count": 1, "after_ms": 0.0, "owed": True},
                    {"count": number % 3, "after_ms": 2.5 if number % 3 else None, "owed": True},
                ],
            }
            for number, id_ in enumerate(IDS)
        ],
    },
    "switches": {
        "said": "",
        "parts": [
            part("kafka", "running", ["stop", "kill", "pause"]),
            part("connect", "paused", ["resume", "kill"]),
            part("backend", "stopped", ["start"]),
        ],
    },
    "system_map": {
        "seen_at": "10:00:00 UTC",
        "flows": [
            {"way": "commits", "count": 3, "what": "events"},
            {"way": "records", "count": 3, "what": "records"},
            {"way": "wal", "count": 0, "what": "bytes"},
        ],
        "parts": [
            {"id": "postgres", "title": "postgres", "state": "running", "facts": {"what": "A schema a module."}},
            {"id": "kafka", "title": "kafka", "state": "paused", "facts": {"what": "The topics."}},
            {"id": "connect", "title": "connect", "state": "stopped", "facts": {"what": "Debezium."}},
            {"id": "gateway", "title": "gateway", "state": "running", "facts": {"what": "HTTP in."}},
        ],
    },
    "waterfall": {
        "title": "The journey of CanvasRenamed",
        "event_id": IDS[1],
        "bars": [
            {
                "name": name,
                "after": "",
                "from_ms": number - 1.0,
                "to_ms": float(number),
                "latest_ms": number + 0.5,
                "took": "1.0 ms",
                "stamp": "outbox: occurred_at",
                "evidence": {"position": number},
            }
            for number, name in enumerate(["module decides", "transaction commits", "frame arrives at Ada"])
        ],
    },
}
