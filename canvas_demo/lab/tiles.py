"""JupyterLab's launcher tiles: the canvas app, and the stack's status, through jupyter-server-proxy.

Jupyter asks who comes in: its token, and for websockets its own check of the ``Origin``. To the gateway
the proxy then speaks as a page of the gateway's own, so that the gateway has no other origin to trust.

``python -m canvas_demo.lab.tiles`` is what the first tile runs: it sees to it that a stack runs.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from canvas_demo.kernel.settings import Settings
from canvas_demo.lab.starting import UP
from canvas_demo.stack.channel import is_running
from canvas_demo.stack.home import choose_ports, load_settings, prepare_home

PACKAGE = Path(__file__).parents[1]
START_SECONDS = 300.0


def canvas() -> dict[str, Any]:
    """The app that the gateway serves, at ``canvas-demo/``; a stack is started where none runs."""
    settings = _with_ports(load_settings())
    return {
        "command": [sys.executable, "-m", "canvas_demo.lab.tiles"],
        "port": settings.port_web,
        "timeout": START_SECONDS,
        "request_headers_override": {"Origin": f"http://127.0.0.1:{settings.port_web}"},
        "launcher_entry": {
            "title": "Canvas Demo",
            "icon_path": str(PACKAGE / "gateway" / "static" / "icon.svg"),
            "path_info": "canvas-demo/",
        },
        "new_browser_tab": False,
    }


def status() -> dict[str, Any]:
    """The page of `status_page`, at ``stack-status/``, on a socket that only this user can open."""
    return {
        "command": [sys.executable, "-m", "canvas_demo.lab.status_page", "{unix_socket}"],
        "unix_socket": True,
        "timeout": 30.0,
        "launcher_entry": {
            "title": "Stack status",
            "icon_path": str(PACKAGE / "lab" / "page" / "status.svg"),
            "path_info": "stack-status/",
        },
        "new_browser_tab": False,
    }


def _with_ports(settings: Settings) -> Settings:
    """The proxy wants to know the port before a stack has chosen one: then it is chosen here, and kept."""
    if settings.ports != "auto" or (settings.home / "ports.json").exists():
        return settings
    return choose_ports(prepare_home(settings))


def attend() -> None:
    """Be there as long as Jupyter wants, while a stack runs that somebody else has started; else be that stack."""
    if is_running(load_settings().home):
        signal.pause()
    else:
        os.execv(UP[0], UP)  # noqa: S606  (our own command)


if __name__ == "__main__":
    attend()
