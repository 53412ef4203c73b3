"""Contents are encrypted in segments, each of which says for itself whether it is what was stored.

A content is a number of parts, a part is a number of segments of 64 KiB: AES-256-GCM in the STREAM
construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015, "Online Authenticated-Encryption and its
Nonce-Reuse Misuse-Resistance"). The nonce is the part's random prefix (7 bytes), the segment's
number (4 bytes), and whether it is the part's last (1 byte). The key is the part's own, derived
(HKDF-SHA-256, RFC 5869) from the organisation's data key with the organisation, the file, the key's
version, and where in the file the part begins. So a flipped byte, a truncation, a segment or a part
that was swapped, repeated or taken from another file fails, and nothing of it is released.
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SEGMENT = 64 * 1024
"""Bytes of plaintext of every segment but the last."""
TAG = 16
SEALED_SEGMENT = SEGMENT + TAG
MAGIC = b"CDF2"
PREFIX = 7
HEADER = len(MAGIC) + PREFIX


@dataclass(frozen=True)
class ContentKey:
    """What the parts of one file are encrypted with; ``context`` names organisation, file and key version."""

    data_key: bytes
    context: str

    def new_part(self, start: int) -> "PartCipher":
        """For a part that begins at the byte ``start`` and is to be stored."""
        return self.part(start, MAGIC + secrets.token_bytes(PREFIX))

    def part(self, start: int, header: bytes) -> "PartCipher":
        """For a part that was stored with this header. Raises ValueError for another format."""
        if len(header) != HEADER or not header.startswith(MAGIC):
            raise ValueError("not the header of a part")
        info = f"{self.context}/{start}".encode()
        return PartCipher(AESGCM(HKDF(SHA256(), 32, salt=header, info=info).derive(self.data_key)), header)


@dataclass(frozen=True)
class PartCipher:
    """The cipher of one part."""

    cipher: AESGCM
    header: bytes

    def seal(self, pieces: Sequence[bytes]) -> bytearray:
        """All the segments of a part, one after the other; the part comes in pieces, with at least one byte."""
        size = sum(map(len, pieces))
        sealed = bytearray(sealed_size(size))
        target, last = memoryview(sealed), (size - 1) // SEGMENT
        for number, segment in enumerate(_segments(pieces)):
            at = number * SEALED_SEGMENT
            into = target[at : at + len(segment) + TAG]
            self.cipher.encrypt_into(self._nonce(number, last=number == last), segment, self.header, into)
        return sealed

    def open(self, sealed: memoryview, first: int, last: int) -> bytes:
        """The plaintext of segments from the number ``first`` on; ``last`` is the part's last one.

        Raises `cryptography.exceptions.InvalidTag` where they are not what was stored there.
        """
        return b"".join(self._opened(sealed, first, last))

    def _opened(self, sealed: memoryview, first: int, last: int) -> Iterator[bytes]:
        for number, at in enumerate(range(0, len(sealed), SEALED_SEGMENT), first):
            nonce = self._nonce(number, last=number == last)
            yield self.cipher.decrypt(nonce, sealed[at : at + SEALED_SEGMENT], self.header)

    def _nonce(self, number: int, *, last: bool) -> bytes:
        return self.header[len(MAGIC) :] + number.to_bytes(4) + bytes([last])


def _segments(pieces: Sequence[bytes]) -> Iterator[memoryview | bytearray]:
    """The segments of what comes in pieces; copied is only what does not fill a segment within its piece."""
    begun = bytearray()
    for each in pieces:
        piece = memoryview(each)
        missing = SEGMENT - len(begun) if begun else 0
        begun += piece[:missing]
        if len(begun) == SEGMENT:
            yield begun
            begun = bytearray()
        if begun:
            continue
        whole = missing + (len(piece) - missing) // SEGMENT * SEGMENT
        for start in range(missing, whole, SEGMENT):
            yield piece[start : start + SEGMENT]
        begun += piece[whole:]
    if begun:
        yield begun


def sealed_size(size: int) -> int:
    """Bytes that a part of ``size`` bytes has when sealed."""
    return size + -(-size // SEGMENT) * TAG
