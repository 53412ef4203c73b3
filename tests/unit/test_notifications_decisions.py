"""What a client may ask for, what becomes of a subscription, and where a subscriber goes on."""

import json
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from canvas_demo.contracts.notifications.v1.events_pb2 import SubscriptionChanged
from canvas_demo.kernel.errors import DomainError, Invalid, NotFound
from canvas_demo.modules.notifications.domain import (
    OWNERS,
    Lapse,
    Person,
    Resumption,
    Subscribe,
    SubscribeMessage,
    Unsubscribe,
    UnsubscribeMessage,
    cloud_event,
    error_frame,
    event_frame,
    parse,
    presence_frame,
    resume,
    subscribed_frame,
    subscription_id,
)
from canvas_demo.modules.notifications.store import SUBSCRIPTION
from tests.unit.given_when_then import given

SUBJECT = "canvas/01a21542-0000-7000-8000-000000000000"
subscribe = Subscribe("c", "o", "u", "ada", SUBJECT)


def changed(state: str, ends_at: str = "") -> SubscriptionChanged:
    return SubscriptionChanged(
        subscription_id=subscription_id("c", SUBJECT),
        connection_id="c",
        organization_id="o",
        user_id="u",
        username="ada" if state == "SUBSCRIBED" else "",
        subject=SUBJECT,
        state=state,
        ends_at=ends_at,
    )


SOON, LATER = "2026-01-01T00:00:10.000000Z", "2026-01-01T00:00:20.000000Z"
subscribed, lapsing, unsubscribed = changed("SUBSCRIBED"), changed("LAPSING", SOON), changed("UNSUBSCRIBED")


# --- subscriptions -----------------------------------------------------------------------------------------


def test_a_connection_subscribes_to_a_subject_once() -> None:
    given(SUBSCRIPTION).when(subscribe).then(subscribed)
    given(SUBSCRIPTION, subscribed).when(subscribe).then()


def test_a_subscription_ends_and_may_begin_again() -> None:
    given(SUBSCRIPTION, subscribed).when(Unsubscribe()).then(unsubscribed)
    given(SUBSCRIPTION, subscribed, unsubscribed).when(subscribe).then(subscribed)


def test_a_subscription_whose_connection_is_gone_lapses_once_and_then_ends() -> None:
    given(SUBSCRIPTION, subscribed).when(Lapse(SOON)).then(lapsing)
    given(SUBSCRIPTION, subscribed, lapsing).when(Lapse(LATER)).then()
    given(SUBSCRIPTION, subscribed, lapsing).when(Unsubscribe()).then(unsubscribed)
    given(SUBSCRIPTION, subscribed, lapsing).when(subscribe).then(subscribed)


def test_what_is_not_subscribed_does_not_lapse() -> None:
    given(SUBSCRIPTION).when(Lapse(SOON)).then()
    given(SUBSCRIPTION, subscribed, unsubscribed).when(Lapse(SOON)).then()


def test_what_is_not_subscribed_does_not_end() -> None:
    given(SUBSCRIPTION).when(Unsubscribe()).raises(NotFound)
    given(SUBSCRIPTION, subscribed, unsubscribed).when(Unsubscribe()).raises(NotFound)


def test_connections_and_subjects_have_subscriptions_of_their_own() -> None:
    ids = {subscription_id(connection, subject) for connection in "cd" for subject in (SUBJECT, "canvas/x")}
    assert len(ids) == 4


# --- messages ----------------------------------------------------------------------------------------------


def test_a_client_subscribes_with_or_without_a_cursor() -> None:
    assert parse(json.dumps({"type": "subscribe", "subject": SUBJECT})) == SubscribeMessage(SUBJECT, None)
    assert parse(json.dumps({"type": "subscribe", "subject": SUBJECT, "after": 0})) == SubscribeMessage(SUBJECT, 0)
    assert parse(json.dumps({"type": "unsubscribe", "subject": SUBJECT})) == UnsubscribeMessage(SUBJECT)


@pytest.mark.parametrize("after", [-1, 2**63, 1.0, True, "1", [], {}])
def test_a_cursor_is_a_whole_number(after: Any) -> None:
    with pytest.raises(Invalid) as refused:
        parse(json.dumps({"type": "subscribe", "subject": SUBJECT, "after": after}))
    assert refused.value.metadata == {"field": "after"}


