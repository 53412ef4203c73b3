"""How often a sign-in may fail: for an account, from wherever, and from an address, for whichever account.

An attempt is counted before the password is looked at, so that many at once are no way around it; one
that succeeds is taken back. The counts are in PostgreSQL: several instances agree.
"""

import hashlib
import hmac
import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.errors import TooManyAttempts
from canvas_demo.kernel.settings import Settings
from canvas_demo.modules.identity.store import QUERIES

IPV6_SITE = 64
"""Bits of an IPv6 address that one site has for itself (RFC 6177): the others it can choose."""


@dataclass(frozen=True)
class Rate:
    """So many failures at once, and then one more each ``every``."""

    burst: int
    every: timedelta


ACCOUNT = Rate(20, timedelta(seconds=30))
ADDRESS = Rate(300, timedelta(seconds=1))


@dataclass(frozen=True)
class Attempt:
    """What an attempt is counted under."""

    address: bytes
    account: bytes


class Throttle:
    """Counts attempts to sign in."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        self._pool = pool
        self._secret = bytes.fromhex(settings.derived_secret("identity/attempts"))

    async def count(self, username: str, address: str, now: datetime) -> Attempt:
        """Count an attempt. Raises `TooManyAttempts`, in the same way for a name that is nobody's."""
        async with self._pool.connection() as connection:
            await connection.execute(QUERIES["drop_old_attempts"], [now])
            attempt = Attempt(self.address(address), await self._account(connection, username))
            await _count(connection, attempt.address, ADDRESS, now)
            await _count(connection, attempt.account, ACCOUNT, now)
        return attempt

    async def take_back(self, attempt: Attempt) -> None:
        """The attempt succeeded: the account begins anew, and the address is no worse off."""
        async with self._pool.connection() as connection:
            cost = {"subject": attempt.address, "cost": ADDRESS.every}
            await connection.execute(QUERIES["take_attempt_back"], cost)
            await connection.execute(QUERIES["forget_attempts"], [attempt.account])

    async def _account(self, connection: Connection, username: str) -> bytes:
        """What a name is counted under: as PostgreSQL compares it, whose Unicode is newer than Python's may be.

        The name is not kept.
        """
        row = await (await connection.execute(QUERIES["fold_username"], [username])).fetchone()
        return self._subject("account", row["folded"] if row else username)

    def address(self, address: str) -> bytes:
        """What an address is counted under."""
        return self._subject("address", site_of(address))

    def _subject(self, kind: str, name: str) -> bytes:
        return hmac.digest(self._secret, f"{kind}\0{name}".encode(), hashlib.sha256)


async def _count(connection: Connection, subject: bytes, rate: Rate, now: datetime) -> None:
    parameters = {"subject": subject, "now": now, "cost": rate.every, "room": rate.every * rate.burst}
    if await (await connection.execute(QUERIES["count_attempt"], parameters)).fetchone():
        return
    row = await (await connection.execute(QUERIES["find_attempts"], [subject])).fetchone()
    free_at = row["free_at"] if row else now
    wait = free_at + rate.every - rate.every * rate.burst - now
    seconds = max(1, math.ceil(wait.total_seconds()))
    raise TooManyAttempts(f"Too many sign-ins failed; try again in {seconds} s.", retry_after=seconds)


def site_of(address: str) -> str:
    """The address itself, or the network of an IPv6 address that its holder has for themselves."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known), IPV6_SITE), strict=False))
