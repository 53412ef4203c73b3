"""gRPC between modules: servers that check who calls, channels that say who does.

Over the wire: metadata ``authorization`` (the person's token), ``service-authorization`` (the
calling module's credential), ``idempotency-key``, ``x-client-address``, ``x-correlation-id``,
``x-causation-id`` and ``traceparent``. An error is a status with `google.rpc.ErrorInfo` in its details (https://google.aip.dev/193).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, Self, TypeVar
from urllib.parse import unquote

import grpc
import psycopg
import structlog
from google.protobuf import any_pb2, descriptor_pool
from google.rpc import error_details_pb2, status_pb2
from grpc.aio import AioRpcError, Metadata
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_reflection.v1alpha import reflection
from psycopg.errors import IdleInTransactionSessionTimeout
from psycopg_pool import PoolTimeout

from canvas_demo.contracts.kernel.v1 import options_pb2
from canvas_demo.kernel.errors import DomainError, Unauthenticated, Unavailable, error_for
from canvas_demo.kernel.idempotency import METADATA as IDEMPOTENCY_KEY
from canvas_demo.kernel.idempotency import checked_idempotency_key, set_idempotency_key
from canvas_demo.kernel.metrics import COMMAND_SECONDS, COMMANDS
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.tokens import ServiceCredentials, TokenVerifier, current_token, set_caller
from canvas_demo.kernel.trace import Trace, current_trace, set_trace

log = structlog.get_logger(__name__)
T = TypeVar("T")

CLIENT_ADDRESS = "x-client-address"
DETAILS = "grpc-status-details-bin"
DEADLINE = 10.0
"""Seconds that a call with one answer may take, where its caller has no shorter deadline."""
BROKEN_OFF = "Internal error from Core"
"""What grpc.aio says where the other side ends a call while a message is being written to it; why is then lost."""
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)

CHANNEL_OPTIONS = [
    # Every instance of a module in turn; one that is not there is left out until it is back.
    ("grpc.service_config", '{"loadBalancingConfig": [{"round_robin": {}}]}'),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.dns_min_time_between_resolutions_ms", 1000),
    # A process that is frozen keeps its connections: only its silence tells.
    ("grpc.keepalive_time_ms", 3000),
    ("grpc.keepalive_timeout_ms", 4000),
    # While a ping of the flow control is under way, no keep-alive is sent: that one has to count too.
    ("grpc.http2.ping_timeout_ms", 4000),
    ("grpc.http2.max_pings_without_data", 0),
    # An answer is as large as what was stored, which is limited where it is stored. (A request: 4 MiB.)
    ("grpc.max_receive_message_length", -1),
]
SERVER_OPTIONS = [
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 1000),
    ("grpc.http2.max_ping_strikes", 0),
]


# --- errors ------------------------------------------------------------------------------------------------


def error_of(error: AioRpcError) -> DomainError:
    """The error that another module's answer stands for."""
    if error.details() == BROKEN_OFF:
        return Unavailable("A module ended the call before it had all of it; try again.")
    info = error_details_pb2.ErrorInfo()
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                detail.Unpack(info)
    return error_for(info.reason, error.code().name, error.details() or "", dict(info.metadata))


async def ask(call: Awaitable[T]) -> T:
    """The answer of another module; its error as the `DomainError` it raised."""
    try:
        return await call
    except AioRpcError as error:
        raise error_of(error) from error


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: DomainError) -> None:
    code = grpc.StatusCode[error.grpc_status]
    info = any_pb2.Any()
    info.Pack(error_details_pb2.ErrorInfo(reason=type(error).__name__, domain="canvas-demo", metadata=error.metadata))
    status = status_pb2.Status(code=code.value[0], message=error.detail, details=[info])
    await context.abort(code, error.detail, ((DETAILS, status.SerializeToString()),))


# --- channels ----------------------------------------------------------------------------------------------


