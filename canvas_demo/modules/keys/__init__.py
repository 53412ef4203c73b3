"""A data key per organisation, wrapped by the master key."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from canvas_demo.kernel.module import Module, Running, Runtime
from canvas_demo.modules.keys import reactions, service
from canvas_demo.modules.keys.store import KEY, check_master_key
from canvas_demo.modules.keys.wrapping import KeyWrapper


@asynccontextmanager
async def start(runtime: Runtime) -> AsyncIterator[Running]:
    """Have the right master key, then answer calls and react to organisations."""
    wrapper = KeyWrapper.of(runtime.settings)
    async with runtime.pool.connection() as connection:
        await check_master_key(connection, wrapper)
    yield Running(services=service.services(runtime, wrapper), reactions=reactions.reactions(wrapper))


MODULE = Module("keys", Path(__file__).parent, aggregates=(KEY,), start=start)
