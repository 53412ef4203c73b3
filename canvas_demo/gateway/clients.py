"""The modules as the gateway sees them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request

from canvas_demo.contracts.canvases.v1.canvases_pb2_grpc import CanvasesStub
from canvas_demo.contracts.files.v1.files_pb2_grpc import FilesStub
from canvas_demo.contracts.identity.v1.identity_pb2_grpc import IdentityStub
from canvas_demo.contracts.keys.v1.keys_pb2_grpc import KeysStub
from canvas_demo.contracts.notifications.v1.notifications_pb2_grpc import NotificationsStub
from canvas_demo.kernel.rpc import Channels

if TYPE_CHECKING:
    from canvas_demo.contracts.canvases.v1.canvases_pb2_grpc import CanvasesAsyncStub
    from canvas_demo.contracts.files.v1.files_pb2_grpc import FilesAsyncStub
    from canvas_demo.contracts.identity.v1.identity_pb2_grpc import IdentityAsyncStub
    from canvas_demo.contracts.keys.v1.keys_pb2_grpc import KeysAsyncStub
    from canvas_demo.contracts.notifications.v1.notifications_pb2_grpc import NotificationsAsyncStub


@dataclass(frozen=True)
class Clients:
    """A gRPC client for each module that the gateway calls."""

    channels: Channels
    identity: "IdentityAsyncStub"
    keys: "KeysAsyncStub"
    canvases: "CanvasesAsyncStub"
    files: "FilesAsyncStub"
    notifications: "NotificationsAsyncStub"


def clients_over(channels: Channels) -> Clients:
    """Clients over ``channels``; nothing connects yet."""
    return Clients(
        channels,
        IdentityStub(channels.to("identity")),
        KeysStub(channels.to("keys")),
        CanvasesStub(channels.to("canvases")),
        FilesStub(channels.to("files")),
        NotificationsStub(channels.to("notifications")),
    )


async def _clients(request: Request) -> Clients:
    found: Clients = request.app.state.clients
    return found


Modules = Annotated[Clients, Depends(_clients)]
