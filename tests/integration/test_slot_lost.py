"""A slot that is lost costs no event: what it would have kept is read from the outboxes, in order."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from canvas_demo.kernel.migrate import SLOT
from tests.conftest import Stack
from tests.integration.api import until
from tests.integration.kafka import headers, read_until
from tests.integration.test_connector_restart import INSERT
from tests.integration.test_operations import metrics

DEADLINE = 120.0
LIMIT = 128 * 1024 * 1024
SEGMENT = 16 * 1024 * 1024
KEYS = ("A", "B", "C")


class Writer:
    """Appends events to streams of its own, one transaction each."""

    def __init__(self, stack: Any) -> None:
        self.type = f"test-{uuid4()}"
        self.topic = f"canvas-demo.{self.type}"
        self.bootstrap = stack.env["KAFKA_BOOTSTRAP"]
        self.written = 0
        self._url = stack.env["DATABASE_URL"]

    def write(self, rounds: int) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            for _ in range(rounds):
                self.written += 1
                for key in KEYS:
                    connection.execute(
                        INSERT, {"type": self.type, "id": key, "first": self.written, "last": self.written}
                    )

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write on while the block runs."""
        done = threading.Event()

        def work() -> None:
            while not done.is_set():
                self.write(1)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def read_first_arrivals(self) -> dict[str, list[int]]:
        """Key → versions in the order in which each came first, once all have come."""

        def arrivals(records: list[Any]) -> dict[str, list[int]]:
            found: dict[str, list[int]] = {key: [] for key in KEYS}
            for record in records:
                version = int(headers(record)["ce_aggregateversion"])
                if version not in (seen := found[record.key().decode()]):
                    seen.append(version)
            return found

        def all_there(records: list[Any]) -> bool:
            return len(records) >= 3 * self.written and all(
                len(versions) == self.written for versions in arrivals(records).values()
            )

        return arrivals(read_until(self.bootstrap, self.topic, all_there))


def told_of_slot(stack: Any, name: str) -> float:
    """A metric of the slot, as the running stack has seen it last."""
    told = metrics(httpx.get(f"{stack.env['WEB_URL']}/metrics", timeout=30).raise_for_status().text)
    return told[f"canvas_demo_slot_{name}"][()]


def drop_slot(url: str) -> None:
    """As soon as nobody reads it; whoever does is cut off."""
    end = time.monotonic() + DEADLINE
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            try:
                query = "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s"
                connection.execute(query, [SLOT])
                connection.execute("SELECT pg_drop_replication_slot(%s)", [SLOT])
            except psycopg.errors.ObjectInUse:
                assert time.monotonic() < end, "the slot is in use all the time"
            else:
                return


def test_a_slot_that_is_dropped_under_load_costs_no_event(stack: Any) -> None:
    writer = Writer(stack)
    writer.write(3)
    with writer.writing():
        drop_slot(stack.env["DATABASE_URL"])
    writer.write(3)
    assert writer.read_first_arrivals() == {key: list(range(1, writer.written + 1)) for key in KEYS}


def test_a_slot_that_is_dropped_while_nothing_reads_is_told_of_and_costs_no_event(stack: Any) -> None:
    writer = Writer(stack)
    until(lambda: told_of_slot(stack, "intact"), bool)
    before = told_of_slot(stack, "losses_total")
    stack.cli("stop", "outbox")
    try:
        writer.write(3)
        drop_slot(stack.env["DATABASE_URL"])
        writer.write(3)
        until(lambda: stack.cli("status"), lambda said: f"{SLOT} is missing" in said)
        until(lambda: told_of_slot(stack, "losses_total"), lambda now: now > before)
        with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True) as connection:
            connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [SLOT])
        writer.write(3)
    finally:
        stack.cli("start", "outbox")
    assert writer.read_first_arrivals() == {key: list(range(1, 10)) for key in KEYS}


def slot_of(stack: Stack) -> dict[str, Any]:
    """What ``status`` says of the slot."""
    found: dict[str, Any] = json.loads(stack.cli("status", "--json"))["slot"]
    return found


def said(stack: Stack, event: str) -> list[dict[str, Any]]:
    """The backend's log lines of this kind."""
    lines = (stack.home / "logs" / "backend.log").read_text().splitlines()
    return [line for text in lines if text.startswith("{") and (line := json.loads(text))["event"] == event]


def fill_segments(url: str, number: int) -> None:
    """Use up so many segments of the WAL, 16 MiB each, and have PostgreSQL see what it may remove."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(number):
            connection.execute("SELECT pg_logical_emit_message(false, 'test', 'full'), pg_switch_wal()")
        connection.execute("CHECKPOINT")


@pytest.mark.parametrize("how", [("stop", "outbox", "start"), ("pause", "connect", "resume")], ids=lambda how: how[0])
def test_wal_that_is_kept_is_an_alarm_well_before_the_slot_is_lost_and_then_it_is_healed(
    own_stack: Stack, how: tuple[str, str, str]
) -> None:
    stack = Stack(own_stack.home, {"CANVAS_DEMO_SLOT_WAL_LIMIT": f"{LIMIT // 1024**2}MB"})
    stack.cli("up", "--detach")
    writer, url = Writer(stack), stack.env["DATABASE_URL"]
    writer.write(3)
    assert (slot_of(stack)["limit"], slot_of(stack)["alarming"]) == (LIMIT, False)
    before = told_of_slot(stack, "losses_total")
    stop, name, start = how
    stack.cli(stop, name)
    try:
        writer.write(3)
        fill_segments(url, 3)
        alarming = slot_of(stack)
        assert alarming["alarming"]
        assert alarming["wal_status"] not in ("lost", "missing")
        assert LIMIT / 4 < alarming["retained"] < LIMIT
        until(lambda: told_of_slot(stack, "lag_bytes"), lambda lag: 2 * SEGMENT < lag <= alarming["retained"] + SEGMENT)
        assert "ALARM" in stack.cli("status")
        until(lambda: said(stack, "slot keeps much WAL"), lambda lines: len(lines) == 1)
        assert told_of_slot(stack, "losses_total") == before
        fill_segments(url, LIMIT // SEGMENT)
        until(lambda: told_of_slot(stack, "losses_total"), lambda now: now == before + 1)
        assert [line["wal_status"] for line in said(stack, "slot lost")] == ["lost"]
        until(lambda: stack.cli("status"), lambda text: f"{SLOT} is missing" in text)
        writer.write(3)
    finally:
        stack.cli(start, name)
    assert writer.read_first_arrivals() == {key: list(range(1, 10)) for key in KEYS}
    until(lambda: slot_of(stack), lambda slot: slot["active"] and not slot["alarming"])
    until(lambda: said(stack, "slot is back"), lambda lines: len(lines) == 1)
    until(lambda: told_of_slot(stack, "lag_bytes"), lambda lag: lag < SEGMENT)
