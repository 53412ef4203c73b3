"""Tokens as identity signs them, and as every module checks them."""

import base64
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from canvas_demo.contracts.identity.v1 import identity_pb2, identity_pb2_grpc
from canvas_demo.kernel.errors import Unauthenticated
from canvas_demo.kernel.tokens import ENDED_KNOWN_FOR, TokenVerifier
from canvas_demo.modules.identity.domain import User
from canvas_demo.modules.identity.signing import TOKEN_LIFETIME, SigningKey, SigningKeys
from tests.forged_tokens import FORGERIES, signed

ADA = User("u", "o", "ada")
WORDS = "The token is not valid; sign in again."


class Identity(identity_pb2_grpc.IdentityServicer):
    """Shows a JWK Set, and counts how often."""

    def __init__(self, keys: SigningKeys) -> None:
        self.keys = keys
        self.asked = 0
        self.ended: dict[str, int] = {}
        self.silent = False

    async def GetEndedTokens(self, request: Any, context: Any) -> identity_pb2.GetEndedTokensResponse:
        if self.silent:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not there")
        return identity_pb2.GetEndedTokensResponse(generations=self.ended)

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


async def test_a_token_names_its_user_and_holds_for_its_lifetime(verifier: TokenVerifier, identity: Identity) -> None:
    now = datetime.now(UTC)
    token = identity.keys.token(ADA, now)
    caller = await verifier.verify(token)
    assert (caller.user_id, caller.organization_id, caller.username) == ("u", "o", "ada")
    assert caller.expires_at == int(now.timestamp()) + TOKEN_LIFETIME.total_seconds()


def test_a_token_bears_its_key_s_name_and_every_claim(identity: Identity, key: SigningKey) -> None:
    token = identity.keys.token(ADA, datetime.now(UTC))
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "typ": "at+jwt", "kid": key.kid}
    claims = claims_of(token)
    assert set(claims) == {"iss", "aud", "sub", "org", "name", "gen", "auth_time", "iat", "nbf", "exp", "jti"}
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
    newer = SigningKey(Ed25519PrivateKey.generate(), signs_from=datetime.now(UTC))
    identity.keys = SigningKeys([key, newer])
    new = identity.keys.token(ADA, datetime.now(UTC))
    assert jwt.get_unverified_header(new)["kid"] == newer.kid
    assert (await verifier.verify(old)).username == (await verifier.verify(new)).username == "ada"


@pytest.mark.parametrize("forge", FORGERIES)
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
            await verifier.verify(signed(key, claims_of(good), kid=str(number)))
    await verifier.verify(good)
    assert identity.asked == 1


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.monotonic()
    monkeypatch.setattr("canvas_demo.kernel.tokens.time.monotonic", lambda: now + seconds)


async def test_tokens_of_a_generation_that_ended_are_refused_once_the_list_is_asked_for_again(
    verifier: TokenVerifier, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    old, new = identity.keys.token(ADA, now), identity.keys.token(replace(ADA, generation=1), now)
    await verifier.verify(old)
    identity.ended = {ADA.user_id: 1}
    later(monkeypatch, ENDED_KNOWN_FOR + 0.1)
    with pytest.raises(Unauthenticated, match=WORDS):
        await verifier.verify(old)
    assert (await verifier.verify(new)).generation == 1


async def test_while_identity_is_silent_the_list_stays_and_without_any_list_no_token_holds(
    verifier: TokenVerifier, identity: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity.silent, identity.ended = True, {ADA.user_id: 1}
    old = identity.keys.token(ADA, datetime.now(UTC))
    with pytest.raises(grpc.aio.AioRpcError):
        await verifier.verify(old)
    identity.silent = False
    with pytest.raises(Unauthenticated):
        await verifier.verify(old)
    identity.silent = True
    later(monkeypatch, ENDED_KNOWN_FOR + 0.1)
    with pytest.raises(Unauthenticated):
        await verifier.verify(old)


def test_a_key_signs_when_its_time_has_come_and_retires_after_its_last_token() -> None:
    now = datetime.now(UTC)
    first, second = (SigningKey(Ed25519PrivateKey.generate(), signs_from=at) for at in (now - TOKEN_LIFETIME, now))
    keys = SigningKeys([first, second])
    moment = timedelta(seconds=1)
    assert [keys.signer(now + by).kid for by in (-moment, moment)] == [first.kid, second.kid]
    assert keys.signer(now - 2 * TOKEN_LIFETIME) is first
    assert keys.retired(now + TOKEN_LIFETIME - moment) == []
    assert keys.retired(now + TOKEN_LIFETIME + moment) == [first]


def test_keys_in_line_are_shown_before_they_sign() -> None:
    key = SigningKey(Ed25519PrivateKey.generate(), signs_from=datetime.now(UTC) + timedelta(hours=1))
    assert key.kid in SigningKeys([key]).jwks
