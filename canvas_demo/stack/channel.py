"""The Unix socket in the home by which commands talk to the supervisor: one request, lines of JSON back."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from canvas_demo.stack.errors import StackError
from canvas_demo.stack.files import recall

# sun_path of unix(7), less its closing NUL.
LONGEST_PATH = 107
AT_ONCE = {"status"}
"""Requests that are answered at once; the others take as long as what they ask for."""
PATIENCE = 10.0
"""Seconds after which a supervisor that owes such an answer is taken for stopped or frozen."""


@contextlib.contextmanager
def _short(path: Path) -> Iterator[str]:
    """A name of the socket that fits in an address, however deep the home lies."""
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def socket_path(home: Path) -> Path:
    """Where the supervisor listens."""
    return home / "control.sock"


def listen(home: Path) -> socket.socket:
    """The supervisor's end; only this user may connect."""
    path = socket_path(home)
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    before = os.umask(0o077)
    try:
        with _short(path) as name:
            server.bind(name)
    finally:
        os.umask(before)
    server.listen()
    return server


def is_running(home: Path) -> bool:
    """Whether a supervisor answers in that home."""
    try:
        _connect(home).close()
    except OSError:
        return False
    return True


def not_running(home: Path) -> str:
    """What to tell whoever asks for a stack that is not there."""
    return f"No stack runs in {home}; start it with: canvas-demo up"


def ask(home: Path, what: str, **details: str) -> Iterator[dict[str, Any]]:
    """Send a request and yield the answers as they come.

    :raises StackError: no stack runs there, it can't do it, or it does not answer what is answered at once.
    """
    try:
        connection = _connect(home)
    except OSError as error:
        raise StackError(not_running(home)) from error
    with connection, connection.makefile("rw") as lines:
        lines.write(json.dumps({"what": what, **details}) + "\n")
        lines.flush()
        connection.settimeout(PATIENCE if what in AT_ONCE else None)
        try:
            for line in lines:
                answer: dict[str, Any] = json.loads(line)
                if "error" in answer:
                    raise StackError(answer["error"])
                yield answer
        except TimeoutError as error:
            raise StackError(_silent(home)) from error


def _silent(home: Path) -> str:
    """What to tell whoever gets no answer."""
    pid = recall(home / "processes.json").get("supervisor", {}).get("pid", "not known")
    return (
        f"The supervisor of {home} (pid {pid}) has not answered for {PATIENCE:.0f} s. If it was stopped, let it go on: "
        f"kill -CONT {pid}. If not, end it, and start the stack again with its data: kill -9 {pid}; canvas-demo up"
    )


def _connect(home: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    try:
        with _short(socket_path(home)) as name:
            client.connect(name)
    except OSError:
        client.close()
        raise
    return client
