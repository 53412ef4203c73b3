"""Debezium connectors of a notebook's own.

The stack's EventRouter rewrites inside Kafka Connect, so the envelope of an event is on no topic of the
stack. The lab places a second connector: a slot of its own, the same publication (or that of a scratch
schema), no transforms, or the EventRouter with other options. The connector, its slot and its topics
are removed at the end, also those of a session that was killed.
"""

import atexit
import secrets
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Self

import pandas as pd

from canvas_demo.lab.checks import until
from canvas_demo.lab.connectors import ConnectRest
from canvas_demo.lab.database import QUERIES, Database
from canvas_demo.lab.kafka import COLUMNS, SLACK, Kafka
from canvas_demo.lab.leftovers import Leftovers
from canvas_demo.lab.records import Record

NAME = "canvas-demo-lab-"
SLOT = "canvas_demo_lab_"
SECONDS = 90.0
KEPT: tuple[str, ...] = ("database.", "connector.class", "tasks.max", "plugin.name", "publication.")
KEPT += ("table.include.list", "message.prefix.", "producer.override.buffer.", "snapshot.fetch.")
"""Settings of the stack's own connector that the second one shares, by how they begin.

The length of its queue is not among them: Debezium's default batch would not fit in.
"""


ROUTER = ("predicates", "transforms", "tombstones.on.delete", "key.converter", "value.converter", "header.converter")
"""Those that make events of row changes."""
JSON = {
    f"{part}.converter{name}": value
    for part in ("key", "value")
    for name, value in (("", "org.apache.kafka.connect.json.JsonConverter"), (".schemas.enable", "false"))
}


def config_of(own: Mapping[str, str], number: str, *, router: bool = False) -> dict[str, str]:
    """The second connector's configuration, made of the stack's ``own``; with its EventRouter, or without."""
    kept = KEPT + ROUTER if router else KEPT
    shared = {name: value for name, value in own.items() if name.startswith(kept)}
    routing = {
        "predicates.event.pattern": f"{NAME}{number}\\..*",
        "transforms.outbox.route.topic.replacement": f"{NAME}{number}.${{routedByValue}}",
    }
    return (
        shared
        | (routing if router else JSON)
        | {
            "topic.prefix": NAME + number,
            "slot.name": SLOT + number,
            "snapshot.mode": "no_data",
            "poll.interval.ms": "2",
            "producer.override.linger.ms": "0",
            "topic.creation.default.partitions": "1",
            "topic.creation.default.replication.factor": "1",
        }
    )


class RawCdc:
    """The second connector, until `close`, or the end of a ``with`` block, or of the process."""

    def __init__(self, number: str, lab: "CdcLab", ending: ExitStack) -> None:
        self.number = number
        self.name, self.slot = NAME + number, SLOT + number
        self._connect, self._kafka = lab.connect, lab.kafka
        self._ending = ending

    def __repr__(self) -> str:
        return f"RawCdc: connector {NAME}{self.number}, slot {SLOT}{self.number}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the connector, its slot and its topics; a second time does nothing."""
        self._ending.close()

    @property
    def config(self) -> Record:
        """Its configuration."""
        return self._connect.config(self.name)

    def change(self, **settings: str | None) -> Record:
        """Change options, ``transforms__outbox__…="…"``; its configuration as it was. Returns when its task runs."""
        return self._connect.change(self.name, **settings)

    def topics(self) -> pd.DataFrame:
        """The topics that it has made, by partition."""
        return self._kafka.topics(f"{self.name}.")

    def records(self, of: str = "") -> pd.DataFrame:
        """The records that it has made, of the topic that ends with ``of`` where it is given."""
        names = sorted(set(self.topics()["topic"]))
        found = [self._kafka.records(name) for name in names if name.removeprefix(f"{self.name}.").endswith(of)]
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS))

    def topic(self, module: str) -> str:
        """Where the envelopes of the outbox of a module, or of a scratch schema, are."""
        return f"{self.name}.{module}.outbox"

    def envelope(self, module: str, event_id: str, *, since: datetime) -> Record:
        """What Debezium says of the row of an event, once it has; ``since``: when it happened. Raises `NotYet`."""

        def look() -> list[Any]:
            topic = self.topic(module)
            if self._kafka.topics(topic).empty:
                return []
            values = self._kafka.records(topic, since=since - SLACK)["value"]
            return [value for value in values if value and value["after"]["event_id"] == event_id]

        return Record(until(look, f"Debezium's envelope of event {event_id} is there", SECONDS, every=0.1)[0])

    def envelopes(self, module: str) -> pd.DataFrame:
        """All envelopes of a module's outbox so far."""
        topic = self.topic(module)
        if self._kafka.topics(topic).empty:
            return pd.DataFrame()
        return pd.DataFrame(list(self._kafka.records(topic)["value"]))


@dataclass(frozen=True)
class CdcLab:
    """What makes and removes second connectors."""

    connect: ConnectRest
    kafka: Kafka
    database: Database
    leftovers: Leftovers

    def start(
        self,
        like: str = "outbox",
        *,
        router: bool = False,
        options: Mapping[str, str | None] = MappingProxyType({}),
    ) -> RawCdc:
        """A second connector, made of the configuration of the connector ``like``; it runs when this returns.

        ``options`` win over what it is made of; None takes one away.
        """
        number = secrets.token_hex(4)
        forget = self.leftovers.note("connector", number=number)

        def end() -> None:
            self.remove(number)
            forget()

        with ExitStack() as starting:
            starting.callback(end)
            made = {**config_of(self.connect.config(like), number, router=router), **options}
            config = {name: value for name, value in made.items() if value is not None}
            name = NAME + number
            self.connect.wait(
                lambda: self.connect.place(name, config), f"connector {name} is placed", SECONDS, every=0.2
            )
            self.connect.wait(lambda: self._streams(number), f"connector {name} runs", SECONDS, every=0.1)
            ending = starting.pop_all()
        atexit.register(ending.close)
        ending.callback(atexit.unregister, ending.close)
        return RawCdc(number, self, ending)

    def _streams(self, number: str) -> bool:
        """Whether the task runs and reads its slot: what is committed from here on, it sees."""
        slots = self.database.frame(QUERIES["slots"])
        mine = slots[slots["slot_name"] == SLOT + number]
        return self.connect.runs(NAME + number) and bool(mine["active"].any())

    def remove(self, number: str) -> None:
        """Remove what there is of the connector of this number: itself, its slot, its topics."""
        if self.connect.exists(NAME + number):
            name = NAME + number
            self.connect.wait(lambda: self.connect.remove(name), f"connector {name} is removed", SECONDS, every=0.2)
        until(lambda: self._dropped(number), f"slot {SLOT}{number} is dropped", SECONDS, every=0.1)
        self.kafka.delete_topics(NAME + number)

    def _dropped(self, number: str) -> bool:
        self.database.frame(QUERIES["drop_slot"], [SLOT + number])
        slots = self.database.frame(QUERIES["slots"])
        return SLOT + number not in set(slots["slot_name"])
