"""A consumer whose process ends or freezes at a record: the others go on, and its late write has no effect."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import psutil
import pytest

from canvas_demo.kernel.database import open_pool
from canvas_demo.kernel.parking import ENDED
from tests.integration.consumer_process import orders
from tests.integration.effects import DEADLINE, Effects, quick


@pytest.fixture
async def effects(stack: Any) -> AsyncIterator[Effects]:
    settings = quick(stack.settings)
    async with open_pool(settings, "canvases") as pool:
        yield Effects(settings, pool)


@asynccontextmanager
async def member(told: bytes) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that consumes; it is ended with the block."""
    command = [sys.executable, "-m", "tests.integration.consumer_process"]
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    assert process.stdin
    process.stdin.write(told)
    process.stdin.close()
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_record_that_ends_its_process_again_and_again_is_parked(effects: Effects) -> None:
    first, poison, behind, other = (str(uuid4()) for _ in range(4))
    effects.produce(first, poison, behind)
    effects.produce(other, key="b")
    told = orders(effects, exit_at=poison)
    for _ in range(1 + effects.settings.consumer_attempts):  # together with the one behind it, then alone
        async with member(told) as process, asyncio.timeout(DEADLINE):
            assert await process.wait() == 1
    rows = await effects.parked()
    assert [(row["event_id"], row["attempts"]) for row in rows] == [(poison, 3), (behind, 0)]
    assert rows[0]["reason"] == ENDED
    async with member(told):
        await effects.until(first, other)


async def test_what_a_frozen_consumer_writes_late_has_no_effect(effects: Effects) -> None:
    first, held, behind, last = (str(uuid4()) for _ in range(4))
    async with member(orders(effects, freeze_at=held)) as zombie:
        effects.produce(first)
        await effects.until(first)
        effects.produce(held, behind)
        end = time.monotonic() + DEADLINE
        while psutil.Process(zombie.pid).status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < end, "it did not freeze"
            await asyncio.sleep(0.02)
        async with effects.running():
            await effects.until(first, held, behind)
            os.kill(zombie.pid, signal.SIGCONT)
            effects.produce(held, behind, last)
            await effects.until(first, held, behind, last)
        further = str(uuid4())
        effects.produce(further)  # for the one that came back
        await effects.until(first, held, behind, last, further)
        await effects.until_parked([])
