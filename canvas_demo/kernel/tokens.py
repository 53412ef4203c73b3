"""Who is calling: tokens checked against identity's public keys, and the modules' own credentials."""

import asyncio
import time
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import grpc
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from canvas_demo.contracts.identity.v1 import identity_pb2, identity_pb2_grpc
from canvas_demo.kernel.errors import Unauthenticated
from canvas_demo.kernel.settings import Settings

log = structlog.get_logger(__name__)

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"  # noqa: S105  (RFC 9068)
SERVICE_TOKEN_TYPE = "service+jwt"  # noqa: S105
ISSUER = "canvas-demo"
AUDIENCE = "canvas-demo"
SERVICE_AUDIENCE = "canvas-demo-services"
HEADER = {"alg", "typ", "kid"}
"""What a token's header holds, and nothing else: no key, no address of one, nothing critical."""
CLAIMS = ["iss", "aud", "sub", "org", "name", "gen", "auth_time", "iat", "nbf", "exp", "jti"]
NOT_VALID = "The token is not valid; sign in again."
REFETCH_AFTER = 5.0
"""Seconds between two fetches of the JWK Set, however many unknown ``kid`` come in."""
ENDED_KNOWN_FOR = 2.0
"""Seconds after which the list of ended tokens is asked for again: how long one may yet be taken."""
ENDED_WITHIN = 2.0
"""Seconds that identity has to answer with the list."""
SERVICE_LIFETIME = 600
PROVEN_FOR, PROVEN_LIMIT = 30.0, 1000
"""Seconds for which a person's token is not checked again, and how many checked tokens are remembered."""


@dataclass(frozen=True)
class Caller:
    """The person in whose name a request is made; ``expires_at`` and ``signed_in_at`` in seconds since 1970.

    ``generation`` says which tokens of the person end together.
    """

    user_id: str
    username: str
    organization_id: str
    token: str = field(repr=False)
    expires_at: int
    generation: int = 0
    signed_in_at: int = 0


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
    """Checks tokens (RFC 7519) against identity's JWK Set, which is fetched when a ``kid`` is not known.

    Tokens that ended before they expire are on a list that identity is asked for every
    `ENDED_KNOWN_FOR` seconds; while it does not answer, the list stays as it was.
    """

    def __init__(self, identity: grpc.aio.Channel) -> None:
        self._identity = identity_pb2_grpc.IdentityStub(identity)
        self._keys: dict[str, Any] = {}
        self._fetched_at = float("-inf")
        self._ended: dict[str, int] | None = None
        self._ended_at = float("-inf")
        self._proven: dict[str, tuple[Caller, float]] = {}
        self._asking = asyncio.Lock()

    async def verify(self, token: str) -> Caller:
        """The caller that ``token`` names. Raises `Unauthenticated`, in the same words whatever is wrong with it."""
        caller = await self.prove(token)
        await self.learn_ended()
        if not self.holds(caller):
            raise Unauthenticated(NOT_VALID)
        return caller

    async def prove(self, token: str) -> Caller:
        """The same, of a token that may have ended, but has not expired."""
        caller, proven_at = self._proven.get(token, (None, 0.0))
        if caller is None or caller.expires_at <= time.time() or time.monotonic() - proven_at > PROVEN_FOR:
            caller = await self._prove(token)
            if len(self._proven) >= PROVEN_LIMIT:
                self._proven.clear()
            self._proven[token] = (caller, time.monotonic())
        return caller

    async def _prove(self, token: str) -> Caller:
        """The caller, by the token's signature and claims."""
        try:
            header = jwt.get_unverified_header(token)
            if set(header) != HEADER or header["typ"] != TOKEN_TYPE:
                raise Unauthenticated(NOT_VALID)
            claims = jwt.decode(
                token,
                await self._key(header["kid"]),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options={"require": CLAIMS},
            )
        except (jwt.InvalidTokenError, KeyError) as error:
            raise Unauthenticated(NOT_VALID) from error
        return _caller_of(claims, token)

    def holds(self, caller: Caller) -> bool:
        """Whether the caller's token has not ended, by the list as it is known."""
        return caller.generation >= (self._ended or {}).get(caller.user_id, 0)

    async def learn_ended(self) -> None:
        """Have the list of ended tokens, not much older than `ENDED_KNOWN_FOR`, where identity answers."""
        if time.monotonic() - self._ended_at <= ENDED_KNOWN_FOR:
            return
        if self._ended is not None and self._asking.locked():
            return  # somebody asks already: the old list does meanwhile
        async with self._asking:
            if time.monotonic() - self._ended_at <= ENDED_KNOWN_FOR:
                return
            try:
                request = identity_pb2.GetEndedTokensRequest()
                answer = await self._identity.GetEndedTokens(request, timeout=ENDED_WITHIN)
            except grpc.aio.AioRpcError as error:
                if self._ended is None:
                    raise
                log.warning("ended tokens not known", error=error.details())
            else:
                self._ended = dict(answer.generations)
            self._ended_at = time.monotonic()

    async def _key(self, kid: object) -> Any:  # noqa: ANN401  (PyJWT's key type depends on its algorithm)
        if kid not in self._keys and time.monotonic() - self._fetched_at > REFETCH_AFTER:
            answer = await self._identity.GetJwks(identity_pb2.GetJwksRequest())
            self._keys = {key.key_id: key.key for key in jwt.PyJWKSet.from_json(answer.jwks).keys if key.key_id}
            self._fetched_at = time.monotonic()
        return self._keys[str(kid)]


