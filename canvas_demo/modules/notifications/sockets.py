"""The module websockets, as notifications needs it."""

from collections.abc import Sequence
from typing import Any

from canvas_demo.contracts.websockets.v1 import websockets_pb2 as pb
from canvas_demo.contracts.websockets.v1 import websockets_pb2_grpc as pb_grpc
from canvas_demo.kernel.errors import NotFound
from canvas_demo.kernel.rpc import Channels, ask


class Sockets:
    """Speaks to connections. Raises `Unavailable` where websockets itself does not answer."""

    def __init__(self, channels: Channels) -> None:
        self._stub: Any = pb_grpc.WebSocketsStub(channels.to("websockets"))

    async def send(
        self, connection_ids: Sequence[str], texts: Sequence[str], stream: str, position: int
    ) -> pb.SendResponse:
        """Send ``texts`` at ``position``, ``position`` + 1, … of ``stream``; an empty ``stream`` has no positions.

        A connection that can't be reached is not waited for: it is gone, for its host closes it, and its
        client comes back and asks for what it missed.
        """
        first, *further = texts
        request = pb.SendRequest(
            connection_ids=connection_ids, text=first, stream=stream, position=position, further=further
        )
        answer: pb.SendResponse = await ask(self._stub.Send(request))
        return answer

    async def find(self, connection_id: str) -> pb.Connection | None:
        """A connection with the token that it was opened with; None when it is gone."""
        try:
            found: pb.Connection = await ask(
                self._stub.GetConnection(pb.GetConnectionRequest(connection_id=connection_id))
            )
        except NotFound:
            return None
        return found
