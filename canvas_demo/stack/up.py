"""``up`` and ``down``: all that happens before the supervisor runs, and watching it."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack import channel, ports
from canvas_demo.stack.component import Component, Layout
from canvas_demo.stack.control import serve
from canvas_demo.stack.declaration import declare
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import end_leftovers, record_running
from canvas_demo.stack.launch import PR_SET_PDEATHSIG, prctl
from canvas_demo.stack.supervisor import Supervisor

Snapshots = Iterator[dict[str, Any]]


def start(settings: Settings, layout: Layout, *, detach: bool, notes: list[str]) -> Snapshots:
    """Begin a stack in the home and yield what its supervisor says until it is done.

    The supervisor is a fork of this process, so that nothing is imported twice. All that a person
    has to hear before it runs is raised here.

    :raises StackError: a port is in use, or another ``up`` is under way.
    """
    lock = _hold(settings.home)
    ended = end_leftovers(settings.home)
    if ended:
        notes.append(f"ended what an earlier supervisor left: {', '.join(ended)}")
    components = declare(settings, layout)
    ports.check_free(
        settings.host, ((each.name, setting, port) for each in components for setting, port in each.ports.items())
    )
    record_running(settings, {"layout": asdict(layout)})
    server = channel.listen(settings.home)
    _fork(settings, components, server, notes, detach=detach)
    server.close()
    os.close(lock)
    return channel.ask(settings.home, "watch")


def _hold(home: Path) -> int:
    """Take the home for one supervisor; the fork keeps it until it ends (flock(2))."""
    lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        message = f"another supervisor holds {home}: it is just starting or ending. Try again in a moment."
        raise StackError(message) from error
    return lock


def _fork(
    settings: Settings, components: tuple[Component, ...], server: socket.socket, notes: list[str], *, detach: bool
) -> None:
    """Run the supervisor in a child with a session of its own: Ctrl-C is for whoever watches."""
    parent = os.getpid()
    sys.stdout.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if os.fork() == 0:
        os.setsid()
        if not detach and sys.platform == "linux":
            prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _supervise(settings, components, server, notes)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _supervise(
    settings: Settings, components: tuple[Component, ...], server: socket.socket, notes: list[str]
) -> NoReturn:
    with contextlib.suppress(OSError):
        null, log = os.open(os.devnull, os.O_RDONLY), settings.home / "logs" / "supervisor.log"
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
    code = 1
    try:
        asyncio.run(_run(settings, components, server, notes))
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must not return into its parent's code
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


async def _run(settings: Settings, components: tuple[Component, ...], server: socket.socket, notes: list[str]) -> None:
    try:
        await serve(Supervisor(settings, components, notes), server)
    finally:
        for name in ("control.sock", "running.json", "processes.json"):
            (settings.home / name).unlink(missing_ok=True)
