"""Organisations, their users, sign-in, and the keys that sign tokens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from canvas_demo.kernel.module import Module, Running, Runtime
from canvas_demo.modules.identity import reactions, service
from canvas_demo.modules.identity.passwords import Passwords
from canvas_demo.modules.identity.registration import register_first_user
from canvas_demo.modules.identity.rotation import SigningKeyTable
from canvas_demo.modules.identity.store import ORGANIZATION, USER


@asynccontextmanager
async def start(runtime: Runtime) -> AsyncIterator[Running]:
    """Have a signing key and a first user, then answer calls."""
    passwords = await asyncio.to_thread(Passwords)
    keys = SigningKeyTable(runtime.pool, runtime.settings)
    await keys.current()
    # A task of its own: what is traced here must not become the trace of all that runs later.
    await asyncio.create_task(register_first_user(runtime.pool, passwords))
    yield Running(services=service.services(runtime, passwords, keys), reactions=reactions.REACTIONS)


MODULE = Module("identity", Path(__file__).parent, aggregates=(ORGANIZATION, USER), start=start)
