"""The lab's own reading of the write-ahead log."""

from typing import Any

import pytest

from canvas_demo.lab.api import Api
from canvas_demo.lab.checks import until
from canvas_demo.lab.database import Database
from canvas_demo.lab.wal import Wal


@pytest.fixture
def database(stack: Any) -> Database:
    return Database(stack.env["DATABASE_URL"])


def test_a_slot_sees_the_outbox_row_of_a_command_and_nothing_of_the_state_tables(
    stack: Any, database: Database
) -> None:
    person = Api(stack.env["WEB_URL"]).sign_up()
    with Wal(database) as wal:
        canvas = person.create_canvas("Seen in the log")
        inserts = wal.peek().query("kind == 'insert'")
    mine = [values for values in inserts["values"] if values["aggregate_id"] == canvas["id"]]
    assert [values["event_type"] for values in mine] == ["CanvasCreated"]
    assert mine[0]["source"] == "/canvas-demo/canvases"
    assert all(relation.endswith(".outbox") for relation in inserts["relation"])


def test_a_transaction_lies_between_its_begin_and_its_commit_and_one_rolled_back_is_not_there(
    database: Database,
) -> None:
    with Wal(database) as wal, database.connection() as connection:
        connection.execute("SELECT pg_logical_emit_message(true, 'kept', 'one')")
        connection.commit()
        connection.execute("SELECT pg_logical_emit_message(true, 'undone', 'two')")
        connection.rollback()
        said = wal.peek()
    messages = [values["prefix"] for values in said.query("kind == 'message'")["values"]]
    assert "kept" in messages
    assert "undone" not in messages
    at = next(at for at, values in enumerate(said["values"]) if values.get("prefix") == "kept")
    transaction = said[said["transaction_id"] == said["transaction_id"][at]]
    assert transaction["kind"].tolist() == ["begin", "message", "commit"]


def test_what_is_confirmed_is_not_said_again(stack: Any, database: Database) -> None:
    person = Api(stack.env["WEB_URL"]).sign_up()
    with Wal(database) as wal:
        canvas = person.create_canvas("Once")

        def mine(said: Any) -> int:
            return sum(values.get("aggregate_id") == canvas["id"] for values in said["values"])

        assert mine(wal.peek()) == mine(wal.peek()) == mine(wal.confirm()) == 1
        assert mine(wal.peek()) == 0


def test_a_slot_is_gone_with_its_session(database: Database) -> None:
    with Wal(database) as wal:
        slot = wal.slot
    query = "SELECT slot_name FROM pg_replication_slots WHERE slot_name = %s"
    until(lambda: database.frame(query, [slot]).empty, "the slot is gone")
