"""What Debezium reads, before the EventRouter makes an event's record of it.

The EventRouter rewrites inside Kafka Connect, so the envelope of an event is on no topic of the
stack. The lab places a second connector: a slot of its own, the same publication, no transforms. The
connector, its slot and its topics are removed at the end, also those of a session that was killed.
"""

import atexit
import fcntl
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd

from canvas_demo.lab.checks import until
from canvas_demo.lab.connectors import ConnectError, ConnectRest
from canvas_demo.lab.database import QUERIES, Database
from canvas_demo.lab.kafka import SLACK, Kafka
from canvas_demo.lab.records import Record

NAME = "canvas-demo-lab-"
SLOT = "canvas_demo_lab_"
SECONDS = 90.0
KEPT = ("database.", "connector.class", "tasks.max", "plugin.name", "publication.", "table.include.list", "snapshot.")
"""Settings of the stack's own connector that the second one shares, by how they begin."""


def config_of(own: dict[str, str], number: str) -> dict[str, str]:
    """The second connector's configuration, made of the stack's ``own``."""
    shared = {name: value for name, value in own.items() if name.startswith(KEPT)}
    return shared | {
        "topic.prefix": NAME + number,
        "slot.name": SLOT + number,
        "poll.interval.ms": "2",
        "producer.override.linger.ms": "0",
        "topic.creation.default.partitions": "1",
        "topic.creation.default.replication.factor": "1",
        "key.converter": "org.apache.kafka.connect.json.JsonConverter",
        "key.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    }


class RawCdc:
    """The second connector, until `close`, or the end of a ``with`` block, or of the process."""

    def __init__(self, number: str, kafka: Kafka, ending: ExitStack) -> None:
        self.number = number
        self._kafka = kafka
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

    def topic(self, module: str) -> str:
        """Where the envelopes of a module's outbox are."""
        return f"{NAME}{self.number}.{module}.outbox"

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
    """What makes and removes second connectors. The folder holds a lock for each that somebody uses."""

    connect: ConnectRest
    kafka: Kafka
    database: Database
    folder: Path

    def start(self, like: str = "outbox") -> RawCdc:
        """A second connector, made of the configuration of the connector ``like``; it runs when this returns."""
        self.remove_leftovers()
        number = secrets.token_hex(4)
        with ExitStack() as starting:
            starting.enter_context(self._held(number))
            starting.callback(self._remove, number)
            config = config_of(self.connect.config(like), number)
            until(lambda: self._placed(number, config), f"connector {NAME}{number} is placed", SECONDS, every=0.2)
            until(lambda: self._streams(number), f"connector {NAME}{number} runs", SECONDS, every=0.1)
            ending = starting.pop_all()
        atexit.register(ending.close)
        ending.callback(atexit.unregister, ending.close)
        return RawCdc(number, self.kafka, ending)

    def remove_leftovers(self) -> list[str]:
        """Remove what sessions have left that no longer live; their numbers."""
        removed = []
        for path in sorted(self.folder.glob("*.lock")):
            with path.open() as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                self._remove(path.stem)
                path.unlink(missing_ok=True)
                removed.append(path.stem)
        return removed

    @contextmanager
    def _held(self, number: str) -> Iterator[None]:
        """A lock that the kernel frees when this process dies, however it does (flock(2))."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{number}.lock"
        draft = self.folder / f".{number}"
        with draft.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            draft.rename(path)  # locked before anybody can see it
            try:
                yield
            finally:
                path.unlink(missing_ok=True)

    def _placed(self, number: str, config: dict[str, str]) -> bool:
        """Whether Connect took it; it refuses while it balances its work anew."""
        try:
            self.connect.place(NAME + number, config)
        except ConnectError as error:
            if "answers 409" in str(error):
                return False
            raise
        return True

    def _streams(self, number: str) -> bool:
        """Whether the task runs and reads its slot: what is committed from here on, it sees."""
        slots = self.database.frame(QUERIES["slots"])
        mine = slots[slots["slot_name"] == SLOT + number]
        return self.connect.runs(NAME + number) and bool(mine["active"].any())

    def _remove(self, number: str) -> None:
        if self.connect.exists(NAME + number):
            self.connect.remove(NAME + number)
        until(lambda: self._dropped(number), f"slot {SLOT}{number} is dropped", SECONDS, every=0.1)
        self.kafka.delete_topics(NAME + number)

    def _dropped(self, number: str) -> bool:
        self.database.frame(QUERIES["drop_slot"], [SLOT + number])
        slots = self.database.frame(QUERIES["slots"])
        return SLOT + number not in set(slots["slot_name"])
