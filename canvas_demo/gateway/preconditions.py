"""ETags and the conditions that requests make with them (RFC 9110, 8.8.3 and 13)."""

import re
from typing import Annotated

from fastapi import Depends, Header

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
NEVER = 2**31 - 1
"""A version that no aggregate reaches: a condition that can't hold."""


def etag(value: object) -> str:
    """A strong entity tag."""
    return f'"{value}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names ``tag``, by weak comparison."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return any(f'"{match[2]}"' == tag for match in _TAG.finditer(if_none_match))


def expected_version_of(if_match: str | None) -> int:
    """The version that ``If-Match`` asks for, by strong comparison; 0: any.

    Versions only grow: of several the newest is the only one that a client can still mean.
    """
    if if_match is None or if_match.strip() == "*":
        return 0
    strong = [match[2] for match in _TAG.finditer(if_match) if not match[1]]
    versions = [int(tag) for tag in strong if re.fullmatch(r"[1-9][0-9]{0,8}", tag)]
    return max(versions, default=NEVER)


async def _expected_version(
    if_match: Annotated[str | None, Header(description='The version that is to be changed, as `"<version>"`.')] = None,
) -> int:
    return expected_version_of(if_match)


ExpectedVersion = Annotated[int, Depends(_expected_version)]
IfNoneMatch = Annotated[str | None, Header(description="ETags that the client has already.")]
