"""Secrets at rest: encrypted, and bound to the place where they belong."""

import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
NONCE_BYTES = 12


class Sealer:
    """AES-256-GCM (NIST SP 800-38D) under one key of 32 bytes, with a random nonce in front.

    ``context`` says what the secret is and whose: it is authenticated, so that a sealed secret that
    was moved to another row does not open there.
    """

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, secret: bytes, context: str) -> bytes:
        """The secret, encrypted."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The secret. Raises `cryptography.exceptions.InvalidTag` under another key or in another context."""
        return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], context.encode())
