"""Who is calling: tokens checked against identity's public keys, and the modules' own credentials."""

import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import grpc
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from canvas_demo.contracts.identity.v1 import identity_pb2, identity_pb2_grpc
from canvas_demo.kernel.errors import Unauthenticated
from canvas_demo.kernel.settings import Settings

ALGORITHM = "EdDSA"
ISSUER = "canvas-demo"
AUDIENCE = "canvas-demo"
SERVICE_AUDIENCE = "canvas-demo-services"
CLAIMS = ["iss", "aud", "sub", "org", "name", "iat", "nbf", "exp", "jti"]
REFETCH_AFTER = 5.0
"""Seconds between two fetches of the JWK Set, however many unknown ``kid`` come in."""
SERVICE_LIFETIME = 600


@dataclass(frozen=True)
class Caller:
    """The person in whose name a request is made; ``expires_at`` in seconds since 1970."""

    user_id: str
    username: str
    organization_id: str
    token: str = field(repr=False)
    expires_at: int


_caller: ContextVar[Caller | None] = ContextVar("caller", default=None)


def current_caller() -> Caller:
    """The caller of the request at hand. Raises `Unauthenticated` where there is none."""
    caller = _caller.get()
    if caller is None:
        raise Unauthenticated("Sign in first.")
    return caller


def caller_or_none() -> Caller | None:
    """The caller of the request at hand, where somebody is signed in."""
    return _caller.get()


def current_token() -> str | None:
    """The caller's token, where there is a caller."""
    caller = _caller.get()
    return caller.token if caller else None


def set_caller(caller: Caller | None) -> None:
    """From here on, in this task and those it starts, the work is done in the name of ``caller``."""
    _caller.set(caller)


class TokenVerifier:
    """Checks tokens (RFC 7519) against identity's JWK Set, which is fetched when a ``kid`` is not known."""

    def __init__(self, identity: grpc.aio.Channel) -> None:
        self._identity = identity_pb2_grpc.IdentityStub(identity)
        self._keys: dict[str, Any] = {}
        self._fetched_at = float("-inf")

    async def verify(self, token: str) -> Caller:
        """The caller that ``token`` names. Raises `Unauthenticated`, in the same words whatever is wrong with it."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            claims = jwt.decode(
                token,
                await self._key(kid),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": CLAIMS},
            )
            return Caller(claims["sub"], claims["name"], claims["org"], token, int(claims["exp"]))
        except (jwt.InvalidTokenError, KeyError) as error:
            raise Unauthenticated("The token is not valid; sign in again.") from error

    async def _key(self, kid: object) -> Any:  # noqa: ANN401  (PyJWT's key type depends on its algorithm)
        if kid not in self._keys and time.monotonic() - self._fetched_at > REFETCH_AFTER:
            answer = await self._identity.GetJwks(identity_pb2.GetJwksRequest())
            self._keys = {key.key_id: key.key for key in jwt.PyJWKSet.from_json(answer.jwks).keys if key.key_id}
            self._fetched_at = time.monotonic()
        return self._keys[str(kid)]


class ServiceCredentials:
    """What a module shows another: a token of its own, signed with a key that every module derives."""

    def __init__(self, settings: Settings, module: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(settings.derived_secret("services")))
        self._public = self._key.public_key()
        self._module = module
        self._token = ""
        self._renew_at = 0.0

    def token(self) -> str:
        """A credential that holds for some minutes yet."""
        now = time.time()
        if now >= self._renew_at:
            claims = {"sub": self._module, "aud": SERVICE_AUDIENCE, "iat": int(now), "exp": int(now) + SERVICE_LIFETIME}
            self._token = jwt.encode(claims, self._key, ALGORITHM)
            self._renew_at = now + SERVICE_LIFETIME / 2
        return self._token

    def verify(self, token: str) -> str:
        """The module that ``token`` names. Raises `Unauthenticated`."""
        try:
            options: Any = {"require": ["sub", "aud", "exp"]}
            claims = jwt.decode(token, self._public, [ALGORITHM], audience=SERVICE_AUDIENCE, options=options)
            return str(claims["sub"])
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("Only another module may call this.") from error
