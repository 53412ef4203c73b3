"""The commands of ``canvas-demo`` that start, stop and ask the stack."""

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack import channel, show
from canvas_demo.stack.component import Layout
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.files import locked
from canvas_demo.stack.home import PORT_SETTINGS, choose_ports, load_settings, prepare_home
from canvas_demo.stack.ready_made import aot_note, fetch_jars


def bring_up(layout: Layout, *, detach: bool, auto_ports: bool) -> None:
    """Start the stack and stay with it, or detached return when all is up."""
    from canvas_demo.stack.up import start

    settings = load_settings()
    if channel.is_running(settings.home):
        hosts = len(environment()["WS_URLS"])
        if hosts < layout.websocket_hosts:
            message = f"The stack that runs in {settings.home} has fewer websocket hosts than {layout.websocket_hosts}"
            raise StackError(f"{message}: {hosts}. `canvas-demo down` it first.")
        print(f"A stack runs in {settings.home} already: {summary(settings.home)}")
        return
    jars = fetch_jars(settings.cache)
    notes = [aot_note(settings.cache, jars)]
    settings = prepare_home(settings)
    if auto_ports or settings.ports == "auto":
        settings = choose_ports(settings, PORT_SETTINGS - Settings().model_fields_set)
    try:
        snapshots = start(settings, layout, detach=detach, notes=notes)
        last = show.follow(snapshots, until_up=detach)
    except KeyboardInterrupt:
        if not channel.is_running(settings.home):
            raise
        last = take_down(settings.home)
    if last["failure"]:
        wait_for_end(settings.home)
        raise StackError(last["failure"])
    if last["phase"] == "up":
        print(f"Up after {last['now'] - last['began']:.1f} s. Open {environment()['WEB_URL']}")


def summary(home: Path) -> str:
    """The running stack in a line."""
    snapshot = next(channel.ask(home, "status"))
    ready = sum(part["state"] in ("running", "done") for part in snapshot["components"])
    return f"{snapshot['phase']}, {ready} of {len(snapshot['components'])} components ready"


def bring_down() -> None:
    """Stop the stack of the home, if one runs."""
    home = load_settings().home
    if channel.is_running(home):
        take_down(home)
        print(f"Stopped the stack in {home}")
    else:
        print(f"No stack runs in {home}")


def take_down(home: Path) -> dict[str, Any]:
    """Have the supervisor stop all and wait until it is gone; its last word.

    A second Ctrl-C leaves it to do so alone.
    """
    last = show.follow(channel.ask(home, "down"), until_up=False)
    wait_for_end(home)
    return last


def wait_for_end(home: Path) -> None:
    """Return when no supervisor holds the home."""
    with locked(home / "lock"):
        return


def print_status(*, as_json: bool) -> None:
    """Print how each component does."""
    from canvas_demo.stack.slot import read_slot

    settings = load_settings()
    snapshot = next(channel.ask(settings.home, "status"))
    slot = read_slot(settings)
    if as_json:
        print(json.dumps({**snapshot, "slot": slot and {**vars(slot), "alarming": slot.alarming}}, indent=2))
        return
    from rich.console import Console

    console = Console()
    console.print(show.table(snapshot))
    if slot:
        console.print(str(slot), style="bold red" if slot.alarming else "dim", highlight=False)
    for note in snapshot["notes"]:
        console.print(note, style="dim")


def environment() -> dict[str, Any]:
    """The addresses of the running stack."""
    from canvas_demo.stack.addresses import of_running

    return of_running(load_settings())


def print_environment(*, as_json: bool) -> None:
    """Print the addresses for a program or a shell."""
    found = environment()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for name, value in found.items():
        print(f"{name}={shlex.quote(','.join(value) if isinstance(value, list) else value)}")


def give_order(what: str, name: str) -> None:
    """Have the supervisor stop, start, kill, pause or resume a component."""
    for report in channel.ask(load_settings().home, what, name=name):
        print(" ".join(filter(None, [f"{report['name']}: {report['state']}", report["detail"]])))


def remove_home(*, sure: bool) -> None:
    """Stop the stack and remove everything it keeps."""
    home = load_settings().home
    if not home.exists():
        print(f"{home} does not exist")
        return
    if not (home / "secrets.json").exists():
        message = f"{home} does not look like the home of a stack: it is left alone"
        raise StackError(message)
    if not sure and input(f"Remove all data of the stack in {home}? [y/N] ").strip().lower() not in ("y", "yes"):
        print("Nothing was removed")
        return
    if channel.is_running(home):
        take_down(home)
    wait_for_end(home)
    shutil.rmtree(home)
    print(f"Removed {home}")


def prepare_cache() -> None:
    """Fetch and make what ``up`` would do without, or wait for."""
    from canvas_demo.stack.training import train

    settings = load_settings()
    jars = fetch_jars(settings.cache)
    print(f"jars: {len(jars.locked)} in {jars.folder}", file=sys.stderr)
    train(settings.cache, jars)
