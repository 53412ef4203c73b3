"""What the lab breaks for a notebook: records that come twice, bugs, hosts that go away, outages."""

from functools import partial
from typing import Any

import pytest

import canvas_demo.lab as labs
from canvas_demo.lab.exercises.consumers import let_it_through

until = partial(labs.until, timeout=90)
"""Long enough for a machine that does much else."""


def test_a_record_is_repeated_in_its_partition_and_has_no_second_effect(lab: labs.Lab) -> None:
    person = lab.person()
    canvas = person.create_canvas("Beans")
    event = lab.events(aggregate_id=canvas["id"]).iloc[0]
    record = lab.kafka.record("canvas-demo.canvas", event["event_id"], since=event["occurred_at"])
    again = lab.repeat(record)
    assert (again.partition, again.key, again.headers, again.value) == (
        record.partition,
        record.key,
        dict(record.headers),
        record.value,
    )
    assert again.offset > record.offset
    person.rename_canvas(canvas["id"], "Peas")
    feed = "SELECT event_id::text FROM notifications.feed WHERE subject = %s ORDER BY cursor"
    until(lambda: len(lab.sql(feed, [f"canvas/{canvas['id']}"])) >= 2, "the rename is in the feed")
    assert list(lab.sql(feed, [f"canvas/{canvas['id']}"])["event_id"]).count(event["event_id"]) == 1


def test_an_exercise_that_nobody_has_solved_leaves_nothing_parked(lab: labs.Lab, stack: Any) -> None:
    with labs.connect(stack.home) as learner:
        question = repr(let_it_through(learner, learner.person())).split()
        (canvas_id,) = set(lab.parked()["key"]) & set(question)
    assert canvas_id not in set(lab.parked()["key"])


def test_events_of_a_canvas_with_a_bug_are_parked_and_handled_in_order_once_it_is_mended(lab: labs.Lab) -> None:
    person = lab.person()
    canvas, other = person.create_canvas("Nightshade"), person.create_canvas("Beans")
    socket = lab.websocket(person)
    for each in (canvas, other):
        socket.subscribe(f"canvas/{each['id']}")
    bug = lab.bug(canvas["id"])
    for name in ("one", "two"):
        person.rename_canvas(canvas["id"], name)
    passed = person.rename_canvas(other["id"], "three")
    socket.until(lambda frame: frame.message.get("event", {}).get("correlationid") == passed.correlation_id, timeout=90)

    def parked() -> Any:
        mine = lab.parked()
        mine = mine[mine["key"] == canvas["id"]]
        return mine if len(mine) == 2 and mine["due_at"].isna().iloc[0] else []

    heads = until(parked, "both renames are parked", every=0.5)
    bug.mend()
    assert lab.command("parked", "retry", heads["name"].iloc[0]).code == 0
    newest = lab.events(aggregate_id=canvas["id"])["event_id"].iloc[-1]
    socket.event(newest, timeout=90)
    events = [frame.message["event"]["data"] for frame in socket.received if frame.event_id]
    assert [data["name"] for data in events if data["canvas_id"] == canvas["id"]][-2:] == ["one", "two"]


def test_a_follower_leaves_a_frozen_host_and_misses_nothing(lab: labs.Lab) -> None:
    person = lab.person()
    canvas = person.create_canvas("Orchard")
    subject = f"canvas/{canvas['id']}"
    follower = lab.follower(person, subject, host=1)
    with lab.faults.alone():
        lab.faults.pause("websockets-2")
        for number in range(5):
            person.rename_canvas(canvas["id"], f"Orchard {number}")
        newest = lab.events(aggregate_id=canvas["id"])["event_id"].iloc[-1]
        until(lambda: newest in set(follower.frames["event_id"]), "the follower has the newest event")
    assert len(follower.hosts) > 1
    told = follower.told.iloc[0]
    assert (told["missing"], told["twice"], told["out_of_order"], told["told_gaps"]) == (0, 0, 0, 0)


def test_the_switches_of_a_closed_lab_take_no_orders(lab: labs.Lab, stack: Any) -> None:
    with labs.connect(stack.home) as closed:
        switches = closed.views.switches()
    switches.order("stop", "outbox")
    assert "this lab is closed" in switches.said
    assert lab.faults.state("outbox") == "running"


def test_clients_without_a_name_are_told_from_each_other(lab: labs.Lab) -> None:
    person = lab.person()
    assert len({lab.websocket(person).name for _ in range(3)}) == 3


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "killed at once"])
def test_an_outage_says_what_got_through_meanwhile_and_that_nothing_was_lost(lab: labs.Lab, *, frozen: bool) -> None:
    outage = lab.outage("websockets-2", rate=10, commands=10, reaching="subscribers", frozen=frozen)
    assert (outage.through > 0).all(), outage
    assert not outage.lost.any(), outage.report
