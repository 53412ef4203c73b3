"""What notifications does about what clients say and about what happens to subjects.

Frames are sent before the transaction ends. Where it fails after that, the record comes again and is
sent again, with the same cursor: the order of a subject's events is that of their one partition. A
connection takes each position of a stream once, so nobody sees an event twice.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from canvas_demo.contracts.kernel.v1 import subjects_pb2, subjects_pb2_grpc
from canvas_demo.contracts.notifications.v1.events_pb2 import SubscriptionChanged
from canvas_demo.contracts.websockets.v1.events_pb2 import WebSocketConnectionChanged, WebSocketMessageReceived
from canvas_demo.contracts.websockets.v1.websockets_pb2 import SendResponse
from canvas_demo.kernel.aggregate import execute
from canvas_demo.kernel.consumer import Reactions, Together
from canvas_demo.kernel.database import Connection
from canvas_demo.kernel.errors import DomainError, Gone, NotFound
from canvas_demo.kernel.forgetting import KEY_DESTROYED, when_organization_key_destroyed_forget
from canvas_demo.kernel.kafka import Delivered, event_in
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.outbox import check_storable
from canvas_demo.kernel.reading import Readable, Written, read
from canvas_demo.kernel.rpc import Channels, ask
from canvas_demo.modules.notifications.domain import (
    LAPSING,
    OWNERS,
    SUBSCRIBED,
    Person,
    Subscribe,
    SubscribeMessage,
    Unsubscribe,
    UnsubscribeMessage,
    cloud_event,
    error_frame,
    event_frame,
    no_subject,
    owner_of,
    parse,
    presence_frame,
    present_frame,
    resume,
    subscribed_frame,
    subscription_id,
)
from canvas_demo.modules.notifications.sockets import Sockets
from canvas_demo.modules.notifications.store import (
    SUBSCRIPTION,
    Happened,
    end_lapsing_of_user,
    lapse_subscriptions,
    lock_feed,
    missed_events,
    record_events,
    record_presence,
    told_present,
    username_of,
)

CHUNK, CHUNK_SIZE = 100, 256 * 1024
"""Missed events, and characters, that are sent at once: less than may wait for a socket or be in one call."""
CHECKED_WITHIN = 2.0
"""Seconds within which the owner of a subject says who may see it."""
REPLIES = "replies"
"""The stream of the answers to a connection's messages; the position is that of the message."""


