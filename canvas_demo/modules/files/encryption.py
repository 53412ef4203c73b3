"""Contents are encrypted in segments, each of which says for itself whether it is what was stored.

AES-256-GCM over segments of 64 KiB in the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár
2015, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance"): the nonce is the
file's random prefix (7 bytes), the segment's number (4 bytes), and whether it is the last (1 byte).
The key is the file's own, derived (HKDF-SHA-256, RFC 5869) from the organisation's data key with the
organisation, the file and the key's version. So a flipped byte, a truncation, a segment that was
swapped, repeated or taken from another file fails, and nothing of it is released.
"""

import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEGMENT = 64 * 1024
"""Bytes of plaintext of every segment but the last."""
TAG = 16
SEALED_SEGMENT = SEGMENT + TAG
MAGIC = b"CDF1"
PREFIX = 7
HEADER = len(MAGIC) + PREFIX


@dataclass(frozen=True)
class Segments:
    """The cipher of one file's content."""

    cipher: AESGCM
    header: bytes

    @classmethod
    def new(cls, data_key: bytes, context: str) -> "Segments":
        """For a content that is to be stored; ``context`` names organisation, file and key version."""
        return cls.of(data_key, context, MAGIC + secrets.token_bytes(PREFIX))

    @classmethod
    def of(cls, data_key: bytes, context: str, header: bytes) -> "Segments":
        """For a content that was stored with this header. Raises ValueError for another format."""
        if len(header) != HEADER or not header.startswith(MAGIC):
            raise ValueError("not the header of a content")
        key = HKDF(SHA256(), 32, salt=header[len(MAGIC) :], info=context.encode()).derive(data_key)
        return cls(AESGCM(key), header)

    def seal(self, number: int, segment: bytes | memoryview, *, last: bool) -> bytes:
        """The segment, encrypted."""
        return self.cipher.encrypt(self._nonce(number, last=last), segment, self.header)

    def open(self, number: int, sealed: bytes | memoryview, *, last: bool) -> bytes:
        """The segment. Raises `cryptography.exceptions.InvalidTag` where it is not what was stored there."""
        return self.cipher.decrypt(self._nonce(number, last=last), sealed, self.header)

    def _nonce(self, number: int, *, last: bool) -> bytes:
        return self.header[len(MAGIC) :] + number.to_bytes(4) + bytes([last])
