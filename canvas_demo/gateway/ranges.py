"""Part of a content: ``Range`` with one range of bytes (RFC 9110, 14)."""

import re
from dataclasses import dataclass

from starlette.exceptions import HTTPException

_BYTES = re.compile(r"bytes=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """``length`` bytes from the byte ``first``; at least one."""

    first: int
    length: int

    def content_range(self, size: int) -> str:
        """What ``Content-Range`` says of it."""
        return f"bytes {self.first}-{self.first + self.length - 1}/{size}"


def span_of(header: str | None, size: int) -> Span | None:
    """The part that ``Range`` asks of ``size`` bytes; None: the whole.

    The whole is also the answer to several ranges and to a header that is not understood, as the
    RFC allows. Raises 416 where no byte of the range is there.
    """
    match = _BYTES.fullmatch(header or "")
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        span = Span(max(size - int(suffix), 0), min(int(suffix), size))
    else:
        if last and int(last) < int(first):
            return None
        span = Span(int(first), min(int(last) + 1 if last else size, size) - int(first))
    if span.length <= 0:
        raise HTTPException(
            416, f"The content has {size} bytes; none of them is in this range.", {"Content-Range": f"bytes */{size}"}
        )
    return span