@dataclass(frozen=True)
class Notifier:
    """The reactions, with what they reach others by."""

    channels: Channels
    sockets: Sockets
    grace: timedelta

    async def when_subject_changed_tell_subscribers(self, connection: Connection, events: Sequence[Delivered]) -> None:
        """One place each in the feed, and one Send, however many are subscribed.

        A connection that missed one gets none after it, though its host may be back by then: its client asks
        for what comes after the last that it saw.
        """
        recorded = await record_events(connection, [_happened(event) for event in events])
        gone: set[str] = set()
        for event, at in zip(events, recorded, strict=True):
            if told := [each for each in at.connection_ids if each not in gone]:
                event.go_on()
                readable = _cloud_event(event, await event.opened(connection.keys))
                frame = event_frame(event.subject, at.cursor, readable)
                answer = await self.sockets.send(told, [frame], event.subject, at.cursor)
                await self._lapse(connection, answer.gone)
                gone.update(answer.gone)

    async def when_message_received_answer(self, connection: Connection, delivered: Delivered) -> None:
        """Do what the client asks for, or say what is wrong with it."""
        received = await event_in(delivered, WebSocketMessageReceived, connection.keys)
        answer = Answer(self.sockets, received.connection_id, delivered.aggregate_version)
        try:
            message = parse(received.text)
        except DomainError as error:
            await answer.send(error_frame(error))
            return
        if isinstance(message, SubscribeMessage):
            await self._subscribe(connection, received, message, answer)
        else:
            await _unsubscribe(connection, received, message, answer)

    async def when_connection_changed_let_subscriptions_lapse(
        self, connection: Connection, delivered: Delivered
    ) -> None:
        """A connection that ended takes its subscriptions along, after a while."""
        event = await event_in(delivered, WebSocketConnectionChanged, connection.keys)
        if event.state == "DISCONNECTED":
            await self._lapse(connection, [event.connection_id])

    async def when_subscription_changed_tell_presence(self, connection: Connection, delivered: Delivered) -> None:
        """Others who have the subject open see who comes, and who is gone for good."""
        event = await event_in(delivered, SubscriptionChanged, connection.keys)
        if event.state == LAPSING:
            return
        if event.state == SUBSCRIBED and await self.sockets.find(event.connection_id) is None:
            # It ended while the subscription was being stored, and nobody will say so again.
            await self._lapse(connection, [event.connection_id])
        change = await record_presence(connection, event.subject, event.organization_id, event.user_id)
        if change and change.connection_ids:
            username = event.username or await username_of(connection, event.subscription_id)
            person = Person(event.user_id, username)
            frame = presence_frame(event.subject, person, present=change.present)
            stream = f"presence/{event.subject}/{event.user_id}"
            await self.sockets.send(change.connection_ids, [frame], stream, change.version)

    async def _lapse(self, connection: Connection, connection_ids: Sequence[str]) -> None:
        if connection_ids:
            await lapse_subscriptions(connection, connection_ids, datetime.now(UTC), self.grace)

    async def _subscribe(
        self, connection: Connection, received: WebSocketMessageReceived, message: SubscribeMessage, answer: "Answer"
    ) -> None:
        """Store the subscription and send what was missed, while no event of the subject gets in between."""
        socket = await self.sockets.find(received.connection_id)
        if socket is None:
            return
        try:
            await self._check(socket.token, message.subject)
        except DomainError as error:
            await answer.send(error_frame(error))
            return
        try:
            await check_storable(connection, received.organization_id)
        except Gone as error:
            if (await answer.send(error_frame(error))).already:  # by an attempt that was undone
                await answer.send_again(error_frame(error))
            return
        feed = await lock_feed(connection, message.subject)
        present = await told_present(connection, message.subject)
        resumption = resume(message.after, feed.cursor, feed.oldest)
        sent = await answer.send(subscribed_frame(message.subject, resumption, present))
        if sent.already and resumption.cursor == message.after:
            # A first attempt was undone: people who came or left after it were not told.
            sent = await answer.send_again(present_frame(message.subject, present))
        elif sent.already:
            # It said another cursor: what came after that may be missing.
            resumption = replace(resumption, recovered=False)
            sent = await answer.send_again(subscribed_frame(message.subject, resumption, present))
        if sent.gone:
            return
        await _store_subscription(connection, received, socket.username, message.subject)
        await self._catch_up(connection, received.connection_id, message.subject, resumption.cursor)

    async def _check(self, token: str, subject: str) -> None:
        """Ask the owner of the subject in the client's name. Raises `NotFound`, and whatever else the owner answers."""
        owner = subjects_pb2_grpc.SubjectsStub(self.channels.to(owner_of(subject)))
        request = subjects_pb2.CheckSubjectRequest(subject=subject)
        metadata = (("authorization", f"Bearer {token}"),)
        try:
            await ask(owner.CheckSubject(request, metadata=metadata, timeout=CHECKED_WITHIN))
        except NotFound as error:
            raise no_subject(subject) from error

    async def _catch_up(self, connection: Connection, connection_id: str, subject: str, cursor: int) -> None:
        """Send the events after ``cursor``, in order, up to one that does not reach the connection."""
        while missed := await missed_events(connection, subject, cursor, CHUNK):
            frames = [event_frame(subject, at, await _opened(connection, event)) for at, event in missed]
            for chunk in chunks(frames, CHUNK_SIZE):
                answer = await self.sockets.send([connection_id], chunk, subject, cursor + 1)
                if answer.gone:
                    await self._lapse(connection, answer.gone)
                    return
                cursor += len(chunk)


