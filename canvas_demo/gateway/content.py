"""How a content names itself in headers."""

import re
from urllib.parse import quote

UNKNOWN = "application/octet-stream"
_WORD = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_MEDIA_TYPE = re.compile(rf'{_WORD}/{_WORD}(\s*;\s*{_WORD}=("[\x20\x21\x23-\x5b\x5d-\x7e]*"|{_WORD}))*', re.ASCII)
_ATTR_CHAR = "!#$&+-.^_`|~"  # RFC 8187, 3.2.1, beside letters and digits


def media_type_of(text: str) -> str:
    """``text`` where it is a media type (RFC 9110, 8.3.1), in at most 255 characters; otherwise that of any bytes."""
    text = text.strip()
    return text if len(text) <= 255 and _MEDIA_TYPE.fullmatch(text) else UNKNOWN


def content_disposition(name: str) -> str:
    """The header that makes a browser save the content as ``name`` (RFC 6266), whatever is in it.

    ``filename`` is for programs that know no better, ``filename*`` (RFC 8187) holds the name itself.
    """
    plain = re.sub(r'[^\x20-\x7e]|["\\%/]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHAR)}"
