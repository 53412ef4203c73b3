"""A `multipart/form-data` body (RFC 7578) piece by piece, as it arrives."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException

from canvas_demo.kernel.errors import Invalid

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

ESCAPES = {"%22": '"', '\\"': '"', "\\\\": "\\"}
"""What stands for characters of a quoted name: what browsers write, and what programs write that quote as mail does.

Browsers write `%0A` and `%0D`, too (https://html.spec.whatwg.org/multipage/form-control-infrastructure.html,
"multipart/form-data encoding algorithm"); these stay as they are, since no name has a line break. What a browser
writes does not say whether a `%22` was a quote; it is read as one.
"""
_ESCAPE = re.compile("|".join(map(re.escape, ESCAPES)))


@dataclass(frozen=True)
class PartBegins:
    """A part and what its headers say; a field that is no file has no ``filename``."""

    name: str
    filename: str | None
    media_type: str


@dataclass(frozen=True)
class PartEnds:
    """The part that began last is complete."""


Piece = PartBegins | memoryview | PartEnds


async def read_form(body: AsyncIterator[bytes], content_type: str) -> AsyncIterator[Piece]:
    """The pieces of a form: each part begins, has any number of bytes, and ends.

    Holds no more than the chunk of ``body`` at hand; the bytes are views of it. Raises 415 where the
    body is no form, and `Invalid` where it breaks the form's rules or ends before its last boundary.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise HTTPException(
            415, "Send the file as multipart/form-data, in the field `file`.", {"Accept-Post": "multipart/form-data"}
        )
    pieces = _Pieces()
    try:
        parser = MultipartParser(boundary, pieces.callbacks())
        async for chunk in body:
            parser.write(chunk)
            for piece in pieces.taken():
                yield piece
    except FormParserError as error:
        raise Invalid("body", f"is not a well-formed multipart body: {error}") from error
    if not pieces.complete:
        raise Invalid("body", "ends before its last boundary")


class _Pieces:
    """Collects what the parser finds in one chunk."""

    def __init__(self) -> None:
        self.complete = False
        self._pieces: list[Piece] = []
        self._headers: dict[str, bytes] = {}
        self._name = b""
        self._value = b""

    def taken(self) -> list[Piece]:
        """The pieces since the last call."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def callbacks(self) -> "MultipartCallbacks":
        """What the parser calls."""
        return {
            "on_part_begin": self._headers.clear,
            "on_header_field": partial(self._add, "_name"),
            "on_header_value": partial(self._add, "_value"),
            "on_header_end": self._end_header,
            "on_headers_finished": self._begin_part,
            "on_part_data": lambda data, start, end: self._pieces.append(memoryview(data)[start:end]),
            "on_part_end": lambda: self._pieces.append(PartEnds()),
            "on_end": self._end,
        }

    def _add(self, attribute: str, data: bytes, start: int, end: int) -> None:
        setattr(self, attribute, getattr(self, attribute) + data[start:end])

    def _end_header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value
        self._name = self._value = b""

    def _begin_part(self) -> None:
        disposition = self._headers.get("content-disposition", b"")
        said = _parameters(disposition)
        media_type = self._headers.get("content-type", b"").decode("latin-1")
        self._pieces.append(PartBegins(said.get("name", ""), said.get("filename"), media_type))

    def _end(self) -> None:
        self.complete = True


_PARAMETER = re.compile(
    rb';\s*([^\s=;"]+)='
    rb'(?:"((?:[^"\\]|\\.)*)"(?=\s*(?:;|$))'  # as mail quotes it
    rb'|"(.*?)"(?=\s*(?:;|$))'  # as browsers do, which leave a backslash as it is
    rb'|([^";]*))'
)


def _parameters(disposition: bytes) -> dict[str, str]:
    """What a Content-Disposition says, by the parameters' names in small letters. Raises `Invalid`."""
    found = {}
    for name, *values in _PARAMETER.findall(disposition):
        try:
            value = max(values, key=len).decode()
        except UnicodeDecodeError as error:
            raise Invalid("file", "has a name that is not UTF-8") from error
        quoted = bool(values[0] or values[1])
        text = _ESCAPE.sub(lambda escape: ESCAPES[escape[0]], value) if quoted else value.strip()
        found[name.decode("latin-1").lower()] = text
    return found
