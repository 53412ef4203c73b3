"""Passwords: Argon2id (RFC 9106), in a thread of its own so that other calls go on meanwhile."""

import asyncio
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

MEMORY_KIB, PASSES, LANES = 19_456, 2, 1
"""The least that OWASP's Password Storage Cheat Sheet asks for: some 30 ms on a laptop."""


class Passwords:
    """Hashes and checks passwords. Making one hashes once, which takes its time."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._nobody = self._hasher.hash(secrets.token_hex())

    async def hash(self, password: str) -> str:
        """The hash, with its parameters and salt, as text."""
        return await asyncio.to_thread(self._hasher.hash, _prepared(password))

    async def match(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one; where there is no hash, no, after the same time."""
        try:
            return await asyncio.to_thread(self._hasher.verify, password_hash or self._nobody, _prepared(password))
        except VerifyMismatchError:
            return False


def _prepared(password: str) -> str:
    """One form for what looks the same on every keyboard (RFC 8265, OpaqueString)."""
    return unicodedata.normalize("NFC", password)
