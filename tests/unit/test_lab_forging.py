"""Tokens that a notebook reads and forges."""

import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from canvas_demo.lab.forging import forged_tokens, read_token
from canvas_demo.modules.identity.domain import User
from canvas_demo.modules.identity.signing import SigningKey, SigningKeys

KEYS = SigningKeys([SigningKey(Ed25519PrivateKey.generate())])
TOKEN = KEYS.token(User("u", "eves", "eve", 0), datetime.now(UTC))
HOW = sorted(forged_tokens(TOKEN, json.loads(KEYS.jwks), org="adas"))


def claims_of(token: str) -> object:
    """What a checker that knows its method makes of it."""
    key = jwt.PyJWKSet.from_json(KEYS.jwks)[KEYS.keys[0].kid]
    return jwt.decode(token, key, algorithms=["EdDSA"], audience="canvas-demo")


def test_a_token_is_read_without_a_key() -> None:
    assert read_token(TOKEN)["claims"] == claims_of(TOKEN)
    assert read_token(TOKEN)["header"]["kid"] == KEYS.keys[0].kid


@pytest.mark.parametrize("how", HOW)
def test_a_forged_token_says_what_was_wanted_and_is_refused(how: str) -> None:
    forged = forged_tokens(TOKEN, json.loads(KEYS.jwks), org="adas")[how]
    said = read_token(forged)
    assert said["claims"] == {**read_token(TOKEN)["claims"], "org": "adas"}
    assert said["header"]["kid"] == KEYS.keys[0].kid
    with pytest.raises(jwt.InvalidTokenError):
        claims_of(forged)
