"""File descriptors, and the contents that they describe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from canvas_demo.kernel.forgetting import KEY_DESTROYED, when_organization_key_destroyed_forget
from canvas_demo.kernel.module import Module, Running, Runtime
from canvas_demo.modules.files import service
from canvas_demo.modules.files.storage import open_storage
from canvas_demo.modules.files.store import FILE


@asynccontextmanager
async def start(runtime: Runtime) -> AsyncIterator[Running]:
    """Answer calls."""
    storage = open_storage(runtime.settings)
    reactions = {KEY_DESTROYED: when_organization_key_destroyed_forget([FILE])}
    yield Running(services=service.services(runtime, storage), reactions=reactions)


MODULE = Module("files", Path(__file__).parent, aggregates=(FILE,), start=start)