def _caller_of(claims: dict[str, Any], token: str) -> Caller:
    """The caller that checked claims name. Raises `Unauthenticated` where one of them is not what it must be."""
    subject, name, organization, generation, signed_in_at = (
        claims[claim] for claim in ("sub", "name", "org", "gen", "auth_time")
    )
    texts_are_texts = all(isinstance(text, str) and text for text in (subject, name, organization))
    if not texts_are_texts or not all(type(number) is int for number in (generation, signed_in_at)):
        raise Unauthenticated(NOT_VALID)
    return Caller(subject, name, organization, token, int(claims["exp"]), generation, signed_in_at)


class ServiceCredentials:
    """What a module shows another: a token of its own, signed with a key that every module derives."""

    def __init__(self, settings: Settings, module: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(settings.derived_secret("services")))
        self._public = self._key.public_key()
        self._module = module
        self._token = ""
        self._renew_at = 0.0
        self._proven: dict[str, tuple[str, int]] = {}

    def token(self) -> str:
        """A credential that holds for some minutes yet."""
        now = time.time()
        if now >= self._renew_at:
            claims = {"iss": self._module, "sub": self._module, "aud": SERVICE_AUDIENCE}
            times = {"iat": int(now), "exp": int(now) + SERVICE_LIFETIME}
            self._token = jwt.encode({**claims, **times}, self._key, ALGORITHM, {"typ": SERVICE_TOKEN_TYPE})
            self._renew_at = now + SERVICE_LIFETIME / 2
        return self._token

    def verify(self, token: str) -> str:
        """The module that ``token`` names. Raises `Unauthenticated`."""
        module, expires_at = self._proven.get(token, ("", 0))
        if expires_at <= time.time():
            module, expires_at = self._prove(token)
            if len(self._proven) >= PROVEN_LIMIT:
                self._proven.clear()
            self._proven[token] = (module, expires_at)
        return module

    def _prove(self, token: str) -> tuple[str, int]:
        """The module, by the token's signature and claims, and when the token expires, in seconds since 1970."""
        try:
            if jwt.get_unverified_header(token) != {"alg": ALGORITHM, "typ": SERVICE_TOKEN_TYPE}:
                raise Unauthenticated("Only another module may call this.")
            options: Any = {"require": ["iss", "sub", "aud", "iat", "exp"]}
            claims = jwt.decode(token, self._public, [ALGORITHM], audience=SERVICE_AUDIENCE, options=options)
            return str(claims["sub"]), int(claims["exp"])
        except jwt.InvalidTokenError as error:
            raise Unauthenticated("Only another module may call this.") from error
