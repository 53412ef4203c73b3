"""``/ws`` on the web port where the websocket hosts are processes of their own: passed on to one of them.

Each side is its own websocket: pings, fragments and compression are a matter of one side alone.
Frames, closing codes and a refused handshake go through as they are. Nothing waits here: the host
is read no faster than the client takes what it sent.
"""

import asyncio
import itertools
from collections.abc import Sequence

import structlog
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

from canvas_demo.gateway.problems import problem_of
from canvas_demo.kernel.errors import Unavailable
from canvas_demo.kernel.trace import Trace, set_trace

log = structlog.get_logger(__name__)

PASSED_ON = ("authorization", "cookie", "origin", "traceparent", "user-agent")
"""Headers of the handshake that the host decides by."""
OPENS_WITHIN = 5.0
"""Seconds within which a host answers a handshake; then the next one is asked."""
FRAMES = 16
"""Frames that are read ahead of the side that is to take them."""
NO_STATUS, ABNORMAL, SERVICE_RESTART, NORMAL = 1005, 1006, 1012, 1000


class Relay:
    """Passes sockets on to the hosts at ``urls``, in turn."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._urls = urls
        self._turn = itertools.count()

    async def serve(self, websocket: WebSocket) -> None:
        """Answer the handshake as a host does, and pass on what both sides say until one of them ends."""
        set_trace(Trace.start(websocket.headers.get("traceparent")))
        try:
            host = await self._open(websocket)
        except InvalidStatus as refused:
            await websocket.send_denial_response(_answer(refused))
            return
        except Unavailable as error:
            await websocket.send_denial_response(problem_of(error))
            return
        async with host:
            try:
                await websocket.accept(host.subprotocol)
                await _exchange(websocket, host)
            except WebSocketDisconnect as left:
                await host.close(_code(left.code, NORMAL))

    async def _open(self, websocket: WebSocket) -> ClientConnection:
        """The first host of the row that answers. Raises `InvalidStatus` where it refuses, `Unavailable`."""
        headers = [(name, value) for name in PASSED_ON for value in websocket.headers.getlist(name)]
        query = f"?{websocket.url.query}" if websocket.url.query else ""
        first = next(self._turn)
        for at in range(len(self._urls)):
            url = self._urls[(first + at) % len(self._urls)]
            try:
                return await connect(
                    url + query,
                    additional_headers=headers,
                    subprotocols=websocket.scope["subprotocols"] or None,
                    user_agent_header=None,
                    compression=None,
                    proxy=None,
                    open_timeout=OPENS_WITHIN,
                    max_size=None,
                    max_queue=FRAMES,
                )
            except (OSError, InvalidHandshake) as error:
                if isinstance(error, InvalidStatus) and error.response.status_code != Unavailable.http_status:
                    raise
                log.warning("websocket host does not answer", url=url, error=repr(error))
        raise Unavailable("No websocket host answers; try again.")


async def _exchange(websocket: WebSocket, host: ClientConnection) -> None:
    """Both ways at once, until one side ends. Raises `WebSocketDisconnect` where it was the client."""
    up, down = (asyncio.create_task(way(websocket, host)) for way in (_up, _down))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
        await (up if up.done() and up.exception() else down)
    finally:
        up.cancel()
        down.cancel()
        await asyncio.gather(up, down, return_exceptions=True)


async def _up(websocket: WebSocket, host: ClientConnection) -> None:
    """From the client to the host, until the host ends: the other way has its last words."""
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NO_STATUS))
        text = message.get("text")
        try:
            await host.send(message["bytes"] if text is None else text)
        except ConnectionClosed:
            return


async def _down(websocket: WebSocket, host: ClientConnection) -> None:
    """From the host to the client, its closing too."""
    try:
        while True:
            frame = await host.recv()
            await (websocket.send_text(frame) if isinstance(frame, str) else websocket.send_bytes(frame))
    except ConnectionClosed:
        await websocket.close(_code(host.close_code, SERVICE_RESTART), host.close_reason)


def _code(code: int | None, otherwise: int) -> int:
    """A closing code that may be sent (RFC 6455, 7.4.1); ``otherwise`` where the other side said none."""
    return otherwise if code in {None, NO_STATUS, ABNORMAL} else int(code or otherwise)


def _answer(refused: InvalidStatus) -> Response:
    told = refused.response
    headers = {name: told.headers[name] for name in ("content-type", "www-authenticate") if name in told.headers}
    return Response(bytes(told.body or b""), told.status_code, headers)
