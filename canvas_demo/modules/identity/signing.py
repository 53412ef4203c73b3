"""Tokens, and the keys that sign them: Ed25519, shown as a JWK Set."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from jwt.utils import base64url_encode

from canvas_demo.kernel.tokens import ALGORITHM, AUDIENCE, ISSUER, TOKEN_TYPE
from canvas_demo.kernel.trace import new_id
from canvas_demo.modules.identity.domain import User

TOKEN_LIFETIME = timedelta(hours=8)
SESSION_LIFETIME = timedelta(days=30)
"""How long tokens may be refreshed after the password was given."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SigningKey:
    """A key and what is told of it: ``jwk`` is its public half (RFC 8037), which bears ``kid``."""

    private: Ed25519PrivateKey = field(repr=False)
    created_at: datetime = LONG_AGO
    signs_from: datetime = LONG_AGO

    @cached_property
    def jwk(self) -> dict[str, str]:
        """The public key as a JSON Web Key."""
        public: dict[str, str] = OKPAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
        return {**public, "kid": _thumbprint(public), "use": "sig", "alg": ALGORITHM}

    @property
    def kid(self) -> str:
        """The key's name: its thumbprint."""
        return self.jwk["kid"]


class SigningKeys:
    """The keys in memory: the newest whose time has come signs, tokens of any of them can be checked."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        self.keys = sorted(keys, key=lambda key: key.signs_from)
        self.jwks = json.dumps({"keys": [key.jwk for key in keys]})

    def signer(self, now: datetime) -> SigningKey:
        """The key that signs now; where none's time has come, the one whose comes next."""
        return next((key for key in reversed(self.keys) if key.signs_from <= now), self.keys[0])

    def retired(self, now: datetime) -> list[SigningKey]:
        """Keys whose last token has expired: their successors have signed for longer than a token holds."""
        pairs = zip(self.keys, self.keys[1:], strict=False)
        return [key for key, successor in pairs if successor.signs_from + TOKEN_LIFETIME < now]

    def token(self, user: User, now: datetime, signed_in_at: datetime | None = None) -> str:
        """A token (RFC 7519, RFC 9068) that says who the user is, for `TOKEN_LIFETIME`.

        ``signed_in_at``: when the password was given, where that is not now.
        """
        issued_at = int(now.timestamp())
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user.user_id,
            "org": user.organization_id,
            "name": user.username,
            "gen": user.generation,
            "auth_time": int(signed_in_at.timestamp()) if signed_in_at else issued_at,
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + int(TOKEN_LIFETIME.total_seconds()),
            "jti": new_id(),
        }
        key = self.signer(now)
        return jwt.encode(claims, key.private, ALGORITHM, {"kid": key.kid, "typ": TOKEN_TYPE})


def _thumbprint(jwk: dict[str, str]) -> str:
    """The JWK's thumbprint: RFC 7638, with the members that RFC 8037 names for Ed25519."""
    members = {name: jwk[name] for name in ("crv", "kty", "x")}
    canonical = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64url_encode(sha256(canonical.encode()).digest()).decode()
