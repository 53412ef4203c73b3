"""A page with the state of every component, also when none runs: ``python -m canvas_demo.lab.status_page SOCKET``.

It is served on a Unix socket, to whoever may open that: jupyter-server-proxy.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer

from canvas_demo.lab.starting import UP
from canvas_demo.stack import channel
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import load_settings

STATIC = Path(__file__).parent / "page"
FILES = {
    "/": ("status.html", "text/html; charset=utf-8"),
    "/status.js": ("status.js", "text/javascript; charset=utf-8"),
    "/status.css": ("status.css", "text/css; charset=utf-8"),
}
SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
}
OURS = "X-Canvas-Demo"
"""A header that a page of another origin can't send without being asked (https://fetch.spec.whatwg.org/#cors-preflight-fetch)."""


def look(home: Path) -> dict[str, object]:
    """The supervisor's snapshot; ``running`` is whether there is one."""
    try:
        return {"running": True, **next(channel.ask(home, "status"))}
    except StackError as error:
        return {"running": False, "failure": str(error), "components": []}


def start(home: Path) -> None:
    """Start the stack with `UP`, detached; the page shows how it comes up."""
    with (home.parent / f"{home.name}-start.log").open("w") as log:
        subprocess.Popen([*UP, "--detach"], stdout=log, stderr=log, start_new_session=True)  # noqa: S603  (our own command)


class Page(BaseHTTPRequestHandler):
    """Answers the requests of the page."""

    def do_GET(self) -> None:
        """The page's files, and ``/status.json``."""
        path = self.path.partition("?")[0]
        if path == "/status.json":
            self._answer(json.dumps(look(load_settings().home)).encode(), "application/json")
        elif path in FILES:
            name, kind = FILES[path]
            self._answer((STATIC / name).read_bytes(), kind)
        else:
            self._answer(b"There is no such page.", "text/plain", HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        """``/start``, by the page itself."""
        if self.path != "/start" or self.headers.get(OURS) != "start":
            self._answer(b"Only this page may do that.", "text/plain", HTTPStatus.FORBIDDEN)
            return
        home = load_settings().home
        if not channel.is_running(home):
            start(home)
        self._answer(b"{}", "application/json", HTTPStatus.ACCEPTED)

    def _answer(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self.send_response(status)
        for name, value in {**SAFE, "Content-Type": kind, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """Whoever comes by a Unix socket has no address."""
        return "jupyter"

    log_message: Callable[..., None] = lambda *_: None


class Server(ThreadingMixIn, UnixStreamServer):
    """A thread a request."""

    daemon_threads = True


if __name__ == "__main__":
    Server(sys.argv[1], Page).serve_forever()