@pytest.mark.parametrize(
    "subject",
    [
        "",
        "canvas",
        "canvas/",
        "canvas/1",
        f"{SUBJECT}/",
        f" {SUBJECT}",
        SUBJECT.upper(),
        "user/01a21542-0000-7000-8000-000000000000",
        "canvas/\0",
    ],
)
def test_a_subject_that_can_not_be_is_not_there(subject: str) -> None:
    with pytest.raises(NotFound):
        parse(json.dumps({"type": "subscribe", "subject": subject}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
subjects = st.sampled_from(["canvas/", "file/", ""]).flatmap(lambda kind: st.text().map(kind.__add__)) | st.just(
    SUBJECT
)
messages = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe"]) | json_values, "subject": subjects | json_values},
    optional={"after": st.integers() | json_values, "more": json_values},
)


@for_all(st.text() | (messages | json_values).map(json.dumps) | st.integers(1, 70_000).map("[".__mul__))
def test_any_text_is_understood_or_answered_with_an_error_frame(text: str) -> None:
    try:
        message = parse(text)
    except DomainError as error:
        frame = json.loads(error_frame(error))
        assert frame.keys() == {"type", "code", "message"}
        assert frame["code"] in {"invalid_message", "not_found"}
    else:
        assert message.subject.partition("/")[0] in OWNERS


# --- where a subscriber goes on ----------------------------------------------------------------------------


def test_without_a_cursor_a_subscriber_goes_on_from_here() -> None:
    assert resume(None, 7, 1) == Resumption(7, recovered=True)
    assert resume(None, 0, None) == Resumption(0, recovered=True)


def test_who_has_everything_goes_on_from_here() -> None:
    assert resume(7, 7, 1) == resume(7, 7, None) == Resumption(7, recovered=True)


def test_who_missed_what_the_feed_still_holds_gets_it() -> None:
    assert resume(3, 7, 1) == resume(3, 7, 4) == Resumption(3, recovered=True)


@pytest.mark.parametrize(("after", "oldest"), [(3, 5), (3, None), (0, 2), (8, 1), (2**63 - 1, 1)])
def test_who_missed_more_or_comes_from_nowhere_is_told_to_load_the_state_again(after: int, oldest: int | None) -> None:
    assert resume(after, 7, oldest) == Resumption(7, recovered=False)


@for_all(st.none() | st.integers(0, 30), st.integers(0, 20), st.integers(0, 20))
def test_recovered_means_that_nothing_is_missing(after: int | None, cursor: int, kept: int) -> None:
    """The events after the answer's cursor, and those the client has, are all there are; or it is told otherwise."""
    feed = range(max(1, cursor - kept + 1), cursor + 1)
    answer = resume(after, cursor, feed[0] if feed else None)
    followed_by = [position for position in feed if position > answer.cursor]
    assert followed_by == list(range(answer.cursor + 1, cursor + 1))
    if answer.recovered and after is not None:
        assert answer.cursor == after


# --- frames ------------------------------------------------------------------------------------------------


def test_frames_are_what_the_contract_says() -> None:
    assert json.loads(subscribed_frame(SUBJECT, Resumption(3, recovered=False))) == {
        "type": "subscribed",
        "subject": SUBJECT,
        "cursor": 3,
        "recovered": False,
        "present": [],
    }
    ada = {"user_id": "u", "username": "ada"}
    assert json.loads(subscribed_frame(SUBJECT, Resumption(3, recovered=True), [Person("u", "ada")]))["present"] == [
        ada
    ]
    assert json.loads(presence_frame(SUBJECT, Person("u", "ada"), present=False)) == {
        "type": "presence",
        "subject": SUBJECT,
        **ada,
        "present": False,
    }
    event = cloud_event({"id": "e"}, {"name": 'wh"y\u2028'})
    assert json.loads(event_frame(SUBJECT, 4, event)) == {
        "type": "event",
        "subject": SUBJECT,
        "cursor": 4,
        "event": {
            "specversion": "1.0",
            "datacontenttype": "application/json",
            "id": "e",
            "data": {"name": 'wh"y\u2028'},
        },
    }
