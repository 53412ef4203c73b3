"""The stack's one declaration."""

import json
import re

import pytest

from canvas_demo.kernel.rpc import DEADLINE
from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.serve import web_config
from canvas_demo.stack.component import Answers, Component, Layout
from canvas_demo.stack.declaration import declare
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.layout import layout_of

FULL = Layout(split=True, websocket_hosts=8, instances={module: 3 for module in MODULES if module != "websockets"})
LAYOUTS = [Layout(), Layout(websocket_hosts=3), Layout(split=True), Layout(split=True, websocket_hosts=3), FULL]


def declared(layout: Layout, settings: Settings | None = None) -> dict[str, Component]:
    return {component.name: component for component in declare(settings or Settings(secret="s"), layout)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_component_comes_after_what_it_needs(layout: Layout) -> None:
    names = list(declared(layout))
    for name, component in declared(layout).items():
        for need in component.needs:
            assert names.index(need) < names.index(name)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_two_components_share_a_port(layout: Layout) -> None:
    ports = [port for component in declared(layout).values() for port in component.ports.values()]
    assert len(ports) == len(set(ports))


def test_one_process_holds_the_backend() -> None:
    assert list(declared(Layout())) == ["postgres", "kafka", "migrations", "connect", "backend", "outbox"]


def test_split_gives_each_module_and_the_gateway_a_process() -> None:
    parts = declared(Layout(split=True))
    assert "backend" not in parts
    for name in (*MODULES, "gateway"):
        assert parts[name].modules == (name,)


def test_instances_of_a_module_have_their_own_ports_and_all_parts_know_them() -> None:
    settings = Settings(secret="s", port_grpc=4200)
    parts = declared(Layout(split=True, instances={"canvases": 2}), settings)
    addresses = [parts[name].address for name in ("canvases", "canvases-2")]
    assert addresses == ["127.0.0.1:4203", "127.0.0.1:4218"]
    assert [json.loads(parts[name].environment["CANVAS_DEMO_GRPC_LISTEN"]) for name in ("canvases", "canvases-2")] == [
        {"canvases": address} for address in addresses
    ]
    for name in (*MODULES, "gateway"):
        assert json.loads(parts[name].environment["CANVAS_DEMO_GRPC_ADDRESSES"]) == {"canvases": ",".join(addresses)}


@pytest.mark.parametrize("split", [False, True])
def test_any_websocket_host_may_be_asked_to_send(*, split: bool) -> None:
    parts = declared(Layout(split=split, websocket_hosts=2), Settings(secret="s", port_grpc=4200))
    for name in ("websockets", "notifications") if split else ("backend", "websockets-2"):
        told = json.loads(parts[name].environment["CANVAS_DEMO_GRPC_ADDRESSES"])
        assert told == {"websockets": "127.0.0.1:4205,127.0.0.1:4207"}


def test_split_off_the_gateway_knows_the_websocket_hosts() -> None:
    parts = declared(Layout(split=True, websocket_hosts=2), Settings(secret="s", port_websockets=4100))
    told = json.loads(parts["gateway"].environment["CANVAS_DEMO_WEBSOCKET_URLS"])
    assert told == ["ws://127.0.0.1:4100/ws", "ws://127.0.0.1:4101/ws"]
    assert "CANVAS_DEMO_WEBSOCKET_URLS" not in declared(Layout())["backend"].environment


@pytest.mark.parametrize(
    ("instances", "split", "said"),
    [
        (["canvases=2"], False, "add --split"),
        (["canvases"], True, "give a module and a number"),
        (["canvases=4"], True, "to canvases=3"),
        (["oracle=2"], True, "give a module"),
        (["websockets=2"], True, "--websocket-hosts"),
    ],
)
def test_instances_that_can_not_be_had_are_refused(instances: list[str], said: str, *, split: bool) -> None:
    with pytest.raises(StackError, match=said):
        layout_of("", instances, split=split, websocket_hosts=1)


def test_instances_are_as_many_as_asked_for() -> None:
    layout = layout_of("", ["canvases=2", "files=3"], split=True, websocket_hosts=2)
    assert layout == Layout(split=True, websocket_hosts=2, instances={"canvases": 2, "files": 3})


def test_further_websocket_hosts_have_their_own_name_and_ports_and_the_gateways_origins() -> None:
    settings = Settings(secret="s", port_web=4000, port_websockets=4100, port_grpc=4200)
    third = declared(Layout(websocket_hosts=3), settings)["websockets-3"]
    assert third.environment["CANVAS_DEMO_WEBSOCKET_HOST_NAME"] == "ws-3"
    assert third.environment["CANVAS_DEMO_PORT_WEB"] == "4101"
    assert json.loads(third.environment["CANVAS_DEMO_GRPC_LISTEN"]) == {"websockets": "127.0.0.1:4208"}
    assert "http://localhost:4000" in json.loads(third.environment["CANVAS_DEMO_WEB_ORIGINS"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_process_of_ours_tells_its_metrics_at_a_port_of_its_own(layout: Layout) -> None:
    parts = {name: part for name, part in declared(layout).items() if part.program == "serve"}
    assert len({part.metrics for part in parts.values()}) == len(parts)
    for name, part in parts.items():
        where = re.fullmatch(r"http://(127.0.0.1:(\d+))/metrics", part.metrics)
        assert where, f"{name}: {part.metrics}"
        assert int(where[2]) in part.ports.values()
        assert part.environment.get("CANVAS_DEMO_METRICS_LISTEN", part.address.removeprefix("http://")) == where[1]


def test_every_port_can_be_moved() -> None:
    moved = {name: 10_000 + 100 * at for at, name in enumerate(Settings.model_fields) if name.startswith("port_")}
    for layout in LAYOUTS:
        for component in declared(layout, Settings(secret="s", **moved)).values():
            for setting, port in component.ports.items():
                base, _, offset = setting.partition("+")
                assert port == moved[base] + int(offset or 0), f"{component.name} {setting}"


def test_a_child_is_told_all_that_the_home_remembers() -> None:
    settings = Settings(secret="s", master_key="k", port_kafka=5000)
    told = declared(Layout(), settings)["backend"].environment
    assert {"CANVAS_DEMO_SECRET": "s", "CANVAS_DEMO_MASTER_KEY": "k", "CANVAS_DEMO_PORT_KAFKA": "5000"}.items() <= dict(
        told
    ).items()


def test_the_database_can_feed_a_logical_slot_and_date_its_commits() -> None:
    config = declared(Layout())["postgres"].config
    assert config["wal_level"] == "logical"
    assert config["track_commit_timestamp"] == "on"


def test_readiness_of_the_backend_is_its_health() -> None:
    assert declared(Layout())["backend"].ready == Answers("http://127.0.0.1:3000/api/health")


def test_a_part_can_be_looked_at_alone() -> None:
    parts = declared(Layout(only=("postgres", "outbox")))
    assert list(parts) == ["postgres", "outbox"]
    assert parts["outbox"].needs == ()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_part_that_ends_may_finish_what_it_answers(layout: Layout) -> None:
    requests = web_config(Settings(), None).timeout_graceful_shutdown or 0
    for name, part in declared(layout).items():
        assert part.program != "serve" or part.stop_seconds >= requests + DEADLINE, name
