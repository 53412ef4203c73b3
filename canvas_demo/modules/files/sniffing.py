"""What a content shows itself to be, whatever it was declared as."""

import codecs

import puremagic

HEAD = 64 * 1024
"""Bytes from the beginning of a content that tell."""
SURE = 0.3
"""Of puremagic's confidence, which grows with the length of the signature: four bytes and more."""
ZIP = b"PK\x03\x04"
TEXT_TYPES = {"application/json", "application/xml", "application/javascript", "application/yaml", "image/svg+xml"}
UNKNOWN = "application/octet-stream"


def media_type_of(head: bytes, declared: str) -> str:
    """The media type of a content that begins with ``head``.

    A signature decides; a text is what it was declared as, if that is a kind of text; of anything
    else the declaration holds, unless it names a type that would have a signature.
    """
    kind = declared.partition(";")[0].strip().lower()
    if head.startswith(ZIP):  # half of all document formats are archives
        return declared if kind.startswith("application/") and kind != UNKNOWN else "application/zip"
    signed = _signed(head)
    if kind in signed:
        return declared
    if _is_text(head):
        return declared if _is_textual(kind) else "text/plain"
    if signed:
        return signed[0]
    return UNKNOWN if _is_textual(kind) or kind.partition("/")[0] in {"image", "audio", "video"} else declared


def _signed(head: bytes) -> list[str]:
    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return []
    return [match.mime_type for match in found if match.mime_type and match.confidence >= SURE]


def _is_text(head: bytes) -> bool:
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)  # the last character may be cut
    except UnicodeDecodeError:
        return False
    return all(character >= " " or character in "\n\r\t\f\x1b" for character in text)


def _is_textual(kind: str) -> bool:
    return kind.startswith("text/") or kind in TEXT_TYPES or kind.endswith(("+json", "+xml"))
