"""Tokens that nobody may take: forged, of others, out of time, or made by a mistake."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from canvas_demo.kernel.tokens import TOKEN_TYPE
from canvas_demo.modules.identity.domain import User
from canvas_demo.modules.identity.signing import TOKEN_LIFETIME, SigningKey, SigningKeys


def encoded(part: object) -> str:
    text = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(key: SigningKey, claims: dict[str, Any], **headers: Any) -> str:
    """By the key itself: what is wrong with it is not the signature."""
    told = {"kid": key.kid, "typ": TOKEN_TYPE, **headers}
    return jwt.encode(claims, key.private, "EdDSA", {name: value for name, value in told.items() if value is not None})


def without_algorithm(key: SigningKey, claims: dict[str, Any]) -> str:
    return f"{encoded({'alg': 'none', 'typ': 'JWT', 'kid': key.kid})}.{encoded(claims)}."


def signed_with_the_public_key_as_a_secret(key: SigningKey, claims: dict[str, Any]) -> str:
    """What a verifier would take that lets the token choose the algorithm."""
    secret = key.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    text = f"{encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': key.kid})}.{encoded(claims)}"
    return f"{text}.{encoded(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def signed_with_a_key_that_it_brings(key: SigningKey, claims: dict[str, Any]) -> str:
    own = SigningKey(Ed25519PrivateKey.generate())
    return signed(own, claims, kid=key.kid, jwk={**own.jwk, "kid": key.kid})


def signed_with_a_key_that_it_brings_under_its_name(key: SigningKey, claims: dict[str, Any]) -> str:
    own = SigningKey(Ed25519PrivateKey.generate())
    return signed(own, claims, jwk=own.jwk)


def of_an_unknown_key(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, claims, kid="unknown")


def of_no_key(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, claims, kid=None)


def for_others(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, {**claims, "aud": "canvas-demo-services"})


def from_others(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, {**claims, "iss": "somebody"})


def expired(key: SigningKey, claims: dict[str, Any]) -> str:
    return SigningKeys([key]).token(_user(claims), datetime.now(UTC) - TOKEN_LIFETIME - timedelta(seconds=1))


def of_the_future(key: SigningKey, claims: dict[str, Any]) -> str:
    return SigningKeys([key]).token(_user(claims), datetime.now(UTC) + timedelta(minutes=5))


def of_no_organisation(key: SigningKey, claims: dict[str, Any]) -> str:
    rest = {name: value for name, value in claims.items() if name != "org"}
    return signed(key, rest)


def of_another_organisation(key: SigningKey, claims: dict[str, Any]) -> str:
    """The claims changed, the signature kept."""
    header, _, signature = signed(key, claims).split(".")
    return f"{header}.{encoded({**claims, 'org': 'another'})}.{signature}"


def no_token(key: SigningKey, claims: dict[str, Any]) -> str:
    return "changeme"


def of_an_empty_organisation(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, {**claims, "org": ""})


def of_an_organisation_that_is_no_text(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, {**claims, "org": [claims["org"]]})


def of_no_generation(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, {name: value for name, value in claims.items() if name != "gen"})


def not_valid_yet(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, {**claims, "nbf": claims["iat"] + 3600})


def of_another_type(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, claims, typ="JWT")


def with_a_key_in_it(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, claims, jwk=key.jwk)


def with_the_address_of_a_key(key: SigningKey, claims: dict[str, Any]) -> str:
    own = SigningKey(Ed25519PrivateKey.generate())
    return signed(own, claims, jku="http://127.0.0.1:9/jwks.json")


def of_a_key_at_a_path(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, claims, kid=f"../../{key.kid}")


def of_a_key_with_sql_in_its_name(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, claims, kid=f"{key.kid}' OR '1'='1")


def of_a_key_whose_name_is_no_text(key: SigningKey, claims: dict[str, Any]) -> str:
    header = encoded({"alg": "EdDSA", "typ": TOKEN_TYPE, "kid": {"kid": key.kid}})
    return f"{header}.{signed(key, claims).partition('.')[2]}"


def signed_with_rsa(key: SigningKey, claims: dict[str, Any]) -> str:
    private = rsa.generate_private_key(65537, 2048)
    return jwt.encode(claims, private, "RS256", {"kid": key.kid, "typ": TOKEN_TYPE})


def with_something_critical(key: SigningKey, claims: dict[str, Any]) -> str:
    return signed(key, claims, crit=["b64"], b64=True)


FORGERIES = [
    without_algorithm,
    signed_with_the_public_key_as_a_secret,
    signed_with_rsa,
    signed_with_a_key_that_it_brings,
    signed_with_a_key_that_it_brings_under_its_name,
    with_a_key_in_it,
    with_the_address_of_a_key,
    of_an_unknown_key,
    of_no_key,
    of_a_key_at_a_path,
    of_a_key_with_sql_in_its_name,
    of_a_key_whose_name_is_no_text,
    of_another_type,
    with_something_critical,
    for_others,
    from_others,
    expired,
    of_the_future,
    not_valid_yet,
    of_no_organisation,
    of_an_empty_organisation,
    of_an_organisation_that_is_no_text,
    of_another_organisation,
    of_no_generation,
    no_token,
]


def _user(claims: dict[str, Any]) -> User:
    return User(claims["sub"], claims["org"], claims["name"], claims["gen"])
