"""Ports: who holds one, and which are free."""

import random
import socket
from collections.abc import Iterable
from contextlib import closing

from canvas_demo.stack.errors import StackError

# Below the range Linux takes for outgoing connections (ip(7), ip_local_port_range), which would race with us.
LOWEST, HIGHEST = 20000, 32000
TRIES = 200
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


def choose(host: str, names: tuple[str, ...], keep: dict[str, int]) -> dict[str, int]:
    """A port for each setting: the one to keep where it is free, else one found at random."""
    chosen: dict[str, int] = {}
    for name in names:
        size = BLOCKS.get(name, 1)
        chosen[name] = next(
            (base for base in _candidates(keep.get(name)) if _is_block_free(host, base, size, chosen)), 0
        )
        if not chosen[name]:
            message = f"found no free port between {LOWEST} and {HIGHEST} for {name} on {host}"
            raise StackError(message)
    return chosen


def _candidates(kept: int | None) -> list[int]:
    return ([kept] if kept else []) + [random.randrange(LOWEST, HIGHEST) for _ in range(TRIES)]  # noqa: S311  (no secret)


def _is_block_free(host: str, base: int, size: int, chosen: dict[str, int]) -> bool:
    taken = {port + at for name, port in chosen.items() for at in range(BLOCKS.get(name, 1))}
    return all(port not in taken and is_free(host, port) for port in range(base, base + size))


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
