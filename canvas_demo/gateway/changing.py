"""Changes, and what becomes of them where another writer was quicker."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

from canvas_demo.gateway.callers import Metadata
from canvas_demo.kernel.errors import Conflict, Invalid, Stale
from canvas_demo.kernel.rpc import ask

T = TypeVar("T")

ATTEMPTS = 8
VERSIONS = 8
"""Of those that a client names, how many of the newest are looked at."""


class Change(Protocol):
    """A request for a change, on the condition that the aggregate is at a version; 0 makes none."""

    expected_version: int


async def change(
    method: Callable[..., Awaitable[T]], request: Change, caller: Metadata, expected: Sequence[int] = ()
) -> T:
    """The answer to a call that changes an aggregate, which must be at one of the versions that are ``expected``.

    Where none is, it is tried again when another writer was quicker: a reaction, say, that its client
    can't know of. Raises `Conflict` where one is, or where there was always another, and `Stale`.
    """
    if not expected:
        return await _insist(method, request, caller)
    versions = sorted(set(expected), reverse=True)[:VERSIONS]
    while True:
        request.expected_version, *versions = versions
        try:
            return await ask(method(request, metadata=caller))
        except Stale as error:
            versions = [version for version in versions if version == int(error.metadata["current_version"])]
            if not versions:
                raise
        except Invalid as error:  # the first request with this key may have been that at another version
            if not versions or error.metadata.get("field") != "Idempotency-Key":
                raise


async def _insist(method: Callable[..., Awaitable[T]], request: Change, caller: Metadata) -> T:
    for attempt in range(ATTEMPTS):
        try:
            return await ask(method(request, metadata=caller))
        except Conflict:
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311  (spreads writers, keeps no secret)
    raise AssertionError("unreachable")
