"""The launcher's tiles: what they start, and the page that tells of the stack when none runs."""

import http.client
import json
import socket
import tempfile
import threading
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from canvas_demo.lab import status_page, tiles

Answer = tuple[int, bytes]


class OverSocket(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self._path))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CANVAS_DEMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CANVAS_DEMO_PORTS", "auto")
    return tmp_path / "home"


@pytest.fixture
def page(home: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        server = status_page.Server(f"{folder}/page", status_page.Page)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Path(folder) / "page"
        server.shutdown()
        server.server_close()


def ask(page: Path, method: str, path: str, **headers: str) -> Answer:
    connection = OverSocket(page)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_jupyter_finds_both_tiles() -> None:
    names = {point.name: point.load() for point in entry_points(group="jupyter_serverproxy_servers")}
    assert names["canvas-demo"] is tiles.canvas
    assert names["stack-status"] is tiles.status


def test_the_app_is_proxied_from_the_port_that_the_stack_will_have(home: Path) -> None:
    first, second = tiles.canvas(), tiles.canvas()
    assert first["port"] == second["port"] == json.loads((home / "ports.json").read_text())["port_web"]
    assert first["request_headers_override"] == {"Origin": f"http://127.0.0.1:{first['port']}"}


@pytest.mark.parametrize("tile", [tiles.canvas, tiles.status])
def test_a_tile_has_an_icon(tile: Any, home: Path) -> None:
    assert Path(tile()["launcher_entry"]["icon_path"]).read_text().startswith("<svg")


def test_the_page_says_that_no_stack_runs(page: Path) -> None:
    status, body = ask(page, "GET", "/status.json")
    seen = json.loads(body)
    assert (status, seen["running"]) == (200, False)
    assert "start it with: canvas-demo up" in seen["failure"]


@pytest.mark.parametrize("path", ["/", "/status.js", "/status.css"])
def test_the_page_is_whole(path: str, page: Path) -> None:
    assert ask(page, "GET", path)[0] == 200


@pytest.mark.parametrize("path", ["/../status_page.py", "/status.svg", "/start"])
def test_it_serves_nothing_else(path: str, page: Path) -> None:
    assert ask(page, "GET", path)[0] == 404


def test_a_page_of_another_origin_starts_nothing(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Path] = []
    monkeypatch.setattr(status_page, "start", started.append)
    assert ask(page, "POST", "/start")[0] == 403
    assert started == []
    assert ask(page, "POST", "/start", **{"X-Canvas-Demo": "start"})[0] == 202
    assert len(started) == 1
