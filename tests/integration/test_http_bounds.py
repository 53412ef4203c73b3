"""What the web server takes of a connection before a request has come of it."""

import socket
from collections.abc import Iterator
from itertools import repeat
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.integration.api import DEADLINE

PIECE = b"x" * 16 * 1024
ENDLESS = {
    "a path": b"GET /",
    "a header": b"GET / HTTP/1.1\r\nHost: test\r\nX-Long: ",
    "a trailer": b"POST /api/login HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Long: ",
}
PIECES = 4096
"""64 MiB: far more than any bound, and the end of a server without one."""


@pytest.fixture
def connection(stack: Any) -> Iterator[socket.socket]:
    address = urlsplit(stack.env["WEB_URL"])
    with socket.create_connection((address.hostname, address.port), DEADLINE) as opened:
        yield opened


@pytest.mark.parametrize("beginning", ENDLESS.values(), ids=ENDLESS)
def test_a_connection_from_which_no_request_comes_is_ended(connection: socket.socket, beginning: bytes) -> None:
    connection.sendall(beginning)
    with pytest.raises(ConnectionError):  # noqa: PT012  (whichever piece it is)
        for piece in repeat(PIECE, PIECES):
            connection.sendall(piece)


def test_a_request_with_long_headers_is_answered(connection: socket.socket) -> None:
    connection.sendall(b"GET /api/health HTTP/1.1\r\nHost: test\r\nX-Long: " + b"x" * 32_000 + b"\r\n\r\n")
    assert connection.recv(12) == b"HTTP/1.1 200"
