"""What the lab breaks for a notebook: records that come twice, bugs, hosts that go away, outages."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

import canvas_demo.lab as labs
from canvas_demo.lab.exercises.consumers import let_it_through
from canvas_demo.stack.unit import READY

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


KILLED = """
import os, signal, sys
import canvas_demo.lab as labs
lab = labs.connect()
lab.turn()
lab.scratch().publication()
lab.topic()
lab.raw_cdc()
person = lab.person()
lab.bug(person.create_canvas("Beans")["id"])
settings = lab.connector_settings(poll__interval__ms="77")
settings.__enter__()
lab.faults.freeze_unseen("websockets-2")
lab.faults.stop("kafka")
lab.faults.stop("backend")  # which then waits for kafka, whichever is mended first
print("all is broken", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def made_by_labs(lab: labs.Lab) -> list[str]:
    """Names of what only labs make."""
    queries = {
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'lab\\_%'",
        "SELECT pubname FROM pg_publication WHERE pubname LIKE 'lab\\_%'",
        "SELECT proname FROM pg_proc WHERE proname LIKE 'lab\\_bug%'",
        "SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'canvas\\_demo\\_lab%' AND NOT temporary",
    }
    names = [name for query in queries for name in lab.sql(query).iloc[:, 0]]
    names += [name for name in lab.connect_rest.connectors()["connector"] if "-lab-" in name]
    return sorted({*names, *(name for name in lab.kafka.topics()["topic"] if "-lab-" in name)})


def test_what_a_killed_lab_has_broken_and_made_is_mended_by_the_next(lab: labs.Lab, stack: Any) -> None:
    """As Jupyter kills a kernel that does not end: nothing of the process runs to its end."""
    before, config = made_by_labs(lab), lab.connect_rest.config("outbox")
    done = subprocess.run(
        [sys.executable, "-c", KILLED], env=stack.surroundings, capture_output=True, text=True, check=False
    )
    assert "all is broken" in done.stdout, done.stderr
    assert lab.faults.state("backend") == "stopped"
    with labs.connect(stack.home) as following:
        assert made_by_labs(following) == before
        assert following.connect_rest.config("outbox") == config
        assert set(following.status()["state"]) <= READY
        assert "stopped" not in set(following.processes()["os_state"])
        following.load(rate=5, seconds=1)


def test_a_lab_that_connects_waits_for_what_another_has_paused_in_its_turn(
    lab: labs.Lab, stack: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    breaking = """
import canvas_demo.lab as labs
with labs.connect() as lab:
    with lab.paused("websockets-2"):
        print("paused", flush=True)
        input()
"""
    command = [sys.executable, "-c", breaking]
    with subprocess.Popen(
        command, env=stack.surroundings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        assert any("paused" in line for line in other.stdout)
        with ThreadPoolExecutor(1) as pool:
            connecting = pool.submit(labs.connect, stack.home)
            told = []
            until(
                lambda: told.append(capsys.readouterr().out) or f"(process {other.pid})" in "".join(told), "it is said"
            )
            assert not connecting.done()
            other.communicate("\n")
            with connecting.result(60) as following:
                assert set(following.status()["state"]) <= READY


def test_what_waits_for_a_part_that_somebody_keeps_away_is_not_waited_for(lab: labs.Lab) -> None:
    with lab.faults.alone():
        lab.faults.stop("websockets-2")
        lab.faults.stop("kafka")
        assert lab.command("start", "websockets-2").text == "websockets-2: waiting for kafka"
        assert lab.faults.start("websockets-2") == "waiting"
    until(lambda: set(lab.status()["state"]) <= READY, "what was stopped is back, the one after the other")


def test_whoever_has_the_turn_next_mends_what_the_one_before_was_killed_with(lab: labs.Lab, stack: Any) -> None:
    broken = """
import os, signal
import canvas_demo.lab as labs
lab = labs.connect()
lab.turn()
lab.faults.pause("websockets-2")
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", broken], env=stack.surroundings, check=False)
    assert lab.faults.state("websockets-2") == "paused"
    with lab.faults.alone():
        assert lab.faults.state("websockets-2") == "running"


def test_a_lab_connects_to_what_somebody_keeps_stopped_and_says_how_to_end_it(
    lab: labs.Lab, stack: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.faults.stop("websockets-2")
    with labs.connect(stack.home) as following:
        assert "lab.faults.start('websockets-2')" in capsys.readouterr().out
        assert following.faults.state("websockets-2") == "stopped"
    assert lab.faults.mend() == ["websockets-2"]


def test_clients_without_a_name_are_told_from_each_other(lab: labs.Lab) -> None:
    person = lab.person()
    assert len({lab.websocket(person).name for _ in range(3)}) == 3


@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "killed at once"])
def test_an_outage_says_what_got_through_meanwhile_and_that_nothing_was_lost(lab: labs.Lab, *, frozen: bool) -> None:
    outage = lab.outage("websockets-2", rate=10, commands=10, reaching="subscribers", frozen=frozen)
    assert (outage.through > 0).all(), outage
    assert not outage.lost.any(), outage.report
