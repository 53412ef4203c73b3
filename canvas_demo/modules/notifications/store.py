"""The tables of notifications."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

from canvas_demo.contracts.notifications.v1.events_pb2 import SubscriptionChanged
from canvas_demo.kernel.aggregate import Aggregate, Loaded, advance
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.events import EventTypes
from canvas_demo.kernel.sql import Queries
from canvas_demo.kernel.values import rfc3339
from canvas_demo.modules.notifications.domain import Lapse, Person, Subscription, Unsubscribe, decide, evolve

QUERIES = Queries(__package__)

KEEP = 1000
"""Events that the feed of a subject holds at least, once it had as many."""
TRIM_EVERY = 250
"""Events of a subject between two deletions."""


# --- subscriptions -----------------------------------------------------------------------------------------


async def load(connection: Connection, subscription_id: str) -> Loaded[Subscription]:
    """A subscription; version 0 where there is none."""
    row = await (await connection.execute(QUERIES["load_subscription"], [subscription_id])).fetchone()
    return _loaded(row) if row else Loaded(None, 0)


async def username_of(connection: Connection, subscription_id: str) -> str:
    """Whose subscription it is: only its beginning says so."""
    state = (await load(connection, subscription_id)).state
    return state.username if state else ""


async def save(
    connection: Connection,
    before: Subscription | None,  # noqa: ARG001  (every aggregate is saved like this)
    after: Subscription,
    version: int,
    now: datetime,  # noqa: ARG001
) -> None:
    """Write the subscription's row."""
    row = {**vars(after), "ends_at": after.ends_at or None, "version": version}
    await connection.execute(QUERIES["save_subscription"], row)


async def lapse_subscriptions(
    connection: Connection, connection_ids: Sequence[str], now: datetime, grace: timedelta
) -> None:
    """Let all subscriptions of connections that are gone end after ``grace``."""
    cursor = await connection.execute(QUERIES["subscriptions_of_connections"], [list(connection_ids)])
    await _advance(connection, await cursor.fetchall(), Lapse(rfc3339(now + grace)), now)


async def end_lapsing_of_user(connection: Connection, subject: str, user_id: str, now: datetime) -> None:
    """End the lapsing subscriptions of a person who has come back."""
    cursor = await connection.execute(QUERIES["lapsing_subscriptions_of_user"], [subject, user_id])
    await _advance(connection, await cursor.fetchall(), Unsubscribe(), now)


async def end_lapsed(connection: Connection, now: datetime) -> int:
    """End subscriptions whose grace is over; how many there were."""
    rows = await (await connection.execute(QUERIES["lapsed_subscriptions"], [now])).fetchall()
    await _advance(connection, rows, Unsubscribe(), now)
    return len(rows)


async def _advance(
    connection: Connection, rows: Sequence[dict[str, Any]], command: Lapse | Unsubscribe, now: datetime
) -> None:
    async with connection.pipeline():
        for row in rows:
            of = (row["subscription_id"], row["organization_id"])
            await advance(connection, SUBSCRIPTION, *of, _loaded(row), command, now)


def _loaded(row: dict[str, Any]) -> Loaded[Subscription]:
    ends_at = rfc3339(row["ends_at"].astimezone(UTC)) if row["ends_at"] else ""
    state = {key: value for key, value in row.items() if key != "version"} | {"ends_at": ends_at}
    return Loaded(Subscription(**state), row["version"])


SUBSCRIPTION = Aggregate(
    type="subscription",
    events=EventTypes([SubscriptionChanged]),
    decide=decide,
    evolve=evolve,
    load=load,
    save=save,
    tables=("subscription",),
)


# --- presence ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PresenceChange:
    """What the connections of others are to be told, as change number ``version`` of this person."""

    present: bool
    version: int
    connection_ids: Sequence[str]