def chunks(texts: Sequence[str], size: int) -> Iterator[list[str]]:
    """``texts`` in order, as many at once as have ``size`` characters together; at least one."""
    chunk: list[str] = []
    length = 0
    for text in texts:
        if chunk and length + len(text) > size:
            yield chunk
            chunk, length = [], 0
        chunk.append(text)
        length += len(text)
    if chunk:
        yield chunk


async def _store_subscription(
    connection: Connection, received: WebSocketMessageReceived, username: str, subject: str
) -> None:
    """Store it; it takes the place of those that lapse."""
    now, organization_id = datetime.now(UTC), received.organization_id
    command = Subscribe(received.connection_id, organization_id, received.user_id, username, subject)
    id_ = subscription_id(received.connection_id, subject)
    await execute(connection, SUBSCRIPTION, id_, organization_id, command, now)
    await end_lapsing_of_user(connection, subject, received.user_id, now)


@dataclass(frozen=True)
class Answer:
    """The one answer to a message: sent once, however often the message's record comes."""

    sockets: Sockets
    connection_id: str
    position: int

    async def send(self, frame: str) -> SendResponse:
        """Send it, where an earlier attempt did not."""
        return await self.sockets.send([self.connection_id], [frame], REPLIES, self.position)

    async def send_again(self, frame: str) -> SendResponse:
        """Send it though an earlier attempt did."""
        return await self.sockets.send([self.connection_id], [frame], "", 0)


async def _unsubscribe(
    connection: Connection, received: WebSocketMessageReceived, message: UnsubscribeMessage, answer: Answer
) -> None:
    id_ = subscription_id(received.connection_id, message.subject)
    try:
        await execute(connection, SUBSCRIPTION, id_, received.organization_id, Unsubscribe(), datetime.now(UTC))
    except NotFound as error:
        await answer.send(error_frame(error))


async def _opened(connection: Connection, sealed: str) -> str:
    """A CloudEvent of the feed as those may read it who may see its subject."""
    event = json.loads(sealed)
    version = event.get("schemaversion", 1)
    written = Written(event["source"], event["type"], version, event["organizationid"], event["id"], event["data"])
    readable = await read(written, connection.keys)
    return json.dumps({**event, "schemaversion": readable.schema_version, "data": readable.payload})


def _happened(delivered: Delivered) -> Happened:
    written = Readable(delivered.schema_version, delivered.payload)
    return Happened(delivered.subject, delivered.organization_id, delivered.id, _cloud_event(delivered, written))


def _cloud_event(delivered: Delivered, event: Readable) -> str:
    attributes = {
        "id": delivered.id,
        "source": delivered.source,
        "type": delivered.type,
        "subject": delivered.subject,
        "time": delivered.time,
        "organizationid": delivered.organization_id,
        "aggregateversion": delivered.aggregate_version,
        "schemaversion": event.schema_version,
        "correlationid": delivered.trace.correlation_id,
        "causationid": delivered.trace.causation_id,
        "traceparent": delivered.trace.traceparent,
    }
    return cloud_event(attributes, event.payload)


def reactions(runtime: Runtime) -> Reactions:
    """What notifications reacts to."""
    grace = timedelta(seconds=runtime.settings.subscription_grace)
    notifier = Notifier(runtime.channels, Sockets(runtime.channels), grace)
    return {
        ("websocket-message", "WebSocketMessageReceived"): notifier.when_message_received_answer,
        (
            "websocket-connection",
            "WebSocketConnectionChanged",
        ): notifier.when_connection_changed_let_subscriptions_lapse,
        ("subscription", "SubscriptionChanged"): notifier.when_subscription_changed_tell_presence,
        KEY_DESTROYED: when_organization_key_destroyed_forget([SUBSCRIPTION]),
        **{(kind, "*"): Together(notifier.when_subject_changed_tell_subscribers) for kind in OWNERS},
    }
