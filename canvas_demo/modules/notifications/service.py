"""The gRPC services of notifications."""

from typing import Any

from canvas_demo.contracts.kernel.v1 import subjects_pb2, subjects_pb2_grpc
from canvas_demo.contracts.notifications.v1 import notifications_pb2 as pb
from canvas_demo.contracts.notifications.v1 import notifications_pb2_grpc as pb_grpc
from canvas_demo.kernel.module import Runtime
from canvas_demo.kernel.rpc import Service, ask
from canvas_demo.kernel.tokens import current_caller
from canvas_demo.modules.notifications.domain import checked_subject, owner_of
from canvas_demo.modules.notifications.store import cursor_of, list_presence, list_rows


class NotificationsService(pb_grpc.NotificationsServicer):
    """Tells who is subscribed, to whom may see the subject."""

    def __init__(self, runtime: Runtime) -> None:
        self._pool = runtime.pool
        self._channels = runtime.channels

    async def ListSubscriptions(
        self, request: pb.ListSubscriptionsRequest, context: Any
    ) -> pb.ListSubscriptionsResponse:
        subject = await self._visible(request.subject)
        async with self._pool.connection() as connection:
            rows = await list_rows(connection, subject, current_caller().organization_id)
            cursor = await cursor_of(connection, subject)
        return pb.ListSubscriptionsResponse(subscriptions=[_message(row) for row in rows], cursor=cursor)

    async def ListPresence(self, request: pb.ListPresenceRequest, context: Any) -> pb.ListPresenceResponse:
        subject = await self._visible(request.subject)
        async with self._pool.connection() as connection:
            rows = await list_presence(connection, subject, current_caller().organization_id)
        return pb.ListPresenceResponse(present=[pb.Presence(**row) for row in rows])

    async def _visible(self, subject: str) -> str:
        """A subject that the caller may see, as its owner says. Raises `NotFound`."""
        owner = subjects_pb2_grpc.SubjectsStub(self._channels.to(owner_of(checked_subject(subject))))
        await ask(owner.CheckSubject(subjects_pb2.CheckSubjectRequest(subject=subject)))
        return subject


def _message(row: dict[str, Any]) -> pb.Subscription:
    return pb.Subscription(
        id=row["subscription_id"],
        connection_id=row["connection_id"],
        user_id=row["user_id"],
        subject=row["subject"],
    )


def services(runtime: Runtime) -> list[Service]:
    """What notifications answers."""
    servicer = NotificationsService(runtime)
    return [
        Service(pb_grpc.add_NotificationsServicer_to_server, servicer, "canvas_demo.notifications.v1.Notifications")
    ]
