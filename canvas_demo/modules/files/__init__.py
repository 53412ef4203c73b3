"""File descriptors, and the contents that they describe."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from canvas_demo.kernel.module import Module, Running, Runtime
from canvas_demo.modules.files import reactions, service
from canvas_demo.modules.files.storage import open_storage
from canvas_demo.modules.files.store import FILE
from canvas_demo.modules.files.sweeping import Sweeper


@asynccontextmanager
async def start(runtime: Runtime) -> AsyncIterator[Running]:
    """Have a storage, then answer calls, and give up what nobody finishes."""
    storage = open_storage(runtime.settings)
    await storage.check()
    sweeper = Sweeper(runtime.pool, storage)
    sweeping = asyncio.create_task(sweeper.sweeping())
    try:
        yield Running(services=service.services(runtime, storage, sweeper), reactions=reactions.REACTIONS)
    finally:
        sweeping.cancel()


MODULE = Module("files", Path(__file__).parent, aggregates=(FILE,), start=start)
