"""Ending subscriptions whose connections have been gone for long enough."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog

from canvas_demo.kernel.database import Pool
from canvas_demo.kernel.failures import passes
from canvas_demo.kernel.trace import Trace, set_trace
from canvas_demo.modules.notifications.store import end_lapsed

log = structlog.get_logger(__name__)

EVERY = 1.0
"""Seconds between two looks."""


@asynccontextmanager
async def sweeping(pool: Pool) -> AsyncIterator[None]:
    """Look again and again while the block runs; instances share the work."""
    async with asyncio.TaskGroup() as tasks:
        sweep = tasks.create_task(_sweep(pool))
        try:
            yield
        finally:
            sweep.cancel()


async def _sweep(pool: Pool) -> None:
    while True:
        await asyncio.sleep(EVERY)
        set_trace(Trace.start())
        try:
            async with pool.connection() as connection:
                await end_lapsed(connection, datetime.now(UTC))
        except Exception as error:
            if not passes(error):
                raise
            log.warning("lapsed subscriptions not ended", error=str(error))
