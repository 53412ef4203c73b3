"""Resumable uploads as a program makes them with tuspy, and connections that break."""

import base64
import io
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

from tusclient.client import TusClient

from tests.integration.api import Person

MIB = 1024 * 1024


def creation(canvas_id: str, size: int, **metadata: str) -> dict[str, str]:
    """The headers of a request that begins an upload of ``size`` bytes to a canvas (tus 1.0.0, Creation)."""
    texts = {"filename": "plan.txt", "canvas_id": canvas_id, **metadata}
    said = ",".join(f"{key} {base64.b64encode(text.encode()).decode()}" for key, text in texts.items())
    return {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": said}


def uploader(person: Person, canvas_id: str, content: bytes, web_url: str = "", **how: Any) -> Any:
    """A tuspy uploader of ``content`` to a canvas, by another address of the stack where ``web_url`` is one."""
    client = TusClient(f"{web_url or person.http.base_url}/api/uploads".replace("//api", "/api"))
    client.set_headers({"Authorization": f"Bearer {person.token}"})
    metadata = {"filename": "plän.bin", "filetype": "application/x-plan", "canvas_id": canvas_id, "x": "3", "y": "4"}
    return client.uploader(file_stream=io.BytesIO(content), metadata=metadata, **how)


def resumed(person: Person, url: str, content: bytes, **how: Any) -> Any:
    """A tuspy uploader that goes on with the upload at ``url``."""
    client = TusClient(url)
    client.set_headers({"Authorization": f"Bearer {person.token}"})
    return client.uploader(file_stream=io.BytesIO(content), url=url, **how)


def offset_of(person: Person, url: str) -> int:
    """How many bytes of an upload are stored."""
    answer = person.call("HEAD", urlsplit(url).path, 200, headers={"Tus-Resumable": "1.0.0"})
    return int(answer.headers["Upload-Offset"])


@contextmanager
def half_a_patch(person: Person, url: str, content: bytes, sent: int) -> Iterator[socket.socket]:
    """A PATCH that says it brings ``content`` and brings ``sent`` bytes of it."""
    parts = urlsplit(url)
    head = (
        f"PATCH {parts.path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {person.token}\r\n"
        "Tus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\nContent-Type: application/offset+octet-stream\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port)) as connection:
        connection.sendall(head.encode() + content[:sent])
        yield connection


class BreakingProxy:
    """Passes connections on to a server; each of the first ``breaks`` is reset after ``limit`` bytes to it."""

    def __init__(self, web_url: str, limit: int, breaks: int) -> None:
        parts = urlsplit(web_url)
        self._target = (str(parts.hostname), int(parts.port or 80))
        self._limit, self.breaks = limit, breaks
        self.broken = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            back = threading.Thread(target=self._pass_on, args=[server, client], daemon=True)
            back.start()
            passed = 0
            with suppress(OSError):
                while data := client.recv(65536):
                    server.sendall(data)
                    passed += len(data)
                    if passed >= self._limit and self.broken < self.breaks:
                        self.broken += 1
                        for each in (client, server):
                            each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        return
            with suppress(OSError):
                server.shutdown(socket.SHUT_WR)
            back.join()

    @staticmethod
    def _pass_on(server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


@contextmanager
def breaking(web_url: str, limit: int, breaks: int) -> Iterator[BreakingProxy]:
    """A way to the server on which connections break."""
    proxy = BreakingProxy(web_url, limit, breaks)
    try:
        yield proxy
    finally:
        proxy.close()
