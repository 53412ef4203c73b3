"""Canvases and the items on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from canvas_demo.kernel.module import Module, Running, Runtime
from canvas_demo.modules.canvases import reactions, service
from canvas_demo.modules.canvases.store import CANVAS


@asynccontextmanager
async def start(runtime: Runtime) -> AsyncIterator[Running]:
    """Answer calls and react to files."""
    yield Running(services=service.services(runtime), reactions=reactions.REACTIONS)


MODULE = Module("canvases", Path(__file__).parent, aggregates=(CANVAS,), start=start)
