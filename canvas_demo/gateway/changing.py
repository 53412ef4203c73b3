"""Changes, and what becomes of them where another writer was quicker."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from canvas_demo.gateway.callers import Metadata
from canvas_demo.kernel.errors import Conflict
from canvas_demo.kernel.rpc import ask

T = TypeVar("T")

ATTEMPTS = 8


async def change(method: Callable[..., Awaitable[T]], request: Message, caller: Metadata) -> T:
    """The answer to a call that changes an aggregate.

    One that makes no condition (its ``expected_version`` is 0, or it knows none) is tried again where
    another writer was quicker: a reaction, say, that its client can't know of. Raises `Conflict` where
    it made one, or where there was always another.
    """
    attempts = 1 if getattr(request, "expected_version", 0) else ATTEMPTS
    for attempt in range(attempts):
        try:
            return await ask(method(request, metadata=caller))
        except Conflict:
            if attempt == attempts - 1:
                raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  (spreads writers, keeps no secret)
    raise AssertionError("unreachable")
