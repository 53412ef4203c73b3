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
from canvas_demo.modules.websockets.domain import check_origins, checked_text, error_frame, welcome_frame
from canvas_demo.modules.websockets.host import Host
from canvas_demo.modules.websockets.live import POLICY_VIOLATION, SERVICE_RESTART, Ending, Live

TOKEN_COOKIE = "canvas_demo_token"  # noqa: S105  (the cookie's name)
CLOSING = 2.0
"""Seconds that a client is given to take the closing frame."""


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
            live.send(welcome_frame(live.connection_id, self._host.name))
            await websocket.accept()
            ending = await self._exchange(websocket, live)
        except WebSocketDisconnect:
            ending = Ending(None, "the client went away")
        finally:
            live.end(ending)
            await self._host.disconnect(live, ending.reason)

    async def _admit(self, websocket: WebSocket) -> Caller:
        """Who opens the socket. Raises `Forbidden`, `Unauthenticated`, `Unavailable`."""
        check_origins(websocket.headers.getlist("origin"), self._origins)
        token = _token(websocket)
        if not token:
            raise Unauthenticated("Sign in first.")
        try:
            return await self._verifier.verify(token)
        except AioRpcError as error:
            raise error_of(error) from error

    async def _exchange(self, websocket: WebSocket, live: Live) -> Ending:
        """Read and write until there is a reason to end, and close."""
        expired = Ending(POLICY_VIOLATION, "the token expired")
        expiry = asyncio.get_running_loop().call_later(live.caller.expires_at - time.time(), live.end, expired)
        tasks = [asyncio.create_task(work(websocket, live)) for work in (self._read, _write)]
        for task in tasks:
            task.add_done_callback(lambda task: _failed(task, live))
        try:
            ending = await live.ended
        finally:
            expiry.cancel()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if ending.code is not None:
            await _close(websocket, ending)
        return ending

    async def _read(self, websocket: WebSocket, live: Live) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                live.end(Ending(None, f"closed by the client ({message.get('code', 1005)})"))
                return
            try:
                text = checked_text(message.get("text"))
            except Invalid as error:
                live.send(error_frame("invalid_frame", error.detail))
            else:
                await self._host.receive(live, text)


async def _write(websocket: WebSocket, live: Live) -> None:
    while True:
        text = await live.frames.get()
        await websocket.send({"type": "websocket.send", "text": text})


def _failed(task: asyncio.Task[None], live: Live) -> None:
    """What ends reading or writing ends the connection."""
    if task.cancelled() or (error := task.exception()) is None:
        return
    if isinstance(error, WebSocketDisconnect):
        live.end(Ending(None, "the client went away"))
    elif not live.ended.done():
        live.ended.set_exception(error)


async def _close(websocket: WebSocket, ending: Ending) -> None:
    """Send the closing frame; a client that takes nothing any more gets none."""
    try:
        async with asyncio.timeout(CLOSING):
            await websocket.send({"type": "websocket.close", "code": ending.code, "reason": ending.reason})
    except (TimeoutError, WebSocketDisconnect):
        return


def _token(websocket: WebSocket) -> str:
    scheme, _, token = websocket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    return websocket.cookies.get(TOKEN_COOKIE, "")


def _problem(error: DomainError) -> JSONResponse:
    body = {"type": "about:blank", "title": error.title, "status": error.http_status, "detail": error.detail}
    headers = {"www-authenticate": "Bearer"} if isinstance(error, Unauthenticated) else {}
    return JSONResponse(body, error.http_status, headers, media_type="application/problem+json")
