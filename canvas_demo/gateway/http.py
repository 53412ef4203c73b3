"""uvicorn's HTTP protocol over httptools (the parser of Node.js), held to a bound.

See docs/decisions/contents-cost-copies.md.
"""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_LIMIT = 64 * 1024
"""Bytes of headers, trailers or chunk extensions that may come and neither complete a head nor bring a body on."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. httptools keeps a head that does not end as long as it comes; this ends it."""

    _barren = 0

    def data_received(self, data: bytes) -> None:
        """Take what came, unless nothing has come of too much."""
        self._barren += len(data)
        super().data_received(data)
        if self._barren > HEAD_LIMIT and not self.transport.is_closing():
            self.transport.write(STATUS_LINE[431] + b"content-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def on_headers_complete(self) -> None:
        """A head is complete."""
        self._barren = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of a body is there."""
        self._barren = 0
        super().on_body(body)
