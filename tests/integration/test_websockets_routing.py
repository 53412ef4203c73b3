"""What a module sends reaches the right sockets, each text encoded once a host, wherever the call comes in."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest

from canvas_demo.contracts.websockets.v1 import websockets_pb2 as pb
from canvas_demo.kernel.rpc import ask
from canvas_demo.modules.websockets import service
from tests.integration.test_websockets_hosts import a_name, send
from tests.integration.websocket_clients import Person, Socket, opened
from tests.integration.websocket_hosts import RunningHost, free_port, hosts, person


@pytest.fixture
async def two(stack: Any) -> AsyncIterator[list[RunningHost]]:
    async with hosts(stack, a_name(), a_name()) as both:
        yield both


async def send_to_users(host: RunningHost, *people: Person, text: str = "hello", **of: Any) -> pb.SendResponse:
    request = pb.SendRequest(user_ids=[each.user["id"] for each in people], text=text, **of)
    answer: pb.SendResponse = await ask(host.stub.Send(request))
    return answer


async def test_what_is_sent_to_a_person_reaches_all_of_their_connections_from_any_host_and_nobody_else(
    two: list[RunningHost],
) -> None:
    ada, eve = person(), person()
    async with AsyncExitStack() as open_:
        mine = [await open_.enter_async_context(opened(host.url, ada)) for host in (*two, *two)]
        other = await open_.enter_async_context(opened(two[0].url, eve))
        for number, host in enumerate(two):
            assert not (await send_to_users(host, ada, text=f"text {number}")).gone
            assert [await each.text() for each in mine] == [f"text {number}"] * 4
        await send_to_users(two[1], eve, text="other")
        assert await other.text() == "other"


async def test_a_connection_that_is_named_twice_is_sent_a_text_once(two: list[RunningHost]) -> None:
    ada = person()
    async with opened(two[0].url, ada) as here, opened(two[1].url, ada) as there:
        ids = [here.id, there.id, here.id, there.id]
        for host in two:
            request = pb.SendRequest(connection_ids=ids, user_ids=[ada.user["id"]] * 2, text="once")
            await ask(host.stub.Send(request))
        await send_to_users(two[0], ada, text="last")
        for socket in (here, there):
            assert [await socket.text() for _ in range(3)] == ["once", "once", "last"]


async def test_a_person_without_connections_is_sent_nothing(two: list[RunningHost]) -> None:
    answer = await send_to_users(two[0], person())
    assert (list(answer.gone), list(answer.already)) == ([], [])


async def test_one_call_a_host_and_one_frame_encoded_on_each_however_many_sockets(
    stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: Counter[str] = Counter()
    encode, deliver = service.text_frame, service.WebSocketsService.Deliver

    def counting_encode(text: str) -> bytes:
        counted["encoded"] += 1
        return encode(text)

    async def counting_deliver(self: Any, request: pb.SendRequest, context: Any) -> pb.SendResponse:
        counted["calls"] += 1
        return await deliver(self, request, context)

    monkeypatch.setattr(service, "text_frame", counting_encode)
    monkeypatch.setattr(service.WebSocketsService, "Deliver", counting_deliver)
    async with hosts(stack, a_name(), a_name()) as two, AsyncExitStack() as open_:
        sockets = [await open_.enter_async_context(opened(host.url, person())) for host in two for _ in range(20)]
        await send(two[0], *sockets)
        assert [await each.text() for each in sockets] == ["hello"] * 40
    assert counted == {"encoded": 2, "calls": 1}


async def test_a_late_send_to_a_host_that_came_back_reaches_nobody(stack: Any) -> None:
    """The new life has the name and the address of the old one, and a socket of the same person."""
    ada, name, address = person(), a_name(), {"websockets": f"127.0.0.1:{free_port()}"}
    async with hosts(stack, a_name()) as (other,):
        async with hosts(stack, name, grpc_listen=address) as (first,), opened(first.url, ada) as before:
            await send(other, before)
            assert await before.text() == "hello"
        async with hosts(stack, name, grpc_listen=address) as (second,), opened(second.url, ada) as after:
            assert after.welcome["host"] == before.welcome["host"]
            late = pb.SendRequest(connection_ids=[before.id], text="late")
            for method in (other.stub.Send, second.stub.Send, second.stub.Deliver):
                assert list((await ask(method(late, wait_for_ready=True))).gone) == [before.id]
            await send(second, after, text="for whoever is here now")
            assert await after.text() == "for whoever is here now"


async def test_a_text_for_many_reaches_those_who_come_and_go_meanwhile_or_is_said_to_have_missed_them(
    two: list[RunningHost],
) -> None:
    """Connections open and close on both hosts while texts are sent: a text reaches its connection or nobody."""
    seen: dict[str, list[str]] = {}

    async def visit(host: RunningHost) -> None:
        async with opened(host.url, person()) as socket:
            seen[socket.id] = []
            request = pb.SendRequest(connection_ids=[*seen, str(uuid4())], text=socket.id)
            await ask(two[0].stub.Send(request))
            await receive_own(socket)

    async def receive_own(socket: Socket) -> None:
        while (text := await socket.text()) != socket.id:
            seen[socket.id].append(text)

    await asyncio.gather(*(visit(host) for host in (*two, *two) for _ in range(5)))
    assert all(text in seen for texts in seen.values() for text in texts)
