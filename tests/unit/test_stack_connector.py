"""The one connector's configuration, and how it gets to Kafka Connect."""

import re
from typing import Any

import pytest

from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.serve import WEBSOCKET_FRAME
from canvas_demo.stack import connector, java
from canvas_demo.stack.component import Layout
from canvas_demo.stack.connector import TaskStatus
from canvas_demo.stack.declaration import declare
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.web import Reply

HEADERS = {
    "ce_specversion",
    "ce_id",
    "ce_type",
    "ce_source",
    "ce_subject",
    "ce_time",
    "ce_organizationid",
    "ce_aggregateversion",
    "ce_schemaversion",
    "ce_correlationid",
    "ce_causationid",
    "traceparent",
}


class Connect:
    """Kafka Connect's REST, as far as a connector is placed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, present: dict[str, str] | None = None) -> None:
        self.config = present
        self.put_status = 201
        self.calls: list[str] = []
        monkeypatch.setattr(connector, "call", self.call)

    def call(self, method: str, url: str, body: Any = None) -> Reply:
        self.calls.append(method)
        if method == "GET":
            return Reply(200, self.config) if self.config else Reply(404, {"message": "no such connector"})
        if self.put_status >= 400:
            return Reply(self.put_status, {"message": "it says why"})
        self.config = {**body, "name": "outbox"}
        return Reply(self.put_status, self.config)


def test_every_header_of_the_contract_comes_from_a_column() -> None:
    placement = connector.read_config("outbox")["transforms.outbox.table.fields.additional.placement"]
    assert {part.split(":")[2] for part in placement.split(",")} == HEADERS


def test_its_secrets_and_addresses_are_of_the_workers_environment() -> None:
    config = connector.read_config("outbox")
    given = next(c for c in declare(Settings(secret="s"), Layout()) if c.name == "connect").environment
    references = [value for value in config.values() if value.startswith("${env:")]
    assert len(references) == 5
    assert {value[6:-1] for value in references} == set(given)


def test_what_is_under_way_fits_the_heap_whatever_the_size_of_an_event() -> None:
    """An event holds a text of 64 KiB at most, sealed and in base64.

    What the producer holds is in memory about four times: as row, as change, as record and as bytes.
    """
    config = connector.read_config("outbox")
    heap = re.search(r"-Xmx(\d+)m", " ".join(java.OPTIONS["connect"]))
    assert heap
    half = int(heap[1]) * 1024 * 1024 / 2
    records = int(config["max.queue.size"]) + int(config["snapshot.fetch.size"])
    assert records * WEBSOCKET_FRAME * 4 / 3 + 4 * int(config["producer.override.buffer.memory"]) < half


def test_it_makes_no_publication_and_reads_each_outbox_in_its_order_where_the_slot_has_a_gap() -> None:
    config = connector.read_config("outbox")
    assert config["publication.autocreate.mode"] == "disabled"
    assert config["snapshot.mode"] == "when_needed"
    tables = config["snapshot.select.statement.overrides"].split(",")
    assert set(tables) == {f"{module}.outbox" for module in MODULES}
    for table in tables:
        query = config[f"snapshot.select.statement.overrides.{table}"]
        assert query == f"SELECT * FROM {table} ORDER BY position"


def test_it_is_put_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = Connect(monkeypatch)
    assert connector.place(Settings(), "outbox")
    assert connect.config == {**connector.read_config("outbox"), "name": "outbox"}


def test_it_is_left_alone_where_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = Connect(monkeypatch, {**connector.read_config("outbox"), "name": "outbox"})
    assert not connector.place(Settings(), "outbox")
    assert connect.calls == ["GET"]


def test_how_often_debezium_looks_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = Connect(monkeypatch)
    assert connector.place(Settings(debezium_poll=10), "outbox")
    assert connect.config["poll.interval.ms"] == "10"


def test_another_configuration_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = Connect(monkeypatch, {"name": "outbox", "poll.interval.ms": "500"})
    assert connector.place(Settings(), "outbox")
    assert connect.calls == ["GET", "PUT"]


def test_a_refusal_says_what_connect_said(monkeypatch: pytest.MonkeyPatch) -> None:
    Connect(monkeypatch).put_status = 400
    with pytest.raises(StackError, match="it says why"):
        connector.place(Settings(), "outbox")


def test_a_worker_that_rebalances_is_to_be_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    Connect(monkeypatch).put_status = 409
    with pytest.raises(ConnectionError):
        connector.place(Settings(), "outbox")


@pytest.mark.parametrize(
    ("body", "runs", "failed"),
    [
        ({"connector": {"state": "RUNNING"}, "tasks": [{"state": "RUNNING"}]}, True, False),
        ({"connector": {"state": "RUNNING"}, "tasks": [{"state": "FAILED", "trace": "E: why\n at"}]}, False, True),
        ({"connector": {"state": "RUNNING"}, "tasks": []}, False, False),
        ({"error_code": 404, "message": "No status found"}, False, False),
    ],
)
def test_it_runs_when_its_task_does(
    monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], *, runs: bool, failed: bool
) -> None:
    monkeypatch.setattr(connector, "call", lambda method, url: Reply(200, body))
    status = connector.status(Settings(), "outbox")
    assert (status.runs, status.failed) == (runs, failed)
    assert ("E: why" in str(status)) == failed


def test_placing_has_a_connector_go_on_that_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    Connect(monkeypatch)
    ordered: list[str] = []

    def status(*_: Any) -> TaskStatus:
        return TaskStatus("RUNNING", "RUNNING", "") if ordered else TaskStatus("STOPPED", "MISSING", "")

    monkeypatch.setattr(connector, "status", status)
    monkeypatch.setattr(connector, "order", lambda _settings, _name, what: ordered.append(what))
    monkeypatch.setattr(connector, "slot_reader", lambda *_: 1)
    monkeypatch.setattr(connector, "POLL_SECONDS", 0)
    assert connector.place_and_wait(Settings(), "outbox", 10).runs
    assert ordered == ["resume"]
