"""What the lab makes of its own in the database: scratch schemas, open transactions, the ways that lose events."""

from functools import partial
from typing import Any

import pytest

import canvas_demo.lab as labs

until = partial(labs.until, timeout=90)
"""Long enough for a machine that does much else."""


def test_what_an_open_transaction_wrote_is_seen_by_nobody_else_until_it_commits(lab: labs.Lab) -> None:
    scratch = lab.scratch()
    scratch.sql("CREATE TABLE thing (name text)")
    transaction = scratch.transaction()
    transaction.sql("INSERT INTO thing VALUES ('apple')")
    assert scratch.sql("SELECT * FROM thing").empty
    transaction.commit()
    assert list(scratch.sql("SELECT name FROM thing")["name"]) == ["apple"]
    with pytest.raises(RuntimeError, match="committed already"):
        transaction.roll_back()


def test_a_scratch_schema_is_gone_with_its_lab_even_while_a_transaction_is_open(stack: Any) -> None:
    with labs.connect(stack.home) as lab:
        scratch = lab.scratch()
        scratch.outbox()
        scratch.append(scratch.transaction())
        scratch.publication()
    with labs.connect(stack.home) as lab:
        gone = lab.sql("SELECT 1 FROM pg_namespace WHERE nspname = %s", [scratch.schema])
        published = lab.sql("SELECT 1 FROM pg_publication WHERE pubname LIKE %s", [f"{scratch.schema}%"])
    assert gone.empty
    assert published.empty


def test_a_polling_relay_loses_the_transaction_that_commits_late(lab: labs.Lab) -> None:
    scratch, topic = lab.scratch(), lab.topic()
    scratch.outbox()
    relay = lab.relay(scratch, topic)
    early, late = scratch.transaction(), scratch.transaction()
    lost = scratch.append(early, event_type="Lost")["event_id"].iloc[0]
    scratch.append(late, event_type="Seen")
    late.commit()
    assert list(relay.poll()["event_type"]) == ["Seen"]
    early.commit()
    assert relay.poll().empty
    assert list(relay.lost["event_id"]) == [str(lost)]
    assert len(topic.records) == 1


def test_a_connector_of_ones_own_loses_no_transaction_that_commits_late(lab: labs.Lab) -> None:
    scratch = lab.scratch()
    scratch.outbox()
    cdc = lab.cdc(scratch, **{"transforms.outbox.table.fields.additional.placement": "event_id:header:ce_id"})
    early, late = scratch.transaction(), scratch.transaction()
    wanted = {str(scratch.append(each)["event_id"].iloc[0]) for each in (early, late)}
    late.commit()
    early.commit()
    until(lambda: wanted <= {headers["ce_id"] for headers in cdc.records("order")["headers"]}, "both rows arrive")


def test_an_option_of_a_connector_can_be_changed_while_it_runs(lab: labs.Lab) -> None:
    scratch = lab.scratch()
    scratch.outbox()
    cdc = lab.cdc(scratch, transforms__outbox__table__fields__additional__placement="event_type:header:kind")
    scratch.append(event_type="First")
    until(lambda: len(cdc.records("order")) == 1, "the first row arrives")
    cdc.change(transforms__outbox__table__fields__additional__placement="event_type:header:sort")
    scratch.append(event_type="Second")
    until(lambda: len(cdc.records("order")) == 2, "the second row arrives")
    headers = {**cdc.records("order")["headers"].iloc[0], **cdc.records("order")["headers"].iloc[1]}
    assert (headers["kind"], headers["sort"]) == ("First", "Second")


@pytest.mark.parametrize(
    ("publish_first", "column"), [(False, "in_topic"), (True, "in_table")], ids=["commit first", "publish first"]
)
def test_a_dual_write_that_is_killed_in_between_leaves_one_half(
    lab: labs.Lab, *, publish_first: bool, column: str
) -> None:
    writer = lab.dual_writer(lab.scratch(), lab.topic())
    writer.run(3, stop_before=2, publish_first=publish_first)
    assert writer.kill() == -9
    writer.run(2, first=3, publish_first=publish_first)
    orders = writer.orders().set_index("order")
    assert list(orders.index) == [1, 2, 3, 4]
    assert list(orders.index[~orders[column]]) == [2]
    assert orders.drop(columns=column).all(axis=None)


def test_a_dual_write_that_goes_on_is_whole(lab: labs.Lab) -> None:
    writer = lab.dual_writer(lab.scratch(), lab.topic())
    writer.run(3, stop_before=2)
    writer.resume()
    assert writer.orders()[["in_table", "in_topic"]].all(axis=None)
    assert "0 without a row, 0 without a record" in repr(writer)
