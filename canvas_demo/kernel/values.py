"""Values as they come from outside, checked."""

import math
import re
import unicodedata
from datetime import datetime

from canvas_demo.kernel.errors import Invalid, NotFound

NAME_LIMIT = 200
COORDINATE_LIMIT = 1e9
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")


def checked_name(value: str, field: str = "name", limit: int = NAME_LIMIT) -> str:
    """``value`` without the white space around it: 1 to ``limit`` characters, none of them a control character.

    Raises `Invalid` with ``field``.
    """
    name = value.strip()
    if not name:
        raise Invalid(field, "must not be empty")
    if len(name) > limit:
        raise Invalid(field, f"must have at most {limit} characters, has {len(name)}")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in name):
        raise Invalid(field, "must not hold control characters")
    return name


def checked_text(value: str, field: str, limit: int) -> str:
    """``value`` as it is: 1 to ``limit`` characters, among them line breaks and tabs, but no other control characters.

    Raises `Invalid` with ``field``.
    """
    if not value.strip():
        raise Invalid(field, "must not be empty")
    if len(value) > limit:
        raise Invalid(field, f"must have at most {limit} characters, has {len(value)}")
    if any(unicodedata.category(character) in {"Cc", "Cs"} and character not in "\n\r\t" for character in value):
        raise Invalid(field, "must not hold control characters")
    return value


def checked_coordinate(value: float, field: str) -> float:
    """A finite number of canvas units, at most a thousand million either way. Raises `Invalid`."""
    if not math.isfinite(value) or abs(value) > COORDINATE_LIMIT:
        raise Invalid(field, f"must be a number from {-COORDINATE_LIMIT:.0f} to {COORDINATE_LIMIT:.0f}")
    return value


def checked_id(value: str, kind: str) -> str:
    """``value``, a UUID as RFC 9562 writes it, in small letters. Raises `NotFound`: nothing else is an id."""
    if not _UUID.fullmatch(value):
        raise NotFound(f"There is no {kind} {value[:80]!r}.")
    return value.lower()


def rfc3339(time: datetime) -> str:
    """``time`` as in RFC 3339, in UTC, to the microsecond."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
