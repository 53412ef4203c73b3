"""An open socket on its host: what is queued, what is sent once, and what ends it."""

import time
from datetime import UTC, datetime

from canvas_demo.kernel.tokens import Caller
from canvas_demo.modules.websockets.domain import Allowance
from canvas_demo.modules.websockets.live import TRY_AGAIN_LATER, WAITING, Ending, Live


class Client:
    """A client that reads when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def write_frame(self, frame: bytes) -> int:
        self.waiting.append(frame)
        return sum(map(len, self.waiting))

    def read(self) -> list[bytes]:
        read, self.waiting = self.waiting, []
        return read


def unopened() -> Live:
    caller = Caller("u", "ada", "o", "secret token", int(time.time()) + 60)
    return Live("c", caller, datetime.now(UTC), Allowance(1, 1))


def opened() -> tuple[Live, Client]:
    live, client = unopened(), Client()
    live.open(client)
    return live, client


async def test_frames_are_sent_in_order_at_growing_positions() -> None:
    live, client = opened()
    assert live.deliver([b"a", b"b"], "s", 1)
    assert live.deliver([b"c"], "s", 3)
    assert client.read() == [b"a", b"b", b"c"]


async def test_what_comes_before_the_handshake_is_answered_is_sent_first_after_it() -> None:
    live, client = unopened(), Client()
    live.deliver([b"a", b"b"], "s", 1)
    live.open(client)
    assert not live.deliver([b"b", b"c"], "s", 2)
    assert client.read() == [b"a", b"b", b"c"]


async def test_what_was_sent_is_not_sent_again_and_what_was_not_is() -> None:
    live, client = opened()
    live.deliver([b"a", b"b"], "s", 1)
    assert not live.deliver([b"a", b"b", b"c"], "s", 1)
    assert client.read() == [b"a", b"b", b"c"]


async def test_streams_know_nothing_of_each_other_and_texts_without_a_stream_are_always_sent() -> None:
    live, client = opened()
    for stream in ("s", "t", "", ""):
        assert live.deliver([b"a"], stream, 1)
    assert len(client.read()) == 4


async def test_a_client_that_does_not_keep_up_is_ended_and_only_it() -> None:
    frame = bytes(WAITING // 4)
    (slow, sleeper), (quick, reader) = opened(), opened()
    for number in range(5):
        assert not slow.ended.done()
        slow.deliver([frame], "s", number)
        quick.deliver([frame], "s", number)
        assert reader.read() == [frame]
    assert slow.ended.result().code == TRY_AGAIN_LATER
    assert not quick.ended.done()
    slow.deliver([frame], "s", 5)
    assert len(sleeper.read()) == 5, "nothing more is kept for who has fallen out"


async def test_what_waits_for_a_handshake_has_a_limit_too() -> None:
    live = unopened()
    live.send(bytes(WAITING))
    live.send(b"x")
    assert live.ended.result().code == TRY_AGAIN_LATER


async def test_the_first_reason_counts() -> None:
    socket = unopened()
    socket.end(Ending(1008, "the token expired"))
    socket.end(Ending(None, "the client went away"))
    assert (await socket.ended).code == 1008


async def test_a_token_is_not_shown() -> None:
    socket = unopened()
    assert "secret" not in f"{socket!r} {socket.caller!r}"
