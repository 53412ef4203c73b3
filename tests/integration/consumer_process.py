"""A consumer in a process of its own, that a test can crash or freeze at a record.

``python -m tests.integration.consumer_process`` with its orders as JSON on standard input: the settings,
the names of type and consumer, and the event ids at which it ends (``exit_at``) or freezes itself with
SIGSTOP (``freeze_at``), after its reaction has written and before the transaction is committed.
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

from canvas_demo.kernel.database import Connection, open_pool
from canvas_demo.kernel.kafka import Delivered
from canvas_demo.kernel.settings import Settings
from tests.integration.effects import Effects

HELD = 3.0
"""Seconds for which a frozen process keeps others from what its transaction holds."""


def orders(effects: Effects, *, exit_at: str = "", freeze_at: str = "") -> bytes:
    """What to give such a process, so that it is a member of the group of ``effects``."""
    shown = {**effects.settings.model_dump(mode="json"), "transaction_idle": HELD}
    hidden = {name: getattr(effects.settings, name).get_secret_value() for name in ("secret", "master_key")}
    own = {"type": effects.type, "consumer": effects.consumer, "exit_at": exit_at, "freeze_at": freeze_at}
    return json.dumps({**own, "settings": {**shown, **hidden}}).encode()


async def consume(told: dict[str, Any]) -> None:
    settings = Settings(**told["settings"])
    async with open_pool(settings, "canvases") as pool:
        effects = Effects(settings, pool, type_=told["type"], consumer=told["consumer"])

        async def react(connection: Connection, event: Delivered) -> None:
            await effects.react(connection, event)
            if event.id == told["exit_at"]:
                os._exit(1)
            if event.id == told["freeze_at"]:
                told["freeze_at"] = ""
                os.kill(os.getpid(), signal.SIGSTOP)

        async with effects.running(react):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(consume(json.load(sys.stdin)))
