"""Requests that may come twice: one effect, and the first answer again.

A caller who does not know whether a request arrived sends it again with the same ``Idempotency-Key``
(draft-ietf-httpapi-idempotency-key-header; gRPC metadata ``idempotency-key``). The key is claimed in
the transaction that does the work: a second request waits for the first, and finds its answer.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import Message

from canvas_demo.kernel.errors import Conflict, Invalid
from canvas_demo.kernel.sealing import Sealer
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.sql import Queries
from canvas_demo.kernel.tokens import caller_or_none

if TYPE_CHECKING:
    from canvas_demo.kernel.database import Connection, Pool

A = TypeVar("A", bound=Message)
METADATA = "idempotency-key"
REMEMBERED = timedelta(hours=24)
"""How long an answer is kept at least."""
QUERIES = Queries(__package__)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_current: ContextVar[str | None] = ContextVar("idempotency_key", default=None)


def checked_idempotency_key(text: str) -> str:
    """``text`` as a key: 1 to 255 visible ASCII characters; quotes around it are dropped. Raises `Invalid`."""
    key = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
    if not _KEY.fullmatch(key):
        raise Invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
    return key


def current_idempotency_key() -> str | None:
    """The key that the request at hand came with."""
    return _current.get()


def set_idempotency_key(key: str | None) -> None:
    """From here on, in this task and those it starts, the work belongs to the request with this key."""
    _current.set(key)


class Requests:
    """The requests that a module has answered."""

    def __init__(self, pool: "Pool", settings: Settings) -> None:
        self._pool = pool
        self._secret = bytes.fromhex(settings.derived_secret("requests"))
        self._sealer = Sealer(self._secret)

    async def once(
        self,
        request: Message,
        answer: type[A],
        work: "Callable[[Connection], Awaitable[A]]",
        organization: Callable[[A], str] | None = None,
    ) -> A:
        """Do ``work`` in one transaction; with an idempotency key, only the first time.

        ``organization`` says of an answer to somebody who is not signed in whose it is: it is forgotten
        with the organisation. What fails is not remembered: it may be tried again with the same key.
        Raises `Invalid` where the key came with another request before, and whatever ``work`` does.
        """
        key = current_idempotency_key()
        async with self._pool.connection() as connection:
            if key is None:
                return await work(connection)
            claim = self._claim(request, key)
            claimed = await connection.execute(QUERIES["claim_request"], claim)
            if await claimed.fetchone() is None:
                return answer.FromString(await self._first(connection, claim))
            done = await work(connection)
            sealed = self._sealer.seal(done.SerializeToString(), _context(claim))
            kept = {**claim, "answer": sealed} | ({"organization_id": organization(done)} if organization else {})
            async with connection.pipeline():
                await connection.execute(QUERIES["keep_answer"], kept)
                # Last: of whose organisation these are, who forgets it may wait for them, and the work for that.
                await connection.execute(QUERIES["drop_old_requests"], claim)
            return done

    async def forget(self, request: Message, answer: Message) -> None:
        """Do as if the request at hand had never come, if it was answered so: what it led to was undone."""
        claim = self._claim(request, current_idempotency_key() or "")
        async with self._pool.connection() as connection:
            found = await (await connection.execute(QUERIES["hold_answer"], claim)).fetchone()
            if found and type(answer).FromString(self._sealer.open(found["answer"], _context(claim))) == answer:
                await connection.execute(QUERIES["forget_request"], claim)

    def _claim(self, request: Message, key: str) -> dict[str, object]:
        asked = request.DESCRIPTOR.full_name.encode() + b"\0" + request.SerializeToString(deterministic=True)
        fingerprint = hmac.digest(self._secret, asked, hashlib.sha256)
        caller, now = caller_or_none(), datetime.now(UTC)
        return {
            "scope": caller.user_id if caller else fingerprint.hex(),
            "key": key,
            "fingerprint": fingerprint,
            "organization_id": caller.organization_id if caller else "",
            "now": now,
            "before": now - REMEMBERED,
        }

    async def _first(self, connection: "Connection", claim: dict[str, object]) -> bytes:
        found = await (await connection.execute(QUERIES["find_answer"], claim)).fetchone()
        if found is None:
            raise Conflict("The first request with this Idempotency-Key is too long ago; use another key.")
        if found["fingerprint"] != claim["fingerprint"]:
            raise Invalid("Idempotency-Key", "was used with another request; use another key")
        return self._sealer.open(found["answer"], _context(claim))


def _context(claim: dict[str, object]) -> str:
    return f"requests/{claim['scope']}/{claim['key']}"
