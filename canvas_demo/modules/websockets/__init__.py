"""Live websocket connections, each on the host that it was opened at."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.routing import WebSocketRoute

from canvas_demo.kernel.metrics import SOCKETS, refreshed
from canvas_demo.kernel.module import Module, Running, Runtime
from canvas_demo.kernel.tokens import TokenVerifier
from canvas_demo.modules.websockets import service
from canvas_demo.modules.websockets.ended_tokens import keep_ending
from canvas_demo.modules.websockets.endpoint import Endpoint
from canvas_demo.modules.websockets.host import Host
from canvas_demo.modules.websockets.store import CONNECTION, CONVERSATION


@asynccontextmanager
async def start(runtime: Runtime) -> AsyncIterator[Running]:
    """Be a websocket host: take sockets at ``/ws`` and answer for them over gRPC."""
    settings = runtime.settings
    address = settings.grpc_listen_address("websockets")
    rate, burst = settings.websocket_rate, settings.websocket_burst
    host = Host(settings.websocket_host_name, address, runtime.pool, rate, burst)
    verifier = TokenVerifier(runtime.channels.to("identity"))
    endpoint = Endpoint(host, verifier, settings.origins)

    async def measure() -> None:
        SOCKETS.set(len(host))

    async with refreshed(measure), asyncio.TaskGroup() as tasks:
        ending = tasks.create_task(keep_ending(host, verifier))
        try:
            yield Running(
                services=service.services(runtime, host),
                routes=[WebSocketRoute("/ws", endpoint.serve, name="websocket")],
                while_it_answers=host.running,
            )
        finally:
            ending.cancel()


MODULE = Module("websockets", Path(__file__).parent, aggregates=(CONNECTION, CONVERSATION), start=start)
