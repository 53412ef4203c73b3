"""What holds for every request: its trace, who may send it from where, how much of it, and safe headers."""

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from canvas_demo.gateway.problems import internal_problem, problem_of
from canvas_demo.kernel.errors import Forbidden
from canvas_demo.kernel.trace import Trace, set_trace

log = structlog.get_logger(__name__)

BODY_LIMIT = "canvas_demo.body_limit"
"""Key of the ASGI scope under which an operation that streams its body sets a limit of its own, in bytes."""
ANSWER_HEADERS = "canvas_demo.answer_headers"
"""Key of the ASGI scope under which an operation sets headers that all its answers carry, errors too."""
PLAIN_BODY_LIMIT = 1024 * 1024
"""Bytes of a body that is read whole."""
DRAIN_LIMIT = 16 * 1024 * 1024
DRAIN_SECONDS = 5
PREFIX = re.compile(r"(/[\w.~%@-]+)+")
SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}
HEADERS = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'; object-src 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}
"""On every answer that does not say otherwise; the page may stand in a frame of its own origin, as in JupyterLab."""


class Edge:
    """The outermost ASGI application: what reaches the routes has a trace and comes from where it may."""

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything but HTTP goes through untouched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trace = Trace.start(headers.get("traceparent"), headers.get("x-correlation-id"))
        set_trace(trace)
        exchange = _Exchange(scope, receive, send, trace, expects="expect" in headers)
        with structlog.contextvars.bound_contextvars(
            correlation_id=trace.correlation_id, traceparent=trace.traceparent
        ):
            await self._answer(exchange, headers)

    async def _answer(self, exchange: "_Exchange", headers: Headers) -> None:
        scope = exchange.scope
        try:
            if is_foreign(scope["method"], headers, self._origins):
                error = Forbidden("A page of another origin may not do this in your name.")
                await problem_of(error)(scope, exchange.receive, exchange.send)
            else:
                await self._app(scope, exchange.receive, exchange.send)
        except ClientDisconnect:
            log.info("client gone", method=scope["method"], path=scope["path"])
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if exchange.answering:
                raise  # the server cuts the connection: the only way left to say that the answer is not whole
            await internal_problem()(scope, exchange.receive, exchange.send)


@dataclass
class _Exchange:
    """A request and its answer on their way."""

    scope: Scope
    pull: Receive
    push: Send
    trace: Trace
    expects: bool
    """The client waits with the body until it is asked for (RFC 9110, 10.1.1)."""
    received: int = 0
    pulled: bool = False
    complete: bool = False
    answering: bool = field(default=False)

    async def receive(self) -> Message:
        """The next piece of the body, up to the limit."""
        self.pulled = True
        message = await self.pull()
        self.received += len(message.get("body", b""))
        self.complete = self.complete or not message.get("more_body", False)
        limit = self.scope.get(BODY_LIMIT, PLAIN_BODY_LIMIT)
        if self.received > limit and not self.answering:
            raise HTTPException(413, f"The body may have {limit} bytes.")
        return message

    async def send(self, message: Message) -> None:
        """Pass a piece of the answer on; its start carries the headers of every answer."""
        if message["type"] == "http.response.start":
            self.answering = True
            headers = MutableHeaders(scope=message)
            for name, value in {**HEADERS, **self.scope.get(ANSWER_HEADERS, {})}.items():
                headers.setdefault(name, value)
            headers["X-Correlation-Id"] = self.trace.correlation_id
            headers["traceparent"] = self.trace.traceparent
            if message["status"] < 300 and headers.get("Location", "").startswith("/"):
                headers["Location"] = prefix_of(Headers(scope=self.scope)) + headers["Location"]
            if message["status"] >= 400:
                await self._drain()
        await self.push(message)

    async def _drain(self) -> None:
        """Read on for a while: a connection closed with the body unread is reset, and the answer lost with it."""
        if self.expects and not self.pulled:
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.complete and self.received < DRAIN_LIMIT:
                    await self.receive()
        except TimeoutError:
            log.info("body not read to its end", path=self.scope["path"])


def prefix_of(headers: Headers) -> str:
    """The folder that a proxy has put us in, without a slash at its end; empty where there is none.

    For the addresses in an answer, and for where its cookie goes back to: on a JupyterHub everybody's
    servers have one host, and other people's must not get it. It concerns whoever asks alone, so anybody may say it.
    """
    prefix = headers.get("x-forwarded-prefix", "").rstrip("/")
    return prefix if PREFIX.fullmatch(prefix) else ""


def is_foreign(method: str, headers: Headers, origins: Collection[str]) -> bool:
    """Whether a page of another origin wants to change something with the cookie of the person before it.

    A bearer token can't be sent by such a page. Browsers say where a request comes from in
    ``Sec-Fetch-Site`` (https://www.w3.org/TR/fetch-metadata/), older ones in ``Origin``; programs
    send neither.
    """
    if method in SAFE_METHODS or re.match(r"bearer\s", headers.get("authorization", ""), re.IGNORECASE):
        return False
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        return site not in {"same-origin", "none"}
    return origin is not None and origin not in origins and urlsplit(origin).netloc != headers.get("host")
