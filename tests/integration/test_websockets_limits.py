"""What a client may not do: speak too often, go away unnoticed, or take nothing of what it asks for."""

import asyncio
import json
from typing import Any

import pytest

from canvas_demo.contracts.websockets.v1 import websockets_pb2 as pb
from canvas_demo.kernel.rpc import ask
from canvas_demo.modules.websockets import protocol
from tests.integration.test_websockets_hosts import a_name, closing, send
from tests.integration.websocket_clients import DEADLINE, Socket, opened
from tests.integration.websocket_frames import PING, PONG, TEXT, RawClient
from tests.integration.websocket_hosts import hosts, person


async def test_who_speaks_too_often_is_warned_and_who_goes_on_is_closed(stack: Any) -> None:
    async with (
        hosts(stack, a_name(), websocket_rate=0.001, websocket_burst=3) as (host,),
        opened(host.url, person()) as hasty,
        opened(host.url, person()) as other,
    ):
        await hasty.say(*["message"] * 6)
        await send(host, hasty)
        warnings = [json.loads(text)["code"] for text in await until_hello(hasty)]
        assert warnings == ["rate_limited"] * 3, "and the connection is as it was"
        await hasty.say("message")
        assert await closing(hasty) == (1008, "too many messages")
        await send(host, other)
        assert await other.text() == "hello"


async def until_hello(client: Socket) -> list[str]:
    """What came before the greeting, without the answers of the notifications module, which come in their own time."""
    texts = []
    while (text := await client.text()) != "hello":
        texts.append(text)
    return [text for text in texts if "invalid_message" not in text]


async def test_frames_that_are_no_text_count_too(stack: Any) -> None:
    async with (
        hosts(stack, a_name(), websocket_rate=0.001, websocket_burst=1) as (host,),
        opened(host.url, person()) as hasty,
    ):
        await hasty.say(b"\x00", b"\x00")
        assert [each["code"] for each in await hasty.frames(2)] == ["invalid_frame", "rate_limited"]


async def test_a_client_that_answers_no_ping_is_taken_for_gone(stack: Any) -> None:
    async with (
        hosts(stack, a_name(), websocket_ping=0.3) as (host,),
        opened(host.url, person()) as alive,
        RawClient.connected(host.url, person().token) as silent,
    ):
        assert (await silent.frame()).opcode == TEXT
        assert (await silent.frame()).opcode == PING
        assert await silent.closing() == 1011
        await send(host, alive)
        assert await alive.text() == "hello"


async def test_a_client_that_answers_pings_stays(stack: Any) -> None:
    async with (
        hosts(stack, a_name(), websocket_ping=2.0) as (host,),
        RawClient.connected(host.url, person().token) as client,
    ):
        assert (await client.frame()).opcode == TEXT
        for _ in range(3):
            ping = await client.frame()
            assert ping.opcode == PING
            await client.send(PONG, ping.payload)


async def test_who_sends_pings_and_reads_no_answer_is_cut_off(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answers would fill the memory of the host."""
    monkeypatch.setattr(protocol, "PONGS_WAITING", 1024)
    async with hosts(stack, a_name()) as (host,), RawClient.connected(host.url, person().token) as rude:
        rude.read_slowly()
        with pytest.raises((ConnectionError, TimeoutError)):
            await flood(rude)
        assert await rude.is_cut()


async def test_who_reads_slowly_may_ask_whether_the_host_is_there(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for it is not the answers to its pings."""
    waiting, pinged = [0], asyncio.Event()
    write_frame, handle_ping = protocol.WireProtocol.write_frame, protocol.WireProtocol.handle_ping

    def written(self: protocol.WireProtocol, frame: bytes) -> int:
        waiting.append(write_frame(self, frame))
        return waiting[-1]

    def handled(self: protocol.WireProtocol, event: Any) -> None:
        handle_ping(self, event)
        pinged.set()

    monkeypatch.setattr(protocol.WireProtocol, "write_frame", written)
    monkeypatch.setattr(protocol.WireProtocol, "handle_ping", handled)
    async with hosts(stack, a_name()) as (host,), RawClient.connected(host.url, person().token) as slow:
        connection_id = json.loads((await slow.frame()).payload)["connection_id"]
        while waiting[-1] < 2 * protocol.PONGS_WAITING:
            answer = await ask(host.stub.Send(pb.SendRequest(connection_ids=[connection_id], text="x" * 60_000)))
            assert not answer.gone
        await slow.send(PING, b"there?")
        await asyncio.wait_for(pinged.wait(), DEADLINE)
        while (frame := await slow.frame()).opcode == TEXT:
            pass
        assert (frame.opcode, frame.payload) == (PONG, b"there?")


async def flood(client: RawClient) -> None:
    async with asyncio.timeout(DEADLINE):
        while True:
            await client.send(PING, bytes(125), times=500)
