"""What a client may ask for, what becomes of a subscription, and the frames that are sent."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never
from uuid import NAMESPACE_URL, uuid5

from canvas_demo.contracts.notifications.v1.events_pb2 import SubscriptionChanged
from canvas_demo.kernel.errors import DomainError, Invalid, NotFound
from canvas_demo.kernel.values import checked_id

OWNERS: Mapping[str, str] = {"canvas": "canvases", "file": "files"}
"""Type of subject → the module that owns it, and that says who may see it."""
LAST_CURSOR = 2**63 - 1
SUBSCRIBED, LAPSING, UNSUBSCRIBED = "SUBSCRIBED", "LAPSING", "UNSUBSCRIBED"


# --- what a client asks for --------------------------------------------------------------------------------


@dataclass(frozen=True)
class SubscribeMessage:
    """``after``: the last cursor that the client has; None: it wants what comes from here on."""

    subject: str
    after: int | None


@dataclass(frozen=True)
class UnsubscribeMessage:
    """The client wants no more of ``subject``."""

    subject: str


def parse(text: str) -> SubscribeMessage | UnsubscribeMessage:
    """What a client's text asks for. Raises `Invalid` and `NotFound`, and nothing else whatever the text."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid("message", "A message is a JSON object; this is no JSON.") from None
    if not isinstance(message, dict):
        raise Invalid("message", "A message is a JSON object.")
    type_ = message.get("type")
    read = MESSAGES.get(type_) if isinstance(type_, str) else None
    if read is None:
        raise Invalid("type", f"The type of a message is {' or '.join(MESSAGES)}.")
    return read(message)


def _subscribe(message: Mapping[str, object]) -> SubscribeMessage:
    return SubscribeMessage(checked_subject(message.get("subject")), _checked_after(message.get("after")))


def _unsubscribe(message: Mapping[str, object]) -> UnsubscribeMessage:
    return UnsubscribeMessage(checked_subject(message.get("subject")))


MESSAGES: Mapping[str, Callable[[Mapping[str, object]], SubscribeMessage | UnsubscribeMessage]] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
}
"""Type of message → how it is read; what else a message holds is passed over."""


def checked_subject(value: object) -> str:
    """A subject as events name it, e.g. ``canvas/0198…``. Raises `Invalid`, and `NotFound` where none has this form."""
    if not isinstance(value, str):
        raise Invalid("subject", "The subject is a text like canvas/<id>.")
    kind, _, subject_id = value.partition("/")
    if kind not in OWNERS or checked_id(subject_id, kind) != subject_id:
        raise no_subject(value)
    return value


def no_subject(subject: str) -> NotFound:
    """The answer to a subject that is not there for whoever asks."""
    return NotFound(f"There is no {subject[:80]!r}.")


def owner_of(subject: str) -> str:
    """The module that owns a subject."""
    return OWNERS[subject.partition("/")[0]]


