"""Tokens as anybody can read them, and as somebody might forge them."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from canvas_demo.lab.records import Record


def read_token(token: str) -> Record:
    """What a token says, ``header`` and ``claims``, whoever signed it: reading it takes no key (RFC 7519)."""
    header, claims, _ = token.split(".")
    return Record(header=_decoded(header), claims=_decoded(claims))


def forged_tokens(token: str, jwks: Mapping[str, Any], **claims: Any) -> dict[str, str]:
    """How → a token that says ``claims`` instead, made by somebody who has ``token`` and the public keys."""
    said = read_token(token)
    header, wanted = said["header"], said["claims"] | claims
    public = next(key for key in jwks["keys"] if key["kid"] == header["kid"])
    secret = base64.urlsafe_b64decode(public["x"] + "==")
    kept = {"kid": header["kid"], "typ": header["typ"]}
    own = Ed25519PrivateKey.generate()
    return {
        "other claims, the signature kept": f"{_encoded(header)}.{_encoded(wanted)}.{token.split('.')[2]}",
        "no signature: alg is none": f"{_encoded(header | {'alg': 'none'})}.{_encoded(wanted)}.",
        "signed with a key of one's own": jwt.encode(wanted, own, "EdDSA", kept),
        "signed with the public key as a secret": jwt.encode(wanted, secret, "HS256", kept),
    }


def _decoded(part: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
