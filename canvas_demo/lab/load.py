"""A steady load of commands, and what became of each event of it.

Commands are sent open-loop: each is due at its time, however long the one before took; so a stall shows
as latency, and not as a lower rate. One writer a canvas, and each command says with If-Match which
version it changes: so a command whose answer was lost can be sent again, and has its effect once.
"""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self

import httpx
import pandas as pd
import psycopg

from canvas_demo.lab.api import Person
from canvas_demo.lab.checks import NotYet, collecting, until
from canvas_demo.lab.following import Follower
from canvas_demo.lab.records import Record

if TYPE_CHECKING:
    from canvas_demo.lab.session import Lab

RETRY_SECONDS = 0.25
GIVE_UP_SECONDS = 120.0
ARRIVAL_SECONDS = 60.0
TOPIC = "canvas-demo.canvas"
QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


@dataclass
class Command:
    """One command of the load: ``tries`` counts how often it was sent."""

    number: int
    canvas_id: str
    due: float
    correlation_id: str = field(default_factory=lambda: secrets.token_hex(16))
    sent_at: float = 0.0
    answered_at: float = 0.0
    tries: int = 0
    status: int = 0
    problem: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether it was answered with success."""
        return 200 <= self.status < 300


class Load:
    """A load that runs, or has run; `report` waits for what it led to, `frame` tells of each command."""

    def __init__(self, lab: "Lab", rate: float, canvases: int, seconds: float | None, subscribers: int = 1) -> None:
        self.rate, self.seconds = rate, seconds
        self.lab = lab
        self.person: Person = lab.person("Load")
        self.canvases: Sequence[Record] = [self.person.create_canvas(f"Bed {number}") for number in range(canvases)]
        subjects = [f"canvas/{canvas['id']}" for canvas in self.canvases]
        hosts = len(lab.environment["WS_URLS"])
        self.subscribers: Sequence[Follower] = [
            lab.follower(self.person, *subjects, name=f"subscriber {number + 1}", host=number % hosts)
            for number in range(subscribers)
        ]
        self._tail = lab.tail(TOPIC)
        self.commands: list[Command] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"load of {rate:g} a second", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        counts = Counter("accepted" if command.is_accepted else "open" for command in self.commands)
        return f"Load of {self.rate:g} commands a second: {len(self.commands)} sent, {counts['accepted']} accepted"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more, and wait until every command that was sent has its answer."""
        self._ending.set()
        self.wait()

    close = stop

    def wait(self) -> None:
        """Return when the load has ended, and every command has its answer."""
        self._thread.join()

    # --- what became of it ---------------------------------------------------------------------------------

    @property
    def frame(self) -> pd.DataFrame:
        """A row a command that was accepted, with the milliseconds from when it was due to its answer, and from
        the commit of its event to the record (``in_kafka_ms``) and to the last subscriber's frame (``in_frame_ms``),
        as far as they came.
        """  # noqa: D205
        columns = ["number", "canvas_id", "event_id", "tries", "answered_ms", "in_kafka_ms", "in_frame_ms"]
        columns += ["committed_at", "correlation_id"]
        commands = pd.DataFrame([vars(command) for command in self.commands if command.is_accepted])
        if commands.empty:
            return pd.DataFrame(columns=columns)
        commands["answered_ms"] = (commands["answered_at"] - commands["due"]) * 1000
        merged = commands.merge(self._events(), on="correlation_id", how="left")
        shown = [times_of(each) for each in self.subscribers]
        by_all = {id_: max(times[id_] for times in shown) for id_ in set.intersection(*map(set, shown))}
        for column, times in (("in_kafka_ms", self.recorded()), ("in_frame_ms", by_all)):
            at = pd.to_datetime(merged["event_id"].map(times), utc=True)
            merged[column] = (at - pd.to_datetime(merged["committed_at"], utc=True)).dt.total_seconds() * 1000
        return merged[columns]

    def latency(self) -> pd.DataFrame:
        """Quantiles of the milliseconds of `frame`."""
        columns = ["answered_ms", "in_kafka_ms", "in_frame_ms"]
        frame = self.frame[columns]
        rows = {name: frame.quantile(quantile).round(2) for name, quantile in QUANTILES.items()}
        return pd.DataFrame(rows).T

    def settle(self, timeout: float = ARRIVAL_SECONDS) -> Self:
        """Wait until the event of each accepted command is in Kafka, in a frame and in the feed. Raises `NotYet`."""
        if self.seconds is None:
            self.stop()
        self.wait()

        def all_arrived() -> bool:
            frame = self.frame
            if not frame[["event_id", "in_kafka_ms", "in_frame_ms"]].notna().all(axis=None):
                return False
            # A frame is sent from within the transaction that has the effect: it may be there before its commit.
            return set(frame["event_id"]) <= set(self._places_in_feed([*frame["event_id"]]))

        try:
            until(all_arrived, "every event of the load has arrived", timeout, every=0.2)
        except NotYet as missing:
            raise NotYet(f"{missing}\n{self.report().to_string()}") from None
        return self

    def report(self) -> pd.DataFrame:
        """What holds of the load so far: how many of what, as the rows, the records and the frames say."""
        frame = self.frame
        records = Counter(record.event_id for record in list(self._tail.records))
        frames = [Counter(got.event_id for got in list(each.received)) for each in self.subscribers]
        ids = [id_ for id_ in frame["event_id"] if isinstance(id_, str)]
        told = pd.concat([each.told for each in self.subscribers])
        fed = self._places_in_feed(ids)
        counts = {
            "commands accepted": len(frame),
            "commands sent more than once": int((frame["tries"] > 1).sum()),
            "commands refused": sum(1 for command in self.commands if command.status >= 400),
            "commands without an answer": sum(1 for command in self.commands if not command.status),
            "accepted, and not in an outbox": len(frame) - len(ids),
            "events twice in an outbox": len(ids) - len(set(ids)),
            "events not in Kafka": sum(1 for id_ in ids if not records[id_]),
            "events more than once in Kafka": sum(1 for id_ in ids if records[id_] > 1),
            "events without their one effect": sum(1 for id_ in ids if fed[id_] != 1),
            "events not in a frame": sum(1 for seen in frames for id_ in ids if not seen[id_]),
            "events more than once in a frame": sum(1 for seen in frames for id_ in ids if seen[id_] > 1),
            "canvases whose frames are out of order": int((told["out_of_order"] > 0).sum()),
            "gaps that a subscriber was told of": int(told["told_gaps"].sum()),
        }
        return pd.DataFrame(counts.items(), columns=["what", "count"]).set_index("what")

    def recorded(self) -> dict[str, datetime]:
        """Event id → when its record was read from Kafka."""
        return {record.event_id: record.received_at for record in reversed(list(self._tail.records))}

    def _places_in_feed(self, ids: Sequence[str]) -> Counter[str]:
        """Event id → how many places it has in the feed that notifications keeps: its effect."""
        rows = self.lab.sql("SELECT event_id::text FROM notifications.feed WHERE event_id = ANY (%s::uuid[])", [ids])
        return Counter(rows["event_id"])

    def _events(self) -> pd.DataFrame:
        ids = [canvas["id"] for canvas in self.canvases]
        query = """
            SELECT event_id::text, correlation_id, pg_xact_commit_timestamp(xmin) AS committed_at
            FROM canvases.outbox WHERE aggregate_id = ANY (%s) AND event_type = 'CanvasRenamed'
        """
        return self.lab.sql(query, [ids])

    # --- sending -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        writers = [Writer(self, canvas["id"]) for canvas in self.canvases]
        start, number = time.time(), 0
        while not self._ending.is_set() and (self.seconds is None or number < self.rate * self.seconds):
            due = start + number / self.rate
            if self._ending.wait(max(0.0, due - time.time())):
                break
            writer = writers[number % len(writers)]
            self.commands.append(Command(number, writer.canvas_id, due))
            writer.put(self.commands[-1])
            number += 1
        for writer in writers:
            writer.finish()

    def happened(self, correlation_id: str) -> bool:
        """Whether a command of that correlation id has left an event."""
        return not self.lab.events(correlation_id=correlation_id).empty


