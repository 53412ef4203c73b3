"""Tokens as identity signs them, and as every module checks them."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from canvas_demo.contracts.identity.v1 import identity_pb2, identity_pb2_grpc
from canvas_demo.kernel.errors import Unauthenticated
from canvas_demo.kernel.tokens import TokenVerifier
from canvas_demo.modules.identity.domain import User
from canvas_demo.modules.identity.signing import TOKEN_LIFETIME, SigningKey, SigningKeys

ADA = User("u", "o", "ada")
WORDS = "The token is not valid; sign in again."


class Identity(identity_pb2_grpc.IdentityServicer):
    """Shows a JWK Set, and counts how often."""

    def __init__(self, keys: SigningKeys) -> None:
        self.keys = keys
        self.asked = 0

    async def GetJwks(self, request: Any, context: Any) -> identity_pb2.GetJwksResponse:
        self.asked += 1
        return identity_pb2.GetJwksResponse(jwks=self.keys.jwks)


@pytest.fixture
def key() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate())


@pytest.fixture
def identity(key: SigningKey) -> Identity:
    return Identity(SigningKeys([key]))


@pytest.fixture
async def verifier(identity: Identity) -> AsyncIterator[TokenVerifier]:
    server = grpc.aio.server()
    identity_pb2_grpc.add_IdentityServicer_to_server(identity, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield TokenVerifier(channel)
    await server.stop(grace=None)


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def encoded(part: object) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


async def test_a_token_names_its_user_and_holds_for_its_lifetime(verifier: TokenVerifier, identity: Identity) -> None:
    now = datetime.now(UTC)
    token = identity.keys.token(ADA, now)
    caller = await verifier.verify(token)
    assert (caller.user_id, caller.organization_id, caller.username) == ("u", "o", "ada")
    assert caller.expires_at == int(now.timestamp()) + TOKEN_LIFETIME.total_seconds()


def test_a_token_bears_its_key_s_name_and_every_claim(identity: Identity, key: SigningKey) -> None:
    token = identity.keys.token(ADA, datetime.now(UTC))
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "JWT", "kid": key.kid}
    claims = claims_of(token)
    assert set(claims) == {"iss", "aud", "sub", "org", "name", "iat", "nbf", "exp", "jti"}
    assert claims["jti"] != claims_of(identity.keys.token(ADA, datetime.now(UTC)))["jti"]


def test_the_jwk_set_shows_public_keys_alone_named_by_their_thumbprint() -> None:
    """The key and thumbprint of RFC 8037, appendices A.1 to A.3."""
    seed = base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
    keys = SigningKeys([SigningKey(Ed25519PrivateKey.from_private_bytes(seed))])
    assert json.loads(keys.jwks) == {
        "keys": [
            {
                "kty": "OKP",
                "crv": "Ed25519",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
                "use": "sig",
                "alg": "EdDSA",
            }
        ]
    }


async def test_the_newest_key_signs_and_tokens_of_an_older_one_still_hold(
    verifier: TokenVerifier, identity: Identity, key: SigningKey
) -> None:
    old = identity.keys.token(ADA, datetime.now(UTC))
    newer = SigningKey(Ed25519PrivateKey.generate())
    identity.keys = SigningKeys([key, newer])
    new = identity.keys.token(ADA, datetime.now(UTC))
    assert jwt.get_unverified_header(new)["kid"] == newer.kid
    assert (await verifier.verify(old)).username == (await verifier.verify(new)).username == "ada"


def without_algorithm(key: SigningKey, claims: dict[str, Any]) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'JWT', 'kid': key.kid})}.{encoded(claims)}."


def signed_with_the_public_key_as_a_secret(key: SigningKey, claims: dict[str, Any]) -> str:
    """What a verifier would take that lets the token choose the algorithm."""
    secret = key.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signed = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{encoded(claims)}"
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def signed_with_a_key_that_it_brings(key: SigningKey, claims: dict[str, Any]) -> str:
    own = SigningKey(Ed25519PrivateKey.generate())
    return jwt.encode(claims, own.private, "EdDSA", {"kid": key.kid, "jwk": {**own.jwk, "kid": key.kid}})


def signed_with_a_key_that_it_brings_under_its_name(key: SigningKey, claims: dict[str, Any]) -> str:
    own = SigningKey(Ed25519PrivateKey.generate())
    return jwt.encode(claims, own.private, "EdDSA", {"kid": own.kid, "jwk": own.jwk})


def of_an_unknown_key(key: SigningKey, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, key.private, "EdDSA", {"kid": "unknown"})


def of_no_key(key: SigningKey, claims: dict[str, Any]) -> str:
    return jwt.encode(claims, key.private, "EdDSA")


def for_others(key: SigningKey, claims: dict[str, Any]) -> str:
    return jwt.encode({**claims, "aud": "canvas-demo-services"}, key.private, "EdDSA", {"kid": key.kid})


def from_others(key: SigningKey, claims: dict[str, Any]) -> str:
    return jwt.encode({**claims, "iss": "somebody"}, key.private, "EdDSA", {"kid": key.kid})


def expired(key: SigningKey, claims: dict[str, Any]) -> str:
    return SigningKeys([key]).token(ADA, datetime.now(UTC) - TOKEN_LIFETIME - timedelta(seconds=1))


def of_the_future(key: SigningKey, claims: dict[str, Any]) -> str:
    return SigningKeys([key]).token(ADA, datetime.now(UTC) + timedelta(minutes=5))


def of_no_organisation(key: SigningKey, claims: dict[str, Any]) -> str:
    rest = {name: value for name, value in claims.items() if name != "org"}
    return jwt.encode(rest, key.private, "EdDSA", {"kid": key.kid})


def of_another_organisation(key: SigningKey, claims: dict[str, Any]) -> str:
    """The claims changed, the signature kept."""
    header, _, signature = jwt.encode(claims, key.private, "EdDSA", {"kid": key.kid}).split(".")
    return f"{header}.{encoded({**claims, 'org': 'another'})}.{signature}"


def no_token(key: SigningKey, claims: dict[str, Any]) -> str:
    return "changeme"


@pytest.mark.parametrize(
    "forge",
    [
        without_algorithm,
        signed_with_the_public_key_as_a_secret,
        signed_with_a_key_that_it_brings,
        signed_with_a_key_that_it_brings_under_its_name,
        of_an_unknown_key,
        of_no_key,
        for_others,
        from_others,
        expired,
        of_the_future,
        of_no_organisation,
        of_another_organisation,
        no_token,
    ],
)
async def test_any_other_token_is_refused_in_the_same_words(
    verifier: TokenVerifier, identity: Identity, key: SigningKey, forge: Any
) -> None:
    good = identity.keys.token(ADA, datetime.now(UTC))
    await verifier.verify(good)
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(forge(key, claims_of(good)))
    assert (refused.value.detail, refused.value.metadata) == (WORDS, {})


async def test_unknown_keys_do_not_make_a_verifier_ask_again_and_again(
    verifier: TokenVerifier, identity: Identity, key: SigningKey
) -> None:
    good = identity.keys.token(ADA, datetime.now(UTC))
    for number in range(20):
        with pytest.raises(Unauthenticated):
            await verifier.verify(jwt.encode(claims_of(good), key.private, "EdDSA", {"kid": str(number)}))
    await verifier.verify(good)
    assert identity.asked == 1
