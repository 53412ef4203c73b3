"""What a person sees of the stack: a live table on a terminal, else a line for each change."""

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from canvas_demo.stack.errors import StackError

if TYPE_CHECKING:
    from rich.table import Table

STYLES = {"running": "green", "done": "green", "failed": "bold red", "restarting": "yellow", "paused": "magenta"}
Snapshot = dict[str, Any]


def follow(snapshots: Iterator[Snapshot], *, until_up: bool) -> Snapshot:
    """Show every change and return the last snapshot: when all is up, if that is enough, or at the end."""
    shown = _live(snapshots) if sys.stdout.isatty() else _lines(snapshots)
    last: Snapshot = {}
    for last in shown:
        if until_up and last["phase"] == "up":
            return last
    if last.get("phase") not in ("down", "failed"):
        raise StackError("the supervisor ended without a word; see the end of: canvas-demo logs supervisor")
    return last


def _lines(snapshots: Iterator[Snapshot]) -> Iterator[Snapshot]:
    seen: dict[str, tuple[str, str]] = {}
    for snapshot in snapshots:
        for component in snapshot["components"]:
            now = (component["state"], component["address"])
            if seen.get(component["name"]) != now:
                seen[component["name"]] = now
                print(_line(snapshot, component), flush=True)
        yield snapshot


def _line(snapshot: Snapshot, component: dict[str, Any]) -> str:
    seconds = snapshot["now"] - snapshot["began"]
    name, state, address = component["name"], component["state"], component["address"]
    pid = f"pid {component['pid']}" if component["pid"] else ""
    detail = component["detail"].partition("\n")[0]
    return f"{seconds:7.2f} s  {name:<13} {state:<10} {address} {pid} {detail}".rstrip()


def _live(snapshots: Iterator[Snapshot]) -> Iterator[Snapshot]:
    from rich.live import Live

    snapshot: Snapshot = {"components": []}
    with Live(get_renderable=lambda: table(snapshot), refresh_per_second=10) as live:
        for snapshot in snapshots:
            live.refresh()
            yield snapshot


def table(snapshot: Snapshot) -> "Table":
    """The components with their states; while one starts, its seconds count up."""
    from rich.table import Table
    from rich.text import Text

    drawn = Table("component", "state", "seconds", "address", "pid", "restarts", "what", box=None, pad_edge=False)
    for part in snapshot["components"]:
        drawn.add_row(
            part["name"],
            Text(part["state"], style=STYLES.get(part["state"], "")),
            f"{_seconds(part):.1f}",
            part["address"],
            str(part["pid"] or ""),
            str(part["restarts"] or ""),
            part["detail"].partition("\n")[0] or part["last_exit"],
        )
    return drawn


def _seconds(part: dict[str, Any]) -> float:
    """How long it took to be ready, or has been in a state that is to pass."""
    if part["state"] in ("running", "done") and part["took"] is not None:
        return float(part["took"])
    return time.time() - float(part["since"])
