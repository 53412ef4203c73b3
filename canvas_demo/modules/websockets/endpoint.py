"""``/ws``: the handshake, and the life of a socket."""

import asyncio
import time

from grpc.aio import AioRpcError
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from canvas_demo.kernel.errors import DomainError, Invalid, Unauthenticated
from canvas_demo.kernel.rpc import error_of
from canvas_demo.kernel.tokens import Caller, TokenVerifier
from canvas_demo.kernel.trace import Trace, set_trace
from canvas_demo.modules.websockets.domain import (
    Verdict,
    check_origins,
    checked_text,
    error_text,
    text_frame,
    welcome_text,
)
from canvas_demo.modules.websockets.host import Host
from canvas_demo.modules.websockets.live import POLICY_VIOLATION, SERVICE_RESTART, Ending, Live
from canvas_demo.modules.websockets.protocol import WIRE, WireProtocol

TOKEN_COOKIE = "canvas_demo_token"  # noqa: S105  (the cookie's name)
CLOSING = 5.0
"""Seconds that a client is given to take what waits for it and the closing frame."""


class Endpoint:
    """Takes sockets for a host."""

    def __init__(self, host: Host, verifier: TokenVerifier, origins: frozenset[str]) -> None:
        self._host = host
        self._verifier = verifier
        self._origins = origins

    async def serve(self, websocket: WebSocket) -> None:
        """Answer the handshake; where it is accepted, serve the socket until it ends."""
        set_trace(Trace.start(websocket.headers.get("traceparent")))
        try:
            live = await self._host.connect(await self._admit(websocket))
        except DomainError as error:
            await websocket.send_denial_response(_problem(error))
            return
        ending = Ending(SERVICE_RESTART, "host stopped")
        try:
            await websocket.accept()
            wire: WireProtocol = websocket.scope["extensions"][WIRE]
            wire.write_frame(text_frame(welcome_text(live.connection_id, self._host.name)))
            live.open(wire)
            ending = await self._exchange(websocket, live)
        except WebSocketDisconnect:
            ending = Ending(None, "the client went away")
        finally:
            live.end(ending)
            await self._host.disconnect(live, ending.reason)

    async def _admit(self, websocket: WebSocket) -> Caller:
        """Who opens the socket. Raises `Forbidden`, `Unauthenticated`, `Unavailable`."""
        bearer = _bearer(websocket)
        check_origins(websocket.headers.getlist("origin"), self._origins, with_bearer=bool(bearer))
        token = bearer or websocket.cookies.get(TOKEN_COOKIE)
        if not token:
            raise Unauthenticated("Sign in first.")
        try:
            return await self._verifier.verify(token)
        except AioRpcError as error:
            raise error_of(error) from error

    async def _exchange(self, websocket: WebSocket, live: Live) -> Ending:
        """Read until there is a reason to end, and close."""
        expired = Ending(POLICY_VIOLATION, "the token expired")
        expiry = asyncio.get_running_loop().call_later(live.caller.expires_at - time.time(), live.end, expired)
        reading = asyncio.create_task(self._read(websocket, live))
        reading.add_done_callback(lambda task: _failed(task, live))
        try:
            ending = await live.ended
        finally:
            expiry.cancel()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        if ending.code is not None:
            await _close(websocket, ending)
        return ending

    async def _read(self, websocket: WebSocket, live: Live) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                live.end(Ending(None, f"closed by the client ({message.get('code', 1005)})"))
                return
            match live.allowance.take(time.monotonic()):
                case Verdict.TAKEN:
                    await self._take(live, message.get("text"))
                case Verdict.REFUSED:
                    live.send(text_frame(error_text("rate_limited", "Too many messages at once; this one is dropped.")))
                case Verdict.TOO_MANY:
                    live.end(Ending(POLICY_VIOLATION, "too many messages"))
                    return

    async def _take(self, live: Live, text: str | None) -> None:
        try:
            checked = checked_text(text)
        except Invalid as error:
            live.send(text_frame(error_text("invalid_frame", error.detail)))
        else:
            await self._host.receive(live, checked)


def _failed(task: asyncio.Task[None], live: Live) -> None:
    """What ends reading ends the connection."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    if isinstance(error, WebSocketDisconnect):
        live.end(Ending(None, "the client went away"))
    elif not live.ended.done():
        live.ended.set_exception(error)


async def _close(websocket: WebSocket, ending: Ending) -> None:
    """Send the closing frame; a client that takes nothing any more is cut off."""
    wire: WireProtocol = websocket.scope["extensions"][WIRE]
    asyncio.get_running_loop().call_later(CLOSING, wire.abort)
    try:
        async with asyncio.timeout(CLOSING):
            await websocket.send({"type": "websocket.close", "code": ending.code, "reason": ending.reason})
    except (TimeoutError, WebSocketDisconnect):
        return


def _bearer(websocket: WebSocket) -> str:
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _problem(error: DomainError) -> JSONResponse:
    body = {"type": "about:blank", "title": error.title, "status": error.http_status, "detail": error.detail}
    headers = {"www-authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    return JSONResponse(body, error.http_status, headers, media_type="application/problem+json")
