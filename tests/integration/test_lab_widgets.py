"""What the widgets hold of the running stack; how they look is for tests/browser."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pandas as pd
import pytest

import canvas_demo.lab as labs
from canvas_demo.lab.api import Person
from canvas_demo.lab.sockets import Socket

until = partial(labs.until, timeout=90)
"""Long enough for a machine that does much else."""


@pytest.fixture
def person(lab: labs.Lab) -> Person:
    return lab.person("Ada")


@pytest.fixture
def canvas(person: Person) -> str:
    return str(person.create_canvas("Greenhouse")["id"])


@pytest.fixture
def sockets(lab: labs.Lab, person: Person, canvas: str) -> list[Socket]:
    opened = [lab.websocket(person, f"client {host}", host=host) for host in range(2)]
    for socket in opened:
        socket.subscribe(f"canvas/{canvas}")
    return opened


def test_one_event_is_in_every_table_and_rows_that_come_while_paused_wait(
    lab: labs.Lab, person: Person, canvas: str, sockets: list[Socket]
) -> None:
    outbox, topic = lab.views.outbox(), lab.views.topic("canvas-demo.canvas")
    frames, delivery = lab.views.frames(*sockets), lab.views.delivery(sockets)
    outbox.filter_key = topic.filter_key = canvas
    outbox.pause()
    person.rename_canvas(canvas, "Glasshouse")
    until(lambda: outbox.waiting == 1, "the row waits")
    outbox.go_on()
    assert outbox.waiting == 0
    event_id = outbox.frame["event_id"].iloc[0]
    until(lambda: event_id in set(topic.frame["event_id"]), "the record is shown")
    until(lambda: list(frames.frame["event_id"]).count(event_id) == 2, "both frames are shown")
    got = delivery.frame[delivery.frame["event_id"] == event_id]
    assert list(got["count"]) == [1, 1]
    assert set(got["host"]) == {socket.host for socket in sockets}
    lab.select(event_id)
    assert {view.selection.event_id for view in (outbox, topic, frames, delivery)} == {event_id}


SLOW = """
CREATE FUNCTION canvases.slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock_shared({lock}); RETURN NULL; END $$;
CREATE TRIGGER slow AFTER INSERT ON canvases.outbox
FOR EACH ROW WHEN (NEW.aggregate_id = '{canvas}') EXECUTE FUNCTION canvases.slow()
"""
WAITING = "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted"


def test_a_row_that_commits_after_one_with_a_higher_position_is_in_the_table_too(
    lab: labs.Lab, person: Person, canvas: str
) -> None:
    outbox, other = lab.views.outbox(), person.create_canvas("Quick")["id"]
    lock = secrets.randbelow(2**31)
    lab.sql(SLOW.format(canvas=canvas, lock=lock))
    try:
        with ThreadPoolExecutor(1) as pool:
            with lab.transaction() as held:
                held.sql("SELECT pg_advisory_xact_lock(%s)", [lock])
                slow = pool.submit(person.rename_canvas, canvas, "Slow")
                until(lambda: lab.sql(WAITING, [lock]), "its row is written, and not committed")
                quick = person.rename_canvas(other, "Quicker")
                until(lambda: "CanvasRenamed" in set(of(outbox.frame, other)["type"]), "the quicker one is shown")
                assert not slow.done()
            slow.result()
    finally:
        lab.sql("DROP FUNCTION canvases.slow() CASCADE")
    until(lambda: "CanvasRenamed" in set(of(outbox.frame, canvas)["type"]), "the slow one is shown")
    positions = [int(of(outbox.frame, each)["position"].iloc[-1]) for each in (canvas, other)]
    assert positions[0] < positions[1], quick
    assert outbox.frame["event_id"].is_unique


def of(frame: pd.DataFrame, aggregate_id: str) -> pd.DataFrame:
    return frame[frame["filter_key"] == aggregate_id]


def test_a_filter_by_header_says_in_words_what_the_view_shows(lab: labs.Lab, person: Person, canvas: str) -> None:
    topic = lab.views.topic("canvas-demo.canvas")
    person.rename_canvas(canvas, "Glasshouse")
    topic.filter_key = canvas
    until(lambda: len(topic.frame) == 1, "the record is shown")
    topic.filter_header = "ce_type=Renamed"
    assert len(topic.frame) == 1
    topic.filter_header = "ce_type=Created"
    assert topic.frame.empty


def test_debeziums_envelopes_are_shown_with_the_log_position_as_postgresql_writes_it(
    lab: labs.Lab, person: Person, canvas: str
) -> None:
    table = lab.views.cdc(lab.raw_cdc())
    table.filter_key = canvas
    person.rename_canvas(canvas, "Glasshouse")
    shown = until(lambda: table.frame, "the envelope is shown")
    assert shown["table"].iloc[0] == "canvases.outbox"
    assert lab.sql("SELECT %s::pg_lsn <= pg_current_wal_lsn() AS past", [shown["lsn"].iloc[0]])["past"].all()


def test_lanes_show_a_group_of_ones_own_where_it_stands(lab: labs.Lab) -> None:
    topic = lab.topic(partitions=2)
    for number in range(3):
        topic.produce("garden", {"number": number})
    group = lab.group(topic.name)
    group.join("first")
    until(lambda: group.positions["lag"].sum() == 0, "all is handled")
    lanes = lab.views.lanes(topic, group.id)
    assert lanes.frame["committed"].max() == 3
    assert sorted(len(lane["records"]) for lane in lanes.lanes) == [0, 3]


def test_time_is_travelled_to_a_state_that_was(lab: labs.Lab, person: Person, canvas: str) -> None:
    person.rename_canvas(canvas, "Glasshouse")
    travel = lab.views.travel(lab.stream(person, canvas))
    assert travel.go(1)["name"] == "Greenhouse"
    assert travel.version == 1
    with pytest.raises(KeyError):
        travel.go(3)


def test_the_map_counts_what_moved_since_it_looked_last(lab: labs.Lab, person: Person, canvas: str) -> None:
    system = lab.map()
    person.rename_canvas(canvas, "Glasshouse")
    moved: dict[str, int] = {}

    def both() -> bool:
        system.refresh()
        for flow in system.flows:
            moved[flow["way"]] = moved.get(flow["way"], 0) + flow["count"]
        return all(moved.get(way) for way in ("grpc", "commits", "wal", "records"))

    until(both, "the event is seen to move")


def test_a_switch_orders_what_its_button_says(lab: labs.Lab) -> None:
    with lab.faults.alone():
        switches = lab.views.switches()
        switches._asked(None, {"order": "pause", "name": "websockets-2"}, None)
        until(lambda: switches.said == "websockets-2 is paused", "it is paused")
        switches.look()
        part = next(part for part in switches.parts if part["component"] == "websockets-2")
        assert part["orders"] == ["resume", "kill"]
        switches.order("resume", "nothing")
        assert "there is no component" in switches.said


def test_a_slot_is_drawn_with_what_it_retains(lab: labs.Lab) -> None:
    gauge = lab.views.slot()
    until(lambda: len(gauge.points) >= 3, "three points")
    assert [point["retained"] for point in gauge.points[:3]] == list(gauge.frame["retained_bytes"][:3])


def test_a_saved_widget_says_in_words_what_it_was(lab: labs.Lab) -> None:
    bundle, _ = lab.views.outbox()._repr_mimebundle_()
    assert bundle["text/plain"].startswith("Outbox rows: a live table of committed")
    assert "application/vnd.jupyter.widget-view+json" in bundle
