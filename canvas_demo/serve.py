"""The composition root: any set of modules in one process."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib import import_module
from typing import Any

import structlog
import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from canvas_demo.kernel.aggregate import Aggregate
from canvas_demo.kernel.database import Pool, open_pool
from canvas_demo.kernel.kafka import ensure_topics
from canvas_demo.kernel.logs import configure_logs
from canvas_demo.kernel.metrics import exposition
from canvas_demo.kernel.migrate import migrate
from canvas_demo.kernel.module import Module, run_module
from canvas_demo.kernel.replay import Replayed
from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.kernel.slot import slot_watched

log = structlog.get_logger(__name__)

GATEWAY = "gateway"
ALL = (*MODULES, GATEWAY)
WEBSOCKET_FRAME = 64 * 1024
"""Bytes of the largest frame that a client may send; a larger one closes with 1009."""


def module(name: str) -> Module:
    """The module of this name."""
    found: Module = import_module(f"canvas_demo.modules.{name}").MODULE
    return found


def run_migrations(settings: Settings) -> Iterator[str]:
    """Bring the database up to date for every module; yields a line for each migration applied."""
    return migrate(settings, [(name, module(name).migrations) for name in MODULES])


async def replay(
    settings: Settings, names: Sequence[str], how: Callable[[Pool, Aggregate[Any]], Awaitable[Replayed]]
) -> AsyncIterator[tuple[str, Replayed]]:
    """`verify` or `rebuild` each aggregate type of the modules ``names``; yields (module, what came of it)."""
    for name in names:
        async with open_pool(settings, name) as pool:
            for aggregate in module(name).aggregates:
                yield name, await how(pool, aggregate)


def rotate_signing_key(settings: Settings) -> str:
    """Have a new key that signs tokens; a line that says which and from when."""
    from canvas_demo.modules.identity.rotation import SigningKeyTable  # noqa: PLC0415  (serves no other command)

    async def rotate() -> str:
        async with open_pool(settings, "identity") as pool:
            key = await SigningKeyTable(pool, settings).rotate()
            return f"Key {key.kid} signs from {key.signs_from.isoformat(timespec='seconds')}."

    return asyncio.run(rotate())


def run(settings: Settings, names: Sequence[str]) -> None:
    """Serve ``names`` (modules, and ``gateway``) until SIGTERM or SIGINT."""
    configure_logs(settings)
    uvloop.run(_serve(settings, names))


async def _serve(settings: Settings, names: Sequence[str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    modules = [module(name) for name in names if name != GATEWAY]
    types = sorted({aggregate.type for name in MODULES for aggregate in module(name).aggregates})
    await asyncio.to_thread(ensure_topics, settings, types)
    async with AsyncExitStack() as running:
        routes: list[Any] = []
        for each in modules:
            routes += (await running.enter_async_context(run_module(each, settings))).routes
        if GATEWAY in names:
            from canvas_demo.gateway.app import run_gateway  # noqa: PLC0415  (FastAPI is slow to import)

            app = await running.enter_async_context(run_gateway(settings))
            app.router.routes[:0] = [*routes, METRICS]
            await running.enter_async_context(slot_watched(settings))
            await running.enter_async_context(_web_server(settings, app, (settings.host, settings.port_web)))
        elif address := _web_address(settings, bool(routes)):
            own = Starlette(routes=[*routes, METRICS, Route("/api/health", _health)])
            await running.enter_async_context(_web_server(settings, own, address))
        log.info("serving", modules=list(names))
        await stop.wait()
        log.info("stopping", modules=list(names))


def _web_address(settings: Settings, has_routes: bool) -> tuple[str, int] | None:  # noqa: FBT001  (a fact)
    """Where a process without the gateway answers HTTP: what its modules serve on the web port, else metrics alone."""
    if has_routes:
        return settings.host, settings.port_web
    host, _, port = settings.metrics_listen.rpartition(":")
    return (host, int(port)) if port else None


async def _metrics(request: Request) -> Response:  # noqa: ARG001  (Starlette's signature)
    """The process's metrics, as Prometheus reads them."""
    content, media_type = await exposition()
    return Response(content, media_type=media_type)


METRICS = Route("/metrics", _metrics)


async def _health(request: Request) -> Response:  # noqa: ARG001  (Starlette's signature)
    """That a process without the gateway serves."""
    return JSONResponse({"status": "SERVING"})


class _WebServer(uvicorn.Server):
    """A server that leaves the signals to its process, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


def web_config(settings: Settings, app: Any) -> uvicorn.Config:  # noqa: ANN401  (any ASGI application)
    """How the web server answers with ``app``; whom it believes about where requests come from."""
    return uvicorn.Config(
        app,
        http="canvas_demo.gateway.http:BoundedProtocol",
        ws="canvas_demo.modules.websockets.protocol:WireProtocol",
        ws_max_size=WEBSOCKET_FRAME,
        ws_per_message_deflate=False,
        ws_ping_interval=settings.websocket_ping,
        ws_ping_timeout=settings.websocket_ping,
        lifespan="off",
        access_log=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        log_level="warning",
        timeout_graceful_shutdown=5,
    )


@asynccontextmanager
async def _web_server(
    settings: Settings,
    app: Any,  # noqa: ANN401  (any ASGI application)
    address: tuple[str, int],
) -> AsyncIterator[None]:
    server = _WebServer(web_config(settings, app))
    with socket.create_server(address, backlog=2048) as listener:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve([listener]))
            await server.listening.wait()
            try:
                yield
            finally:
                server.should_exit = True
