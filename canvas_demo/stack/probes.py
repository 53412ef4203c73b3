"""Whether a component is ready, as its declaration says."""

import asyncio
import socket
from pathlib import Path

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack.component import AcceptsQueries, Answers, Listens, Ready
from canvas_demo.stack.web import call

INTERVAL = 0.02


async def until_ready(ready: Ready, settings: Settings, pid: int, seen: list[str]) -> None:
    """Return once it is; ``seen`` holds what was seen last."""
    while True:
        found = await asyncio.to_thread(look, ready, settings, pid)
        if not found:
            return
        seen[:] = [found]
        await asyncio.sleep(INTERVAL)


def look(ready: Ready, settings: Settings, pid: int) -> str:
    """What is still wrong; empty when it is ready."""
    match ready:
        case AcceptsQueries():
            return _postmaster(settings.home / "postgres" / "postmaster.pid", pid)
        case Listens(port):
            return _listens(settings.host, port)
        case Answers(url):
            return _answers(url)
    message = f"{ready} is not looked at from outside"
    raise TypeError(message)


def _postmaster(file: Path, pid: int) -> str:
    """PostgreSQL writes its state there, as pg_ctl(1) reads it: pid on line 1, state on line 8."""
    try:
        lines = file.read_text().splitlines()
    except FileNotFoundError:
        return "PostgreSQL has not written postmaster.pid yet"
    if lines[:1] != [str(pid)]:
        return "postmaster.pid is of an earlier start"
    state = lines[7].strip() if len(lines) > 7 else "starting"
    return "" if state == "ready" else f"PostgreSQL is {state}"


def _listens(host: str, port: int) -> str:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError as error:
        return f"{host}:{port}: {error}"
    return ""


def _answers(url: str) -> str:
    try:
        reply = call("GET", url, seconds=2)
    except OSError as error:
        return f"{url}: {error}"
    return "" if reply.status == 200 else f"{url} answers {reply.status}"