def _checked_after(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LAST_CURSOR:
        raise Invalid("after", "after is a cursor: a whole number from 0.")
    return value


# --- a subscription ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subscription:
    """That a connection is told of a subject; ``state``: SUBSCRIBED → LAPSING → UNSUBSCRIBED → SUBSCRIBED.

    One whose connection is gone is LAPSING until ``ends_at`` (RFC 3339): its person is still there
    for the others, who need not see everybody leave and come back who loads a page again.
    """

    subscription_id: str
    connection_id: str
    organization_id: str
    user_id: str
    username: str
    subject: str
    state: str
    ends_at: str = ""


@dataclass(frozen=True)
class Subscribe:
    connection_id: str
    organization_id: str
    user_id: str
    username: str
    subject: str


@dataclass(frozen=True)
class Lapse:
    """The connection is gone; RFC 3339."""

    ends_at: str


@dataclass(frozen=True)
class Unsubscribe:
    pass


def subscription_id(connection_id: str, subject: str) -> str:
    """The id of the one subscription of a connection to a subject."""
    return str(uuid5(NAMESPACE_URL, f"{connection_id}/{subject}"))


def decide(
    subscription: Subscription | None, command: Subscribe | Lapse | Unsubscribe
) -> Sequence[SubscriptionChanged]:
    """The events that ``command`` leads to. Raises `NotFound`."""
    match command:
        case Subscribe():
            if subscription is not None and subscription.state == SUBSCRIBED:
                return []
            return [
                SubscriptionChanged(
                    subscription_id=subscription_id(command.connection_id, command.subject),
                    connection_id=command.connection_id,
                    organization_id=command.organization_id,
                    user_id=command.user_id,
                    username=command.username,
                    subject=command.subject,
                    state=SUBSCRIBED,
                )
            ]
        case Lapse():
            if subscription is None or subscription.state != SUBSCRIBED:
                return []
            return [_ended(subscription, LAPSING, command.ends_at)]
        case Unsubscribe():
            if subscription is None or subscription.state == UNSUBSCRIBED:
                raise NotFound("There is no such subscription.")
            return [_ended(subscription, UNSUBSCRIBED)]
        case _:
            assert_never(command)


def _ended(subscription: Subscription, state: str, ends_at: str = "") -> SubscriptionChanged:
    """Names nobody: it has to be told also where the organisation's keys were destroyed."""
    return SubscriptionChanged(**{**vars(subscription), "username": "", "state": state, "ends_at": ends_at})


def evolve(subscription: Subscription | None, event: SubscriptionChanged) -> Subscription:
    """The subscription after ``event``."""
    if subscription is not None:
        username = event.username or subscription.username
        return replace(subscription, username=username, state=event.state, ends_at=event.ends_at)
    return Subscription(
        event.subscription_id,
        event.connection_id,
        event.organization_id,
        event.user_id,
        event.username,
        event.subject,
        event.state,
        event.ends_at,
    )


# --- where a subscriber goes on ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Resumption:
    """Events after ``cursor`` follow; ``recovered``: the client has, or gets, all up to there."""

    cursor: int
    recovered: bool


def resume(after: int | None, cursor: int, oldest: int | None) -> Resumption:
    """Where a subscriber goes on that has all up to ``after``.

    The feed stands at ``cursor``, and its oldest event is ``oldest``; None: it holds none.
    """
    if after is None or after == cursor:
        return Resumption(cursor, recovered=True)
    if after < cursor and oldest is not None and oldest <= after + 1:
        return Resumption(after, recovered=True)
    return Resumption(cursor, recovered=False)


# --- frames ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """Somebody who has a subject open, as others are told."""

    user_id: str
    username: str


def subscribed_frame(subject: str, resumption: Resumption, present: Sequence[Person] = ()) -> str:
    """That a subscription holds: the events after its cursor follow, and changes of who is ``present``."""
    people = [vars(person) for person in present]
    return json.dumps({"type": "subscribed", "subject": subject, **vars(resumption), "present": people})


def present_frame(subject: str, present: Sequence[Person]) -> str:
    """Who is there, all of them: it takes the place of what was told before."""
    return json.dumps({"type": "present", "subject": subject, "present": [vars(person) for person in present]})


def presence_frame(subject: str, person: Person, *, present: bool) -> str:
    """That somebody has opened a subject, or has it open no more."""
    return json.dumps({"type": "presence", "subject": subject, **vars(person), "present": present})


def event_frame(subject: str, cursor: int, event: str) -> str:
    """An event of a subject; ``event`` is the CloudEvent as JSON text."""
    return f'{{"type": "event", "subject": {json.dumps(subject)}, "cursor": {cursor}, "event": {event}}}'


def error_frame(error: DomainError) -> str:
    """What went wrong with a message."""
    code = "invalid_message" if isinstance(error, Invalid) else error.grpc_status.lower()
    return json.dumps({"type": "error", "code": code, "message": error.detail})


def cloud_event(attributes: Mapping[str, Any], data: Any) -> str:  # noqa: ANN401  (JSON)
    """A CloudEvent in the JSON format (CloudEvents 1.0)."""
    return json.dumps({"specversion": "1.0", "datacontenttype": "application/json", **attributes, "data": data})
