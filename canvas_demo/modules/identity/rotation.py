"""The signing keys as they are kept, encrypted, and how one follows another without anyone's noticing.

A new key is shown in the JWK Set `SHOWN_BEFORE` it signs, so that whoever checks tokens knows it by
then; an old one is shown until its last token has expired.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from canvas_demo.kernel.database import Connection, Pool
from canvas_demo.kernel.failures import passes
from canvas_demo.kernel.sealing import Sealer
from canvas_demo.kernel.settings import SettingError, Settings
from canvas_demo.kernel.tokens import REFETCH_AFTER
from canvas_demo.modules.identity.signing import SigningKey, SigningKeys
from canvas_demo.modules.identity.store import QUERIES

log = structlog.get_logger(__name__)

ROTATE_AFTER = timedelta(days=30)
"""The age at which a key gets a successor."""
REREAD_AFTER = 2.0
"""Seconds after which an instance reads the keys again: how late it may learn of one that another made."""
SHOWN_BEFORE = timedelta(seconds=15)
"""More than `REREAD_AFTER` and `REFETCH_AFTER` together."""


class SigningKeyTable:
    """The table of signing keys, as one of several instances sees it."""

    def __init__(self, pool: Pool, settings: Settings) -> None:
        assert timedelta(seconds=REREAD_AFTER + REFETCH_AFTER) < SHOWN_BEFORE  # noqa: S101  (holds by definition)
        self._pool = pool
        self._sealer = Sealer(bytes.fromhex(settings.derived_secret("identity/signing-keys")))
        self._keys: SigningKeys | None = None
        self._read_at = 0.0

    async def current(self) -> SigningKeys:
        """The keys, at most `REREAD_AFTER` old; older where the database does not answer."""
        if self._keys is None or time.monotonic() - self._read_at > REREAD_AFTER:
            try:
                self._keys = await self._read(datetime.now(UTC))
                self._read_at = time.monotonic()
            except Exception as error:
                if self._keys is None or not passes(error):
                    raise
                log.warning("signing keys not read again", error=str(error))
        return self._keys

    async def rotate(self) -> SigningKey:
        """Have a new key. The tokens that are out there hold as long as they would have."""
        async with self._pool.connection() as connection:
            await connection.execute(QUERIES["lock_signing_keys"])
            return await self._add(connection, datetime.now(UTC), SHOWN_BEFORE)

    async def _read(self, now: datetime) -> SigningKeys:
        async with self._pool.connection() as connection:
            rows = await self._rows(connection)
            if rows and not self._is_due(SigningKeys(rows), now):
                return SigningKeys(rows)
            await connection.execute(QUERIES["lock_signing_keys"])
            return await self._tend(connection, now)

    async def _tend(self, connection: Connection, now: datetime) -> SigningKeys:
        """Make the key that is due, drop those that are done; of several instances, the one with the lock does it."""
        rows = await self._rows(connection)
        if not rows:
            return SigningKeys([await self._add(connection, now, timedelta())])
        retired = SigningKeys(rows).retired(now)
        if retired:
            await connection.execute(QUERIES["delete_signing_keys"], [[key.kid for key in retired]])
        kept = [key for key in rows if key not in retired]
        if kept[-1].created_at + ROTATE_AFTER < now:
            kept.append(await self._add(connection, now, SHOWN_BEFORE))
        return SigningKeys(kept)

    @staticmethod
    def _is_due(keys: SigningKeys, now: datetime) -> bool:
        return keys.keys[-1].created_at + ROTATE_AFTER < now or bool(keys.retired(now))

    async def _add(self, connection: Connection, now: datetime, shown: timedelta) -> SigningKey:
        key = SigningKey(Ed25519PrivateKey.generate(), now, now + shown)
        sealed = self._sealer.seal(key.private.private_bytes_raw(), _context(key.kid))
        await connection.execute(QUERIES["insert_signing_key"], [key.kid, sealed, key.created_at, key.signs_from])
        log.info("new signing key", kid=key.kid, signs_from=key.signs_from.isoformat())
        return key

    async def _rows(self, connection: Connection) -> list[SigningKey]:
        rows = await (await connection.execute(QUERIES["load_signing_keys"])).fetchall()
        return [self._open(row) for row in rows]

    def _open(self, row: dict[str, Any]) -> SigningKey:
        try:
            private = self._sealer.open(row["private_key"], _context(row["kid"]))
        except InvalidTag as error:
            raise SettingError(
                f"Signing key {row['kid']} does not open: CANVAS_DEMO_SECRET is not the one that it was encrypted "
                "under. Start with the former secret, or delete the row from identity.signing_key and have everyone "
                "sign in again."
            ) from error
        return SigningKey(Ed25519PrivateKey.from_private_bytes(private), row["created_at"], row["signs_from"])


def _context(kid: str) -> str:
    return f"identity/signing-keys/{kid}"
