"""``/ws`` speaks RFC 6455; the families of cases are those of the Autobahn test suite.

The suite itself was run against each implementation (docs/decisions/websocket-implementation.md);
these cases run against the endpoint as it is, with all that stands around it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from tests.integration.websocket_clients import Person, someone
from tests.integration.websocket_frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, RawClient, encoded


@pytest.fixture(scope="module")
def person(stack: Any) -> Person:
    return asyncio.run(someone(stack.env["WEB_URL"]))


@pytest.fixture(scope="module")
def url(stack: Any) -> str:
    return str(stack.env["WS_URLS"][-1])


@pytest.fixture
async def client(url: str, person: Person) -> AsyncIterator[RawClient]:
    async with RawClient.connected(url, person.token) as client:
        welcome = await client.frame()
        assert (welcome.first_byte, json.loads(welcome.payload)["type"]) == (0x81, "welcome")
        yield client


async def answer(client: RawClient) -> dict[str, Any]:
    """The next frame: a text, whole."""
    frame = await client.frame()
    assert frame.first_byte == 0x81, frame
    told: dict[str, Any] = json.loads(frame.payload)
    return told


async def is_alive(client: RawClient) -> None:
    """The connection goes on: what comes next is the answer to a ping."""
    await client.send(PING, b"alive?")
    frame = await client.frame()
    assert (frame.opcode, frame.payload) == (PONG, b"alive?"), frame


async def fails(client: RawClient, *codes: int) -> None:
    """The server ends the connection, and says why."""
    assert await client.closing() in codes
    assert await client.ended()


def subscribe(thing: str) -> bytes:
    """A message whose answer names the thing."""
    return json.dumps({"type": "subscribe", "subject": thing}, ensure_ascii=False).encode()


# --- 1: framing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536])
async def test_frames_of_each_length_are_read_and_answered(client: RawClient, size: int) -> None:
    await client.send(BINARY, bytes(size))
    assert (await answer(client))["code"] == "invalid_frame"
    await client.send(TEXT, b"*" * size)
    assert (await answer(client))["code"] == "invalid_message"
    await is_alive(client)


async def test_frames_that_come_byte_by_byte_and_many_at_once_are_the_same(client: RawClient) -> None:
    for byte in encoded(PING, b"slow"):
        await client.send_bytes(bytes((byte,)))
    assert (await client.frame()).payload == b"slow"
    await client.send_bytes(b"".join(encoded(PING, str(number).encode()) for number in range(10)))
    assert [(await client.frame()).payload for _ in range(10)] == [str(number).encode() for number in range(10)]


async def test_a_frame_that_is_not_masked_is_a_protocol_error(client: RawClient) -> None:
    await client.send_bytes(encoded(TEXT, b"{}", masked=False))
    await fails(client, 1002)


@pytest.mark.parametrize("head", [b"\x81\xfe\x00\x01", b"\x81\xff" + bytes(7) + b"\x01"])
async def test_a_length_that_is_not_written_in_as_few_bytes_as_it_can_be_is_a_protocol_error(
    client: RawClient, head: bytes
) -> None:
    await client.send_bytes(head + bytes(4) + b"x")
    await fails(client, 1002)


async def test_a_message_over_64_kib_is_too_big_in_one_frame_or_in_many(url: str, person: Person) -> None:
    for frames in (
        [encoded(TEXT, bytes(65_537))],
        [encoded(TEXT, b"x" * 40_000, fin=False)] * 1 + [encoded(0, b"x" * 40_000)],
    ):
        async with RawClient.connected(url, person.token) as client:
            for frame in frames:
                await client.send_bytes(frame)
            assert await client.closing() == 1009


# --- 2: pings and pongs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [b"", b"hello", bytes(range(125))])
async def test_a_ping_is_answered_with_what_it_holds(client: RawClient, payload: bytes) -> None:
    await client.send(PING, payload)
    frame = await client.frame()
    assert (frame.first_byte, frame.payload) == (0x80 | PONG, payload)


async def test_a_pong_that_nobody_asked_for_is_passed_over(client: RawClient) -> None:
    await client.send(PONG)
    await client.send(PONG, b"unsolicited")
    await is_alive(client)


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a_control_frame_of_more_than_125_bytes_is_a_protocol_error(client: RawClient, opcode: int) -> None:
    await client.send(opcode, b"\x03\xe8" + b"x" * 124)
    await fails(client, 1002)


# --- 3 and 4: reserved bits and opcodes --------------------------------------------------------------------


@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, CLOSE])
async def test_a_reserved_bit_that_was_not_negotiated_is_a_protocol_error(
    client: RawClient, opcode: int, reserved: int
) -> None:
    await client.send_bytes(encoded(opcode, b"\x03\xe8", reserved=reserved))
    await fails(client, 1002)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"x"])
async def test_a_reserved_opcode_is_a_protocol_error(client: RawClient, opcode: int, payload: bytes) -> None:
    await client.send(opcode, payload)
    await fails(client, 1002)


# --- 5: fragments ------------------------------------------------------------------------------------------


def fragments(data: bytes, sizes: Sequence[int], opcode: int = TEXT) -> list[bytes]:
    """Frames of ``sizes`` bytes each, and one with the rest."""
    frames = []
    for size in sizes:
        frames.append(encoded(opcode, data[:size], fin=False))
        data, opcode = data[size:], CONTINUATION
    return [*frames, encoded(opcode, data)]


@pytest.mark.parametrize("sizes", [[5], [0], [0, 0], [1] * 20, [30]])
async def test_fragments_are_one_message(client: RawClient, sizes: list[int]) -> None:
    await client.send_bytes(b"".join(fragments(subscribe("thing/é😀"), sizes)))
    assert "thing/é😀" in (await answer(client))["message"]


async def test_control_frames_between_fragments_are_answered_at_once(client: RawClient) -> None:
    first, *rest = fragments(subscribe("thing/1"), [3, 3])
    await client.send_bytes(first)
    await is_alive(client)
    for frame in rest:
        await client.send_bytes(encoded(PING, b"between") + frame)
        assert (await client.frame()).payload == b"between"
    assert "thing/1" in (await answer(client))["message"]


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
async def test_a_control_frame_in_fragments_is_a_protocol_error(client: RawClient, opcode: int) -> None:
    await client.send(opcode, b"", fin=False)
    await fails(client, 1002)


@pytest.mark.parametrize("fin", [True, False])
async def test_a_fragment_of_nothing_is_a_protocol_error(client: RawClient, *, fin: bool) -> None:
    await client.send(CONTINUATION, b"x", fin=fin)
    await fails(client, 1002)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_message_within_another_s_fragments_is_a_protocol_error(client: RawClient, opcode: int) -> None:
    await client.send(TEXT, b"x", fin=False)
    await client.send(opcode, b"y")
    await fails(client, 1002)


# --- 6: UTF-8 ----------------------------------------------------------------------------------------------

VALID = [
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
    "\x7f\x80",
    "\u07ff\u0800",
    "\ud7ff\ue000",
    "\ufffd\ufffe\uffff",
    "\U00010000",
    "\U0010ffff",
    "😀" * 50,
]
INVALID = [
    b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited",
    b"\x80",
    b"\xbf\xbf",
    b"\xfe",
    b"\xff",
    b"\xc0\xaf",
    b"\xc1\xbf",
    b"\xe0\x80\xaf",
    b"\xe0\x9f\xbf",
    b"\xf0\x80\x80\xaf",
    b"\xf0\x8f\xbf\xbf",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xed\xa0\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf5\x80\x80\x80",
    b"\xc3",
    b"\xe2\x82",
    b"\xf0\x9f\x98",
    b"\xc3(",
]


@pytest.mark.parametrize("text", VALID)
async def test_every_text_of_unicode_is_taken_whole_and_byte_by_byte(client: RawClient, text: str) -> None:
    data = subscribe(f"thing/{text}"[:80])
    named = repr(f"thing/{text}"[:80])
    await client.send(TEXT, data)
    assert named in (await answer(client))["message"]
    await client.send_bytes(b"".join(fragments(data, [1] * (len(data) - 1))))
    assert named in (await answer(client))["message"]


@pytest.mark.parametrize("data", INVALID)
async def test_what_is_no_utf_8_fails_whole_and_in_fragments(url: str, person: Person, data: bytes) -> None:
    for frames in ([encoded(TEXT, data)], fragments(data, [1] * (len(data) - 1))):
        async with RawClient.connected(url, person.token) as client:
            await client.send_bytes(b"".join(frames))
            await fails(client, 1007)


async def test_what_can_become_no_utf_8_any_more_fails_before_the_message_ends(client: RawClient) -> None:
    await client.send(TEXT, b"\xce\xba\xf4\x90", fin=False)
    await fails(client, 1007)


async def test_bytes_that_are_no_text_need_not_be_utf_8(client: RawClient) -> None:
    await client.send(BINARY, b"\xff")
    assert (await answer(client))["code"] == "invalid_frame"
    await is_alive(client)


# --- 7: closing --------------------------------------------------------------------------------------------


async def test_a_close_is_answered_with_its_code(url: str, person: Person) -> None:
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        async with RawClient.connected(url, person.token) as client:
            await client.send(CLOSE, code.to_bytes(2, "big") + "bye é".encode())
            await fails(client, code)


async def test_a_close_without_a_code_is_answered(client: RawClient) -> None:
    await client.send(CLOSE)
    await fails(client, 1000, 1005)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
async def test_a_code_that_nobody_may_send_is_a_protocol_error(client: RawClient, code: int) -> None:
    await client.send(CLOSE, code.to_bytes(2, "big"))
    await fails(client, 1002)


async def test_half_a_code_is_a_protocol_error(client: RawClient) -> None:
    await client.send(CLOSE, b"\x03")
    await fails(client, 1002)


async def test_a_reason_may_fill_the_frame_and_has_to_be_utf_8(url: str, person: Person) -> None:
    async with RawClient.connected(url, person.token) as client:
        await client.send(CLOSE, b"\x03\xe8" + b"*" * 123)
        await fails(client, 1000)
    async with RawClient.connected(url, person.token) as client:
        await client.send(CLOSE, b"\x03\xe8\xed\xa0\x80")
        await fails(client, 1002, 1007)


async def test_what_comes_after_a_close_is_passed_over(client: RawClient) -> None:
    await client.send_bytes(encoded(CLOSE, b"\x03\xe8") + encoded(PING, b"late") + encoded(TEXT, b"late"))
    assert (await client.frame()).code == 1000
    assert await client.ended()
