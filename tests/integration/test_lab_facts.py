"""What the lab tells of the running stack, and breaks in it."""

from functools import partial
from typing import Any

import pytest

import canvas_demo.lab as labs
from canvas_demo.lab.grpc import CallRefused

until = partial(labs.until, timeout=90)
"""Long enough for a machine that does much else."""


def test_an_organization_is_fresh_and_its_people_are_signed_in(lab: labs.Lab) -> None:
    ada, grace = organization = lab.organization("Ada", "Grace")
    assert ada.organization_id == grace.organization_id == organization.id
    assert grace.me()["username"] == grace.username
    assert lab.person().organization_id != organization.id


def test_every_process_is_told_of_with_its_memory(lab: labs.Lab) -> None:
    processes = lab.processes().set_index("component")
    assert {"postgres", "kafka", "connect"} <= set(processes.index)
    assert (processes["memory_mib"] > 1).all()


def test_the_lines_that_a_component_wrote_are_shown_as_lines(lab: labs.Lab) -> None:
    assert "\n" in repr(lab.logs("kafka", 5))
    with pytest.raises(FileNotFoundError):
        lab.logs("nobody")


def test_hosts_and_connections_say_where_a_websocket_lives(lab: labs.Lab) -> None:
    person = lab.person()
    socket = lab.websocket(person)
    rows = until(lambda: lab.connections(person), "the connection has a row")
    assert list(rows["host"]) == [socket.host]
    hosts = lab.hosts().set_index("host")
    assert hosts.loc[socket.host, "alive"]
    assert hosts.loc[socket.host, "connections"] >= 1


def test_a_call_is_made_in_somebodys_name_and_refused_to_others(lab: labs.Lab) -> None:
    person, stranger = lab.person(), lab.person()
    canvas = person.create_canvas("Beans")
    request = {"canvas_id": canvas["id"]}
    assert lab.grpc.call("canvases", "GetCanvas", request, person.token)["name"] == "Beans"
    with pytest.raises(CallRefused, match="NOT_FOUND"):
        lab.grpc.call("canvases", "GetCanvas", request, stranger.token)
    with pytest.raises(CallRefused, match="UNAUTHENTICATED"):
        lab.grpc.call("canvases", "GetCanvas", request)
    with pytest.raises(CallRefused) as refused:
        lab.grpc.call("canvases", "GetCanvas", request, person.token, timeout=-1.0)
    assert refused.value.code == "DEADLINE_EXCEEDED"


def test_the_fields_of_a_message_are_known_by_reflection(lab: labs.Lab) -> None:
    fields = lab.grpc.fields("GetCanvasRequest").set_index("field")
    assert fields.loc["canvas_id", "type"] == "string"


def test_keys_are_rotated_and_destroyed_in_somebodys_name(lab: labs.Lab) -> None:
    person = lab.person()
    until(lambda: lab.keys.list(person), "the organisation has its first key")
    lab.keys.rotate(person)
    assert list(lab.keys.list(person)["key_version"]) == [1, 2]
    assert not lab.keys.destroyed(person)
    lab.keys.destroy(person)
    assert lab.keys.destroyed(person)
    assert lab.keys.list(person).empty


def test_a_stream_is_folded_outside_as_the_module_folds_it(lab: labs.Lab) -> None:
    person = lab.person()
    canvas = person.create_canvas("Peas")
    person.rename_canvas(canvas["id"], "Beans")
    stream = lab.stream(person, canvas["id"])
    assert stream.version == 2
    assert [stream.at(version)["name"] for version in (1, 2)] == ["Peas", "Beans"]
    assert stream.fold(lambda count, _event: count + 1, 0) == 2
    assert stream.fold(lambda _state, event: event["event_type"], "", version=1) == "CanvasCreated"
    assert list(stream.versions()["event_type"]) == ["CanvasCreated", "CanvasRenamed"]


def test_the_newest_events_are_the_last_rows_of_all_outboxes(lab: labs.Lab) -> None:
    before = lab.counts()["canvases"]
    canvas = lab.person().create_canvas("Peas")
    assert canvas["id"] in set(lab.outbox(200)["aggregate_id"])
    assert lab.counts()["canvases"] > before


def test_what_was_told_prometheus_counts_the_calls_of_this_person(lab: labs.Lab) -> None:
    def calls() -> float:
        metrics = lab.metrics()
        return float(metrics.loc[metrics["metric"] == "canvas_demo_commands_total", "value"].sum())

    before = calls()
    lab.person().create_canvas("Peas")
    assert calls() > before


def test_what_is_parked_is_listed_as_a_table(lab: labs.Lab) -> None:
    assert list(lab.parked().columns[:3]) == ["name", "head", "consumer"]


def test_a_slot_is_watched_over_time(lab: labs.Lab) -> None:
    history = lab.slot_history(every=0.05)
    lab.person().create_canvas("Peas")
    until(lambda: len(history.frame) >= 3, "three looks")
    assert (history.frame["retained_bytes"] >= 0).all()
    assert history.frame["at"].is_monotonic_increasing
    with pytest.raises(LookupError):
        lab.slot_history("no_such_slot")


def test_a_load_reaches_kafka_and_the_frames_and_is_measured(lab: labs.Lab) -> None:
    load = lab.load(rate=20, seconds=1, canvases=4)
    report = load.report()["count"]
    assert report["commands accepted"] == 20
    assert not report.drop("commands accepted").any()
    assert (load.latency().loc["p50"] > 0).all()


def test_a_setting_of_the_connector_is_changed_for_a_block_and_then_as_before(lab: labs.Lab) -> None:
    before = lab.connect_rest.config("outbox")
    with lab.connector_settings(poll__interval__ms="50") as config:
        assert config["poll.interval.ms"] == "50"
        assert lab.load(rate=10, seconds=0.5).report().loc["events not in Kafka", "count"] == 0
    assert lab.connect_rest.config("outbox") == before


def test_a_component_that_was_broken_is_mended_when_the_lab_closes(stack: Any) -> None:
    with labs.connect(stack.home) as lab:
        assert lab.faults.pause("websockets-2") == "paused"
        assert "websockets-2 is paused" in repr(lab.faults)
        frozen = lab.processes().set_index("component")
        assert frozen.loc["websockets-2", "os_state"] == "stopped"
    with labs.connect(stack.home) as lab:
        assert lab.faults.wait("websockets-2") == "running"
        restarts = lab.faults.components().set_index("component").loc["websockets-2", "restarts"]
        lab.faults.kill("websockets-2")
        assert lab.faults.wait_for_restart("websockets-2", restarts) == "running"


def test_a_load_loses_nothing_while_a_component_dies(lab: labs.Lab) -> None:
    with lab.faults.alone(), lab.loading(rate=20, canvases=4) as load:
        until(lambda: len(load.commands) > 10, "the load runs")
        restarts = lab.faults.components().set_index("component").loc["connect", "restarts"]
        lab.faults.kill("connect")
        lab.faults.wait_for_restart("connect", restarts)
        lab.faults.wait("outbox")
    report = load.settle().report()["count"]
    lost = [what for what in report.index if what.startswith(("accepted,", "events not", "events twice"))]
    assert not report[lost].any(), report