class _Identified:
    """Puts the caller, the calling module, the trace and a deadline on each call."""

    def __init__(self, credentials: ServiceCredentials) -> None:
        self._credentials = credentials

    def _with_identity(self, details: grpc.aio.ClientCallDetails, deadline: float | None) -> grpc.aio.ClientCallDetails:
        metadata = Metadata(*(details.metadata or ()))
        present = set(metadata.keys())
        trace = current_trace()
        metadata["x-correlation-id"] = trace.correlation_id
        metadata["x-causation-id"] = trace.causation_id
        metadata["traceparent"] = trace.traceparent
        metadata["service-authorization"] = f"Bearer {self._credentials.token()}"
        token = current_token()
        if token and "authorization" not in present:
            metadata["authorization"] = f"Bearer {token}"
        ends = _deadline.get()
        timeouts = [details.timeout or deadline, ends - time.monotonic() if ends else None]
        timeout = min((value for value in timeouts if value is not None), default=None)
        return grpc.aio.ClientCallDetails(
            details.method, timeout, metadata, details.credentials, details.wait_for_ready
        )


class _UnaryUnary(_Identified, grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_identity(client_call_details, DEADLINE), request)


class _UnaryStream(_Identified, grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(self._with_identity(client_call_details, None), request)


class _StreamUnary(_Identified, grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await continuation(self._with_identity(client_call_details, None), request_iterator)


class Channels:
    """Channels from one module to the others, opened when first used."""

    def __init__(self, settings: Settings, module: str) -> None:
        self._settings = settings
        self.credentials = ServiceCredentials(settings, module)
        self._open: dict[str, grpc.aio.Channel] = {}

    def address(self, module: str) -> str:
        """Where a module answers; of several instances the one in this process, which is never frozen alone."""
        instances = self._settings.grpc_address(module)
        own = self._settings.grpc_listen.get(module)
        return own if own in instances.split(",") else instances

    def to(self, module: str) -> grpc.aio.Channel:
        """The channel to a module."""
        return self.at(self.address(module))

    def at(self, address: str) -> grpc.aio.Channel:
        """The channel to ``host:port``, or to several of them with commas between."""
        if address not in self._open:
            interceptors: list[grpc.aio.ClientInterceptor] = [
                kind(self.credentials) for kind in (_UnaryUnary, _UnaryStream, _StreamUnary)
            ]
            target = f"ipv4:{address}" if "," in address else address
            self._open[address] = grpc.aio.insecure_channel(target, interceptors=interceptors, options=CHANNEL_OPTIONS)
        return self._open[address]

    async def serving(self, module: str) -> bool:
        """Whether the module says that it serves (gRPC health checking protocol)."""
        try:
            check: Any = health_pb2_grpc.HealthStub(self.to(module))
            answer = await check.Check(health_pb2.HealthCheckRequest(), timeout=2)
        except AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close them all."""
        for channel in self._open.values():
            await channel.close()


# --- servers -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Service:
    """A gRPC service: what the generated code adds it with, what answers, its full name."""

    add: Callable[[Any, Any], None]
    servicer: Any
    name: str


@cache
def access_of(method: str) -> int:
    """Who may call ``/package.Service/Method``: a value of `options_pb2.Access`."""
    if method.startswith("/grpc."):
        return options_pb2.PUBLIC  # health and reflection
    descriptor = descriptor_pool.Default().FindMethodByName(method.strip("/").replace("/", "."))
    return int(descriptor.GetOptions().Extensions[options_pb2.access])


def _bearer(metadata: dict[str, str], key: str) -> str:
    scheme, _, token = metadata.get(key, "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def _from_module(metadata: dict[str, str], credentials: ServiceCredentials) -> bool:
    """Whether it is another module that calls."""
    try:
        credentials.verify(_bearer(metadata, "service-authorization"))
    except Unauthenticated:
        return False
    return True


def client_address(context: grpc.aio.ServicerContext[Any, Any], credentials: ServiceCredentials) -> str:
    """The address of whoever asks: as a module that forwards the call says, and its word alone counts; else the peer's.

    In the metadata: ``x-client-address``.
    """
    metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
    if address := metadata.get(CLIENT_ADDRESS):
        if _from_module(metadata, credentials):
            return address
        log.info("a client address that no module tells", peer=context.peer())
    return unquote(context.peer().partition(":")[2].rpartition(":")[0]).strip("[]")


class _Guard(grpc.aio.ServerInterceptor):
    """Checks who calls before a method runs, and says in one way what went wrong in it."""

    def __init__(self, verifier: TokenVerifier, credentials: ServiceCredentials) -> None:
        self._verifier = verifier
        self._credentials = credentials

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        kind = ("stream" if handler.request_streaming else "unary", "stream" if handler.response_streaming else "unary")
        name = "_".join(kind)
        behaviour = getattr(handler, name)
        method = handler_call_details.method
        wrap = self._streaming if handler.response_streaming else self._single
        build = getattr(grpc, f"{name}_rpc_method_handler")
        return build(wrap(method, behaviour), handler.request_deserializer, handler.response_serializer)

    def _single(self, method: str, behaviour: Any) -> Any:
        async def guarded(request: Any, context: Any) -> Any:
            async with self._call(method, context):
                return await behaviour(request, context)

        return guarded

    def _streaming(self, method: str, behaviour: Any) -> Any:
        async def guarded(request: Any, context: Any) -> AsyncIterator[Any]:
            async with self._call(method, context):
                async for answer in behaviour(request, context):
                    yield answer

        return guarded

    @asynccontextmanager
    async def _call(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        began, otherwise = time.monotonic(), grpc.StatusCode.OK
        try:
            async with self._answered(method, context):
                yield
        except (asyncio.CancelledError, GeneratorExit):
            otherwise = grpc.StatusCode.CANCELLED
            raise
        finally:
            service, _, name = method.removeprefix("/").partition("/")
            status = context.code() or otherwise
            COMMANDS.labels(service, name, getattr(status, "name", status)).inc()
            COMMAND_SECONDS.labels(service, name).observe(time.monotonic() - began)

    @asynccontextmanager
    async def _answered(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        try:
            await self._enter(method, context)
            yield
        except DomainError as error:
            await _abort(context, error)
        except AioRpcError as error:
            await _abort(context, error_of(error))
        except (psycopg.OperationalError, IdleInTransactionSessionTimeout, PoolTimeout) as error:
            log.warning("database not available", method=method, error=str(error))
            await _abort(context, Unavailable("The database does not answer; try again."))
        except (grpc.aio.AbortError, GeneratorExit):
            raise
        except Exception as error:
            log.exception("method failed", method=method)
            await _abort(context, DomainError(f"Internal error in {method}: see the log."))
            raise error from error

    def _trace_of(self, metadata: dict[str, str]) -> Trace:
        """The trace that a call belongs to; of what has caused it, a module's word alone counts."""
        correlation_id, causation_id = metadata.get("x-correlation-id"), metadata.get("x-causation-id")
        if causation_id not in {None, correlation_id} and not _from_module(metadata, self._credentials):
            causation_id = None
        return Trace.start(metadata.get("traceparent"), correlation_id, causation_id)

    async def _enter(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        set_trace(self._trace_of(metadata))
        remaining = context.time_remaining()
        _deadline.set(time.monotonic() + remaining if remaining is not None else None)
        set_caller(None)
        key = metadata.get(IDEMPOTENCY_KEY)
        set_idempotency_key(None if key is None else checked_idempotency_key(key))
        access = access_of(method)
        if access == options_pb2.SERVICE:
            self._credentials.verify(_bearer(metadata, "service-authorization"))
        elif access != options_pb2.PUBLIC:
            token = _bearer(metadata, "authorization")
            if not token:
                raise Unauthenticated("Sign in first.")
            check = self._verifier.prove if access == options_pb2.ENDED_TOO else self._verifier.verify
            set_caller(await check(token))


@asynccontextmanager
async def serve_rpc(address: str, services: Sequence[Service], channels: Channels) -> AsyncIterator[None]:
    """Answer calls of ``services`` at ``address``, with health and reflection, until the block ends."""
    guard = _Guard(TokenVerifier(channels.to("identity")), channels.credentials)
    server = grpc.aio.server(interceptors=[guard], options=SERVER_OPTIONS)
    health = health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    names: Iterable[str] = [service.name for service in services]
    for service in services:
        service.add(service.servicer, server)
        await health.set(service.name, health_pb2.HealthCheckResponse.SERVING)
    await health.set("", health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection([*names, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name], server)
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await health.enter_graceful_shutdown()
        await server.stop(grace=DEADLINE)
