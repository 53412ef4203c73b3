"""Ports: who holds one, and which are free."""

import random
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from canvas_demo.stack.errors import StackError
from canvas_demo.stack.files import locked, recall, remember

# Below the range Linux takes for outgoing connections (ip(7), ip_local_port_range), which would race with us.
LOWEST, HIGHEST = 20000, 32000
TRIES = 200
RESERVED = 300.0
"""Seconds for which a choice stands in the book."""
# How many ports in a row hang on one setting.
BLOCKS = {"port_grpc": 32, "port_metrics": 32, "port_websockets": 8}


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose(host: str, names: tuple[str, ...], keep: dict[str, int], book: "Book") -> dict[str, int]:
    """A port for each setting: the one to keep where it is free, else one found at random.

    They are written into the ``book``: two that choose at once do not choose the same.
    """
    with book.of_others() as taken:
        chosen = _choose(host, names, keep, taken)
        book.write(_all_of(chosen))
    return chosen


def _choose(host: str, names: tuple[str, ...], keep: dict[str, int], taken: set[int]) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for name in names:
        size, gone = BLOCKS.get(name, 1), taken | _all_of(chosen)
        chosen[name] = next((base for base in _candidates(keep.get(name)) if _is_block_free(host, base, size, gone)), 0)
        if not chosen[name]:
            message = f"found no free port between {LOWEST} and {HIGHEST} for {name} on {host}"
            raise StackError(message)
    return chosen


def _candidates(kept: int | None) -> list[int]:
    return ([kept] if kept else []) + [random.randrange(LOWEST, HIGHEST) for _ in range(TRIES)]  # noqa: S311  (no secret)


def _all_of(chosen: dict[str, int]) -> set[int]:
    return {port + at for name, port in chosen.items() for at in range(BLOCKS.get(name, 1))}


def _is_block_free(host: str, base: int, size: int, taken: set[int]) -> bool:
    return all(port not in taken and is_free(host, port) for port in range(base, base + size))


class Book:
    """Which stack has chosen which ports lately, and may not listen on them yet."""

    def __init__(self, path: Path, owner: str) -> None:
        self._path, self._owner = path, owner

    @contextmanager
    def of_others(self) -> Iterator[set[int]]:
        """The ports that others have chosen; during the block nobody else chooses."""
        with locked(self._path.with_suffix(".lock")):
            yield {port for owner, (_, ports) in self._recent().items() if owner != self._owner for port in ports}

    def write(self, ports: Iterable[int]) -> None:
        """Have others leave these alone, for long enough to start a stack."""
        remember(self._path, {**self._recent(), self._owner: [time.time(), sorted(ports)]})

    def _recent(self) -> dict[str, Any]:
        return {owner: each for owner, each in recall(self._path).items() if time.time() - each[0] < RESERVED}


def check_free(host: str, wanted: Iterable[tuple[str, str, int]]) -> None:
    """Refuse to start where another process holds one of the ports ``(component, setting, port)``.

    :raises StackError: names the port, the component, the holder where that can be known, and the setting.
    """
    for component, setting, port in wanted:
        if not is_free(host, port):
            raise StackError(conflict(host, component, setting, port))


def conflict(host: str, component: str, setting: str, port: int) -> str:
    """What to tell a person about a port in use."""
    variable = f"CANVAS_DEMO_{setting.partition('+')[0].upper()}"
    return (
        f"port {port} on {host}, wanted by {component}, is in use by {holder(port)}. "
        f"End that program, move the port with {variable}=…, or take free ports with: canvas-demo up --ports auto"
    )


def holder(port: int) -> str:
    """The process that listens on the port, as far as this user may know."""
    import psutil

    for process in psutil.process_iter():
        try:
            listens = any(
                c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections("tcp")
            )
            if listens:
                return f"process {process.pid} ({' '.join(process.cmdline())[:120]})"
        except psutil.Error:
            continue
    return "a process that this user may not see"
