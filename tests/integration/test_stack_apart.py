"""The modules each in processes of their own, some in several, as callers see them.

Only with CANVAS_DEMO_TEST_SPLIT=1, on the stack that all tests share then.
"""

import json
from typing import Any
from uuid import uuid4

import grpc
import httpx
import psycopg
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from canvas_demo.contracts.canvases.v1 import canvases_pb2, canvases_pb2_grpc
from canvas_demo.contracts.keys.v1 import keys_pb2, keys_pb2_grpc
from tests.conftest import Stack
from tests.integration.api import Person, newcomer, until

pytestmark = pytest.mark.apart


@pytest.fixture
def ada(stack: Stack) -> Person:
    return newcomer(stack.env["WEB_URL"])


def instances(stack: Stack, module: str) -> list[str]:
    """The addresses of the module's processes."""
    return [part["address"] for name, part in stack.status().items() if name.partition("-")[0] == module]


def list_canvases(address: str, metadata: list[tuple[str, str]]) -> Any:
    with grpc.insecure_channel(address) as channel:
        return canvases_pb2_grpc.CanvasesStub(channel).ListCanvases(
            canvases_pb2.ListCanvasesRequest(), metadata=metadata, timeout=20
        )


def open_socket(stack: Stack, person: Person) -> ClientConnection:
    """A websocket through the web port."""
    return connect(
        stack.env["WEB_URL"].replace("http", "ws", 1) + "/ws",
        additional_headers={"authorization": f"Bearer {person.token}"},
    )


def receive(socket: ClientConnection) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(socket.recv(30))
    return frame


def test_each_module_has_a_process_of_its_own_and_two_have_two(stack: Stack) -> None:
    parts = {name: part for name, part in stack.status().items() if part["pid"]}
    assert {"keys", "identity", "canvases", "canvases-2", "files", "notifications", "notifications-2"} <= set(parts)
    assert len({part["pid"] for part in parts.values()}) == len(parts)


def test_each_instance_answers_a_person_and_no_stranger(stack: Stack, ada: Person) -> None:
    canvas_id = ada.new_canvas()
    addresses = instances(stack, "canvases")
    assert len(addresses) == 2
    for address in addresses:
        answer = list_canvases(address, [("authorization", f"Bearer {ada.token}")])
        assert [canvas.id for canvas in answer.canvases] == [canvas_id]
        with pytest.raises(grpc.RpcError) as refused:
            list_canvases(address, [])
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_what_is_for_modules_is_refused_to_a_person(stack: Stack, ada: Person) -> None:
    request = keys_pb2.GetDataKeyRequest(organization_id=ada.user["organization_id"])
    with grpc.insecure_channel(stack.env["GRPC_KEYS"]) as channel, pytest.raises(grpc.RpcError) as refused:
        keys_pb2_grpc.KeysStub(channel).GetDataKey(
            request, metadata=[("authorization", f"Bearer {ada.token}")], timeout=20
        )
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_callers_find_every_instance_and_go_past_one_that_is_gone(stack: Stack, ada: Person) -> None:
    """Each in turn is the only one there."""

    def created() -> int:
        return ada.call("POST", "/api/canvases", json={"name": "Plan"}).status_code

    for name in ("canvases", "canvases-2"):
        stack.cli("stop", name)
        try:
            until(created, lambda status: status == 201)
            assert [created() for _ in range(4)] == [201] * 4
        finally:
            stack.cli("start", name)


def test_each_event_is_handled_by_one_of_two_instances(stack: Stack, ada: Person) -> None:
    """Both are in one consumer group: each has partitions of its own, and together they handle all."""
    canvases = [ada.new_canvas(f"Plan {number}") for number in range(24)]

    def recorded() -> dict[str, int]:
        with psycopg.connect(stack.env["DATABASE_URL"]) as connection:
            rows = connection.execute(
                "SELECT subject, count(*) FROM notifications.feed WHERE subject = ANY(%s) GROUP BY subject",
                [[f"canvas/{canvas}" for canvas in canvases]],
            ).fetchall()
        return dict(rows)

    assert until(recorded, lambda seen: len(seen) == len(canvases)) == {f"canvas/{canvas}": 1 for canvas in canvases}


def test_health_names_the_module_that_is_gone(stack: Stack) -> None:
    def health() -> tuple[int, dict[str, Any]]:
        answer = httpx.get(f"{stack.env['WEB_URL']}/api/health", timeout=30)
        return answer.status_code, answer.json()

    assert health()[0] == 200
    stack.cli("stop", "files")
    try:
        _, body = until(health, lambda seen: seen[0] == 503)
        assert [name for name, state in body["modules"].items() if state != "SERVING"] == ["files"]
        assert stack.status()["files"]["state"] == "stopped"
    finally:
        stack.cli("start", "files")
    until(health, lambda seen: seen[0] == 200)


def test_the_web_port_passes_websockets_on_to_the_hosts_in_turn(stack: Stack, ada: Person) -> None:
    with open_socket(stack, ada) as one, open_socket(stack, ada) as other:
        assert {receive(one)["host"], receive(other)["host"]} == {"ws-1", "ws-2"}
        canvas_id = ada.new_canvas()
        for socket in (one, other):
            socket.send(json.dumps({"type": "subscribe", "subject": f"canvas/{canvas_id}"}))
            assert receive(socket)["type"] == "subscribed"
        ada.call("PATCH", f"/api/canvases/{canvas_id}", 200, json={"name": "Changed"})
        assert receive(one) == receive(other)


def test_the_web_port_tells_why_a_host_refused_and_why_it_closed(stack: Stack, ada: Person) -> None:
    url = stack.env["WEB_URL"].replace("http", "ws", 1) + "/ws"
    with pytest.raises(InvalidStatus) as stranger:
        connect(url, additional_headers={"authorization": "Bearer nobody"})
    assert stranger.value.response.status_code == 401
    evil = {"authorization": f"Bearer {ada.token}", "origin": "http://evil.example"}
    with pytest.raises(InvalidStatus) as foreign:
        connect(url, additional_headers=evil)
    assert foreign.value.response.status_code == 403
    assert "title" in json.loads(foreign.value.response.body)
    with open_socket(stack, ada) as socket:
        receive(socket)
        socket.send(b"no text")
        assert receive(socket)["code"] == "invalid_frame"
        socket.send("x" * 70_000)
        with pytest.raises(ConnectionClosed) as closed:
            receive(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


def test_a_host_that_died_is_passed_by_and_its_clients_told_to_come_back(stack: Stack, ada: Person) -> None:
    with open_socket(stack, ada) as one, open_socket(stack, ada) as other:
        hosts = {receive(socket)["host"]: socket for socket in (one, other)}
        stack.cli("stop", "websockets-2")
        try:
            with pytest.raises(ConnectionClosed) as closed:
                hosts["ws-2"].recv(30)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1012
            with open_socket(stack, ada) as third, open_socket(stack, ada) as fourth:
                assert {receive(third)["host"], receive(fourth)["host"]} == {"ws-1"}
            hosts["ws-1"].send(json.dumps({"type": "subscribe", "subject": f"canvas/{uuid4()}"}))
            assert receive(hosts["ws-1"])["code"] == "not_found"
        finally:
            stack.cli("start", "websockets-2")
