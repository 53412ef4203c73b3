"""What may happen to a websocket connection, and what is sent over it."""

import json

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol

from canvas_demo.contracts.websockets.v1.events_pb2 import WebSocketConnectionChanged, WebSocketMessageReceived
from canvas_demo.kernel.errors import AlreadyExists, Forbidden, Invalid, NotFound
from canvas_demo.modules.websockets.domain import (
    STREAMS,
    Allowance,
    Connect,
    Conversation,
    Disconnect,
    Positions,
    Receive,
    Verdict,
    check_origins,
    checked_text,
    error_text,
    text_frame,
    welcome_text,
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


@pytest.mark.parametrize("with_bearer", [False, True])
@pytest.mark.parametrize("sent", [["http://localhost:3000"], ["https://canvas.example"]])
def test_our_own_pages_may_connect(sent: list[str], *, with_bearer: bool) -> None:
    check_origins(sent, OWN, with_bearer=with_bearer)


def test_a_program_may_connect_with_its_token_and_nobody_else_without_an_origin() -> None:
    check_origins([], OWN, with_bearer=True)
    with pytest.raises(Forbidden):
        check_origins([], OWN, with_bearer=False)


@pytest.mark.parametrize("with_bearer", [False, True])
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
def test_a_page_of_another_origin_may_not_however_like_ours_it_looks(sent: list[str], *, with_bearer: bool) -> None:
    with pytest.raises(Forbidden):
        check_origins(sent, OWN, with_bearer=with_bearer)


# --- how often a client may speak --------------------------------------------------------------------------


def test_a_burst_is_taken_then_refused_and_who_goes_on_is_cut_off() -> None:
    allowance = Allowance(rate=1, burst=3)
    verdicts = [allowance.take(now=100) for _ in range(7)]
    assert verdicts == [Verdict.TAKEN] * 3 + [Verdict.REFUSED] * 3 + [Verdict.TOO_MANY]


def test_who_pauses_may_speak_again() -> None:
    allowance = Allowance(rate=2, burst=2)
    assert [allowance.take(now=10) for _ in range(3)][-1] == Verdict.REFUSED
    assert allowance.take(now=11) == Verdict.TAKEN
    assert allowance.take(now=11) == Verdict.REFUSED


@for_all(st.lists(st.floats(0, 1)), st.floats(0.1, 100), st.integers(1, 50))
def test_never_more_is_taken_than_the_burst_and_what_the_rate_gives(
    pauses: list[float], rate: float, burst: int
) -> None:
    allowance, now, taken = Allowance(rate, burst), 0.0, 0
    for pause in pauses:
        now += pause
        taken += allowance.take(now) == Verdict.TAKEN
    assert taken <= burst + now * rate + 1e-6


# --- frames ------------------------------------------------------------------------------------------------


def test_texts_are_what_the_contract_says() -> None:
    assert json.loads(welcome_text("c", "ws-1")) == {"type": "welcome", "connection_id": "c", "host": "ws-1"}
    assert json.loads(error_text("bad", 'a "b"')) == {"type": "error", "code": "bad", "message": 'a "b"'}


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_frame_is_what_an_implementation_of_the_protocol_makes_of_the_text(length: int) -> None:
    text = "é" * (length // 2) + "x" * (length % 2)
    assert text_frame(text) == FrameProtocol(client=False, extensions=[]).send_data(text, fin=True)


# --- what was sent -----------------------------------------------------------------------------------------


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