def times_of(subscriber: Follower) -> dict[str, datetime]:
    """Event id → when the subscriber was first told of it."""
    return {frame.event_id: frame.received_at for frame in reversed(list(subscriber.received)) if frame.event_id}


class Writer(threading.Thread):
    """Sends the commands of one canvas, one after the other, each until it is answered."""

    def __init__(self, load: Load, canvas_id: str) -> None:
        super().__init__(name=f"writer of canvas {canvas_id}", daemon=True)
        self.canvas_id = canvas_id
        self._load = load
        self._version = 1
        self._queue: SimpleQueue[Command | None] = SimpleQueue()
        self.start()

    def put(self, command: Command) -> None:
        """Have it sent when those before have been answered."""
        self._queue.put(command)

    def finish(self) -> None:
        """Return when all have been sent."""
        self._queue.put(None)
        self.join()

    def run(self) -> None:
        """Send what comes."""
        with collecting(self.name), self._load.person.session() as http:
            while command := self._queue.get():
                deadline = time.time() + GIVE_UP_SECONDS
                while not self._is_answered(http, command) and time.time() < deadline:
                    time.sleep(RETRY_SECONDS)

    def _is_answered(self, http: httpx.Client, command: Command) -> bool:
        """Send it once. False where it is to be sent again: no answer came, or one that says "later"."""
        command.tries += 1
        command.sent_at = command.sent_at or time.time()
        try:
            answer = http.patch(
                f"/api/canvases/{command.canvas_id}",
                json={"name": f"Load {command.number}"},
                headers={"X-Correlation-Id": command.correlation_id, "If-Match": f'"{self._version}"'},
            )
            if answer.status_code in (409, 412) and command.tries > 1 and self._load.happened(command.correlation_id):
                answer.status_code = 200  # an earlier try had its effect, only its answer was lost
        except (httpx.TransportError, psycopg.OperationalError) as error:
            command.problem = repr(error)
            return False
        if answer.status_code >= 500 or answer.status_code in (409, 429):
            command.problem = answer.text
            return False
        command.answered_at, command.status = time.time(), answer.status_code
        command.problem = "" if command.is_accepted else answer.text
        self._version += command.is_accepted
        return True
