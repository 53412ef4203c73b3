"""What may happen to a websocket connection, and what is sent over it."""

import json

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from canvas_demo.contracts.websockets.v1.events_pb2 import WebSocketConnectionChanged, WebSocketMessageReceived
from canvas_demo.kernel.errors import AlreadyExists, Forbidden, Invalid, NotFound
from canvas_demo.modules.websockets.domain import (
    STREAMS,
    Connect,
    Conversation,
    Disconnect,
    Positions,
    Receive,
    check_origins,
    checked_text,
    error_frame,
    welcome_frame,
)
from canvas_demo.modules.websockets.store import CONNECTION, CONVERSATION
from tests.unit.given_when_then import given

connected = WebSocketConnectionChanged(
    connection_id="c", organization_id="o", user_id="u", state="CONNECTED", host="ws-1"
)
disconnected = WebSocketConnectionChanged(
    connection_id="c", organization_id="o", user_id="u", state="DISCONNECTED", host="ws-1", reason="host died"
)


def test_a_connection_is_published_with_its_host() -> None:
    given(CONNECTION).when(Connect("c", "o", "u", "ws-1")).then(connected)


def test_an_id_is_that_of_one_connection_for_ever() -> None:
    given(CONNECTION, connected).when(Connect("c", "o", "u", "ws-2")).raises(AlreadyExists)
    given(CONNECTION, connected, disconnected).when(Connect("c", "o", "u", "ws-2")).raises(AlreadyExists)


def test_a_connection_ends_once_with_its_reason() -> None:
    given(CONNECTION, connected).when(Disconnect("host died")).then(disconnected)
    given(CONNECTION, connected, disconnected).when(Disconnect("closed by the client")).then()


def test_what_never_was_does_not_end() -> None:
    given(CONNECTION).when(Disconnect("host died")).raises(NotFound)


def test_every_text_is_published_as_it_came() -> None:
    said = WebSocketMessageReceived(connection_id="c", organization_id="o", user_id="u", text="}{")
    given(CONVERSATION).when(Receive("c", "o", "u", "}{")).then(said)
    assert given(CONVERSATION, said, said).state == Conversation("c", "o", 2)


@pytest.mark.parametrize("frame", [None, "\0", "a\0b"])
def test_what_can_not_be_stored_is_refused(frame: str | None) -> None:
    with pytest.raises(Invalid):
        checked_text(frame)


OWN = frozenset({"http://localhost:3000", "https://canvas.example"})


@pytest.mark.parametrize("sent", [[], ["http://localhost:3000"], ["https://canvas.example"]])
def test_our_own_pages_and_programs_may_connect(sent: list[str]) -> None:
    check_origins(sent, OWN)


@pytest.mark.parametrize(
    "sent",
    [
        ["null"],
        [""],
        ["http://localhost"],
        ["http://localhost:30000"],
        ["https://localhost:3000"],
        ["http://localhost:3000/"],
        ["HTTP://LOCALHOST:3000"],
        ["https://canvas.example.evil.example"],
        ["https://evil.example"],
        ["http://localhost:3000", "https://evil.example"],
    ],
)
def test_a_page_of_another_origin_may_not_however_like_ours_it_looks(sent: list[str]) -> None:
    with pytest.raises(Forbidden):
        check_origins(sent, OWN)


def test_frames_are_what_the_contract_says() -> None:
    assert json.loads(welcome_frame("c", "ws-1")) == {"type": "welcome", "connection_id": "c", "host": "ws-1"}
    assert json.loads(error_frame("bad", 'a "b"')) == {"type": "error", "code": "bad", "message": 'a "b"'}


@for_all(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-3, 10))))
def test_whatever_is_delivered_again_each_stream_only_grows(delivered: list[tuple[str, int]]) -> None:
    positions = Positions()
    sent = [each for each in delivered if positions.advance(*each)]
    for stream in "ab":
        of_stream = [position for name, position in sent if name == stream]
        assert of_stream == sorted(set(of_stream))
        offered = [position for name, position in delivered if name == stream]
        assert max(of_stream, default=None) == max(offered, default=None)


def test_streams_that_are_quiet_are_forgotten_before_those_that_are_not() -> None:
    positions = Positions()
    positions.advance("quiet", 1)
    for number in range(2 * STREAMS):
        positions.advance("busy", number)
        positions.advance(f"stream {number}", 1)
    assert len(positions.last) == STREAMS
    assert not positions.advance("busy", 0)
    assert positions.advance("quiet", 1)
