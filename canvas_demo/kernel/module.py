"""The one shape of a module: what `canvas_demo.modules.<name>.MODULE` says of itself."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from canvas_demo.kernel.aggregate import Aggregate
from canvas_demo.kernel.consumer import Consumer, Reactions
from canvas_demo.kernel.database import Pool, open_pool
from canvas_demo.kernel.idempotency import Requests
from canvas_demo.kernel.metrics import OUTBOX_ROWS, PARKED, refreshed
from canvas_demo.kernel.parking import QUERIES
from canvas_demo.kernel.rpc import Channels, Service, serve_rpc
from canvas_demo.kernel.settings import Settings


@dataclass(frozen=True)
class Runtime:
    """What a module gets to run with."""

    settings: Settings
    pool: Pool
    channels: Channels
    requests: Requests


@dataclass(frozen=True)
class Running:
    """What a module does while it runs; ``routes`` are ASGI routes for the process's web server.

    ``while_it_answers`` is entered once its services answer: what a second process at its address must not begin.
    """

    services: Sequence[Service]
    reactions: Reactions = field(default_factory=dict)
    routes: Sequence[Any] = ()
    while_it_answers: Callable[[], AbstractAsyncContextManager[None]] = nullcontext


@dataclass(frozen=True)
class Module:
    """A module: its name is that of its schema, its database role and its consumer group."""

    name: str
    package: Path
    aggregates: Sequence[Aggregate[Any]]
    start: Callable[[Runtime], AbstractAsyncContextManager[Running]]

    @property
    def migrations(self) -> Path:
        """The folder of its migrations."""
        return self.package / "migrations"


@asynccontextmanager
async def run_module(module: Module, settings: Settings) -> AsyncIterator[Running]:
    """Run a module: its pool, its gRPC server, its consumer."""
    async with AsyncExitStack() as stack:
        channels = await stack.enter_async_context(Channels(settings, module.name))
        pool = await stack.enter_async_context(open_pool(settings, module.name))
        runtime = Runtime(settings, pool, channels, Requests(pool, settings))
        running = await stack.enter_async_context(module.start(runtime))
        address = settings.grpc_listen_address(module.name)
        await stack.enter_async_context(serve_rpc(address, running.services, channels))
        await stack.enter_async_context(running.while_it_answers())
        await stack.enter_async_context(refreshed(partial(_measure, module.name, pool)))
        if running.reactions:
            consumer = Consumer(settings, module.name, pool, running.reactions)
            await stack.enter_async_context(refreshed(consumer.measure))
            await stack.enter_async_context(consumer.running())
        yield running


async def _measure(module: str, pool: Pool) -> None:
    """Read how much is stored."""
    async with pool.connection() as connection:
        row = await (await connection.execute(QUERIES["measure"])).fetchone()
    if row:
        OUTBOX_ROWS.labels(module).set(row["outbox"])
        PARKED.labels(module).set(row["parked"])
