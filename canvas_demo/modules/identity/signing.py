"""The keys that sign tokens: Ed25519, kept encrypted, shown as a JWK Set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from jwt.utils import base64url_encode

from canvas_demo.kernel.database import Pool
from canvas_demo.kernel.sealing import Sealer
from canvas_demo.kernel.settings import SettingError, Settings
from canvas_demo.kernel.tokens import ALGORITHM, AUDIENCE, ISSUER
from canvas_demo.kernel.trace import new_id
from canvas_demo.modules.identity.domain import User
from canvas_demo.modules.identity.store import QUERIES

TOKEN_LIFETIME = timedelta(hours=8)


@dataclass(frozen=True)
class SigningKey:
    """A key and what is told of it: ``jwk`` is its public half (RFC 8037), which bears ``kid``."""

    private: Ed25519PrivateKey = field(repr=False)

    @property
    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key."""
        public: dict[str, str] = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": _thumbprint(public), "use": "sig", "alg": ALGORITHM}

    @property
    def kid(self) -> str:
        """The key's name: its thumbprint."""
        return self.jwk["kid"]


class SigningKeys:
    """The keys in memory: the newest signs, tokens of any of them can be checked."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self._newest = keys[-1]
        self.jwks = json.dumps({"keys": [key.jwk for key in keys]})

    def token(self, user: User, now: datetime) -> str:
        """A token (RFC 7519) that says who the user is, for `TOKEN_LIFETIME`."""
        issued_at = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user.user_id,
            "org": user.organization_id,
            "name": user.username,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + int(TOKEN_LIFETIME.total_seconds()),
            "jti": new_id(),
        }
        return jwt.encode(claims, self._newest.private, ALGORITHM, {"kid": self._newest.kid})


async def open_signing_keys(pool: Pool, settings: Settings) -> SigningKeys:
    """The keys of the table; of several instances that start at once, one makes the first key."""
    sealer = Sealer(bytes.fromhex(settings.derived_secret("identity/signing-keys")))
    async with pool.connection() as connection:
        await connection.execute(QUERIES["lock_signing_keys"])
        rows = await (await connection.execute(QUERIES["load_signing_keys"])).fetchall()
        if rows:
            return SigningKeys([_open(sealer, row["kid"], row["private_key"]) for row in rows])
        key = SigningKey(Ed25519PrivateKey.generate())
        sealed = sealer.seal(key.private.private_bytes_raw(), _context(key.kid))
        await connection.execute(QUERIES["insert_signing_key"], [key.kid, sealed, datetime.now(UTC)])
        return SigningKeys([key])


def _open(sealer: Sealer, kid: str, sealed: bytes) -> SigningKey:
    try:
        return SigningKey(Ed25519PrivateKey.from_private_bytes(sealer.open(sealed, _context(kid))))
    except InvalidTag as error:
        raise SettingError(
            f"Signing key {kid} does not open: CANVAS_DEMO_SECRET is not the one that it was encrypted under. "
            "Start with the former secret, or delete the row from identity.signing_key and have everyone sign in again."
        ) from error


def _context(kid: str) -> str:
    return f"identity/signing-keys/{kid}"


def _thumbprint(jwk: dict[str, str]) -> str:
    """The JWK's thumbprint: RFC 7638, with the members that RFC 8037 names for Ed25519."""
    members = {name: jwk[name] for name in ("crv", "kty", "x")}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64url_encode(sha256(canonical.encode()).digest()).decode()
