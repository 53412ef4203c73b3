"""How a content names itself in headers."""

import re
from urllib.parse import quote

UNKNOWN = "application/octet-stream"
_WORD = r"[A-Za-z0-9!#$&^_.+-]{1,127}"
_PARAMETER = rf'\s*;\s*({_WORD})=("[\x20\x21\x23-\x5b\x5d-\x7e]*"|{_WORD})'
_MEDIA_TYPE = re.compile(rf"({_WORD}/{_WORD})(?:{_PARAMETER})*", re.ASCII)
_CHARSET = re.compile(r"[A-Za-z0-9._:+-]{1,40}", re.ASCII)
_ATTR_CHAR = "!#$&+-.^_`|~"  # RFC 8187, 3.2.1, beside letters and digits


def media_type_of(text: str) -> str:
    """The type and the charset of ``text`` where it is a media type (RFC 9110, 8.3.1); otherwise the type of any bytes.

    Other parameters are left out: a type is not sealed, and they say what people write (``name="Ada.pdf"``).
    """
    found = _MEDIA_TYPE.fullmatch(text.strip()) if len(text) <= 1000 else None
    if found is None:
        return UNKNOWN
    parameters = {name.lower(): value.strip('"') for name, value in re.findall(_PARAMETER, text)}
    charset = parameters.get("charset", "")
    return f"{found[1]}; charset={charset}" if _CHARSET.fullmatch(charset) else found[1]


def content_disposition(name: str) -> str:
    """The header that makes a browser save the content as ``name`` (RFC 6266), whatever is in it.

    ``filename`` is for programs that know no better, ``filename*`` (RFC 8187) holds the name itself.
    """
    plain = re.sub(r'[^\x20-\x7e]|["\\%/]', "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHAR)}"
