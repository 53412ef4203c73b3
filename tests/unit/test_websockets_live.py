"""An open socket on its host: what is queued, what is sent once, and what ends it."""

import time
from datetime import UTC, datetime

from canvas_demo.kernel.tokens import Caller
from canvas_demo.modules.websockets.live import QUEUE, TRY_AGAIN_LATER, Ending, Live


def live() -> Live:
    return Live("c", Caller("u", "ada", "o", "secret token", int(time.time()) + 60), datetime.now(UTC))


def waiting(socket: Live) -> list[str]:
    return [socket.frames.get_nowait() for _ in range(socket.frames.qsize())]


async def test_texts_are_queued_in_order_at_growing_positions() -> None:
    socket = live()
    assert socket.deliver(["a", "b"], "s", 1)
    assert socket.deliver(["c"], "s", 3)
    assert waiting(socket) == ["a", "b", "c"]


async def test_what_was_sent_is_not_sent_again_and_what_was_not_is() -> None:
    socket = live()
    socket.deliver(["a", "b"], "s", 1)
    assert not socket.deliver(["a", "b", "c"], "s", 1)
    assert waiting(socket) == ["a", "b", "c"]


async def test_streams_know_nothing_of_each_other_and_texts_without_a_stream_are_always_sent() -> None:
    socket = live()
    for stream in ("s", "t", "", ""):
        assert socket.deliver(["a"], stream, 1)
    assert len(waiting(socket)) == 4


async def test_a_client_that_does_not_keep_up_is_ended_and_only_it() -> None:
    slow, quick = live(), live()
    for number in range(QUEUE + 1):
        assert not slow.ended.done()
        for socket in (slow, quick):
            socket.deliver([str(number)], "s", number)
        waiting(quick)
    assert slow.ended.result().code == TRY_AGAIN_LATER
    assert not quick.ended.done()


async def test_the_first_reason_counts() -> None:
    socket = live()
    socket.end(Ending(1008, "the token expired"))
    socket.end(Ending(None, "the client went away"))
    assert (await socket.ended).code == 1008


async def test_a_token_is_not_shown() -> None:
    socket = live()
    assert "secret" not in f"{socket!r} {socket.caller!r}"
