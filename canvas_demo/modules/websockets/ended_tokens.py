"""Sockets whose token ended before it expired: they are closed, as are those whose token expired."""

import asyncio

import structlog
from grpc.aio import AioRpcError

from canvas_demo.kernel.tokens import ENDED_KNOWN_FOR, TokenVerifier
from canvas_demo.modules.websockets.host import Host
from canvas_demo.modules.websockets.live import POLICY_VIOLATION, Ending

log = structlog.get_logger(__name__)


async def keep_ending(host: Host, verifier: TokenVerifier) -> None:
    """Look again and again; a socket outlives its token by `ENDED_KNOWN_FOR` twice at most, while identity answers."""
    while True:
        await asyncio.sleep(ENDED_KNOWN_FOR)
        try:
            await verifier.learn_ended()
        except AioRpcError as error:
            log.warning("ended tokens not known", error=error.details())
        for live in host.all_live():
            if not verifier.holds(live.caller):
                live.end(Ending(POLICY_VIOLATION, "the token ended"))
