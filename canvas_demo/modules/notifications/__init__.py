"""Who is told of what: subscriptions of connections to subjects, and the feed of each subject."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from canvas_demo.kernel.module import Module, Running, Runtime
from canvas_demo.modules.notifications import reactions, service
from canvas_demo.modules.notifications.store import SUBSCRIPTION
from canvas_demo.modules.notifications.sweep import sweeping


@asynccontextmanager
async def start(runtime: Runtime) -> AsyncIterator[Running]:
    """Answer calls, react to what clients say and to what happens to subjects, and end what has lapsed."""
    async with sweeping(runtime.pool):
        yield Running(services=service.services(runtime), reactions=reactions.reactions(runtime))


MODULE = Module("notifications", Path(__file__).parent, aggregates=(SUBSCRIPTION,), start=start)
