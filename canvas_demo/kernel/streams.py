"""How the receiver of a stream refuses it, so that the sender learns why.

A gRPC call that is ended while its client writes loses its status: grpc.aio then knows only that the
write failed (`rpc.BROKEN_OFF`). So a receiver that has seen enough says so with its initial metadata,
reads on until the sender has stopped, and only then ends the call.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from grpc.aio import StreamUnaryCall

from canvas_demo.kernel.errors import DomainError

STOP = "stop"
"""Initial metadata: nothing that comes is taken any more."""
PATIENCE = 1000
"""Messages that are read on from a sender that does not stop."""


@asynccontextmanager
async def hearing_out(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[None]:  # noqa: ANN401
    """Where the block raises a `DomainError`, tell the sender to stop, and let it come to its end first."""
    try:
        yield
    except DomainError:
        await context.send_initial_metadata(((STOP, "1"),))
        for _ in range(PATIENCE):
            if await anext(requests, None) is None:
                break
        raise


class Stopped:
    """Whether the receiver of a call has told its sender to stop."""

    def __init__(self, call: "StreamUnaryCall[Any, Any]") -> None:
        self._said = asyncio.ensure_future(call.initial_metadata())

    def __bool__(self) -> bool:
        """Nothing needs to be sent any more: the call's answer, or the reason, comes by itself."""
        return self._said.done()

    def forget(self) -> None:
        """The call is over."""
        self._said.cancel()
