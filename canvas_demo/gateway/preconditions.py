"""ETags and the conditions that requests make with them (RFC 9110, 8.8.3 and 13)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header

from canvas_demo.kernel.errors import Stale

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


@dataclass(frozen=True)
class Conditions:
    """Of who asks for something: what it must be, and what they have already."""

    if_match: str | None
    if_none_match: str | None

    def is_kept(self, tag: str) -> bool:
        """Whether they have what bears ``tag`` already. Raises `Stale` where they ask strongly for another."""
        names = _strong(self.if_match)
        if names is not None and tag not in {etag(name) for name in names}:
            raise Stale(f"It is at {tag}, and not at what If-Match asks for.")
        return matches(self.if_none_match, tag)


def expected_versions_of(if_match: str | None) -> Sequence[int]:
    """The versions one of which ``If-Match`` asks for, by strong comparison; none: any will do."""
    names = _strong(if_match)
    if names is None:
        return ()
    return [int(name) for name in names if re.fullmatch(r"[1-9][0-9]{0,8}", name)] or [NEVER]


def _strong(if_match: str | None) -> list[str] | None:
    """What strong tags of ``If-Match`` hold; None: it makes no condition."""
    if if_match is None or if_match.strip() == "*":
        return None
    return [match[2] for match in _TAG.finditer(if_match) if not match[1]]


async def _expected_versions(
    if_match: Annotated[
        str | None, Header(description='The version that is to be changed, as `"<version>"`, or several that may be.')
    ] = None,
) -> Sequence[int]:
    return expected_versions_of(if_match)


ExpectedVersions = Annotated[Sequence[int], Depends(_expected_versions)]


async def _conditions(
    if_match: Annotated[str | None, Header(description="ETags; one of them must be that of what is there.")] = None,
    if_none_match: Annotated[str | None, Header(description="ETags that the client has already.")] = None,
) -> Conditions:
    return Conditions(if_match, if_none_match)


IfAsked = Annotated[Conditions, Depends(_conditions)]