async def record_presence(
    connection: Connection, subject: str, organization_id: str, user_id: str
) -> PresenceChange | None:
    """Whether a person has a subject open, where that is not what was told last.

    Holds the subject until the transaction ends: changes are told in the order in which they are recorded.
    """
    await connection.execute(QUERIES["lock_subject"], [subject])
    of = {"subject": subject, "user_id": user_id}
    changed = await (await connection.execute(QUERIES["record_presence"], of)).fetchone()
    if changed is None:
        return None
    others = await connection.execute(QUERIES["others"], [subject, organization_id, user_id])
    return PresenceChange(**changed, connection_ids=[row["connection_id"] for row in await others.fetchall()])


async def told_present(connection: Connection, subject: str) -> list[Person]:
    """Who is there, as the subject's subscribers were told."""
    rows = await (await connection.execute(QUERIES["told_present"], [subject])).fetchall()
    return [Person(**row) for row in rows]


async def list_presence(connection: Connection, subject: str, organization_id: str) -> list[dict[str, Any]]:
    """The people of the organisation who have a subject open, each with the number of their connections."""
    return await (await connection.execute(QUERIES["list_presence"], [subject, organization_id])).fetchall()


# --- the feed ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Happened:
    """An event of a subject, as the feed keeps it."""

    subject: str
    organization_id: str
    event_id: str
    event: str


@dataclass(frozen=True)
class Recorded:
    """An event that got its ``cursor``, and the connections that are to be told of it."""

    cursor: int
    connection_ids: Sequence[str]


async def record_events(connection: Connection, events: Sequence[Happened]) -> list[Recorded]:
    """Give each event its place in the feed of its subject.

    Subscribers are read by a statement of its own, after the locks are held: one that came in while
    this one waited for a subject is seen.
    """
    rows = {field.name: [getattr(event, field.name) for event in events] for field in fields(Happened)}
    async with connection.pipeline():
        recorded = await connection.execute(QUERIES["record_events"], rows)
        subscribed = await connection.execute(QUERIES["subscribers"], rows)
    cursors = [row["cursor"] for row in await recorded.fetchall()]
    subscribers: dict[tuple[str, str], list[str]] = {}
    for row in await subscribed.fetchall():
        subscribers.setdefault((row["subject"], row["organization_id"]), []).append(row["connection_id"])
    for event, cursor in zip(events, cursors, strict=True):
        if cursor > KEEP and cursor % TRIM_EVERY == 0:
            await connection.execute(QUERIES["trim_feed"], [event.subject, cursor - KEEP])
    return [
        Recorded(cursor, subscribers.get((event.subject, event.organization_id), []))
        for event, cursor in zip(events, cursors, strict=True)
    ]


@dataclass(frozen=True)
class Feed:
    """Where the feed of a subject stands, and its oldest event; no event comes in before the transaction ends."""

    cursor: int
    oldest: int | None


async def lock_feed(connection: Connection, subject: str) -> Feed:
    """The feed of a subject, held until the transaction ends."""
    async with connection.pipeline():
        locked = await connection.execute(QUERIES["lock_subject"], [subject])
        feed = await connection.execute(QUERIES["oldest_cursor"], [subject])
    row, oldest = await locked.fetchone(), await feed.fetchone()
    if row is None or oldest is None:
        raise LookupError(f"{subject} has no cursor")
    return Feed(row["cursor"], oldest["oldest"])


async def missed_events(connection: Connection, subject: str, after: int, limit: int) -> list[tuple[int, str]]:
    """Up to ``limit`` events after a cursor, oldest first: each with its cursor and as JSON text."""
    cursor = await connection.execute(QUERIES["missed_events"], [subject, after, limit])
    return [(row["cursor"], row["event"]) for row in await cursor.fetchall()]


async def cursor_of(connection: Connection, subject: str) -> int:
    """The newest cursor of a subject; 0 before its first event."""
    row = await (await connection.execute(QUERIES["cursor_of_subject"], [subject])).fetchone()
    return int(row["cursor"]) if row else 0


async def list_rows(connection: Connection, subject: str, organization_id: str) -> list[dict[str, Any]]:
    """The rows of the organisation's live subscriptions to a subject."""
    return await (await connection.execute(QUERIES["list_subscriptions"], [subject, organization_id])).fetchall()
