"""HEAD: whatever GET would answer, without the content (RFC 9110, 9.3.2)."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import Depends, Request
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

HEAD = "canvas_demo.head"
"""Key of the ASGI scope by which an operation sees that its answer goes without its content."""


class Head:
    """An ASGI application that takes HEAD for GET where there is such an operation; the server leaves the body out."""

    def __init__(self, app: ASGIApp, operations: Sequence[Route]) -> None:
        self._app = app
        self._operations = operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            as_get = {**scope, "method": "GET", HEAD: True}
            if any(operation.matches(as_get)[0] is Match.FULL for operation in self._operations):
                scope = as_get
        await self._app(scope, receive, send)


async def _head_alone(request: Request) -> bool:
    return HEAD in request.scope


HeadAlone = Annotated[bool, Depends(_head_alone)]
