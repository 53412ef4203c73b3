"""Finding the stack, or starting it."""

import atexit
import os
import subprocess
from pathlib import Path

from canvas_demo.lab.checks import NotYet, until
from canvas_demo.lab.session import Lab
from canvas_demo.lab.starting import UP
from canvas_demo.stack import addresses, channel
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import load_settings

START_SECONDS = 300.0
BROKEN = {"paused", "stopped"}
"""Somebody wants it so."""
READY_STATES = {"running", "done"} | BROKEN


def connect(home: str | Path | None = None) -> Lab:
    """The lab of the stack in ``home`` (else: that of CANVAS_DEMO_HOME), which is started where it does not run.

    Raises StackError where it does not start.
    """
    settings = load_settings(Path(home) if home else None)
    if not channel.is_running(settings.home):
        print("No stack runs yet: starting one. The first time, this fetches Kafka and Debezium.")
        _start(settings.home)
        settings = load_settings(settings.home)
    try:
        until(lambda: not _not_ready(settings.home), "the stack is up", timeout=START_SECONDS, every=0.1)
    except NotYet as error:
        said = f"Not ready within {START_SECONDS:.0f} s: {', '.join(_not_ready(settings.home))}."
        raise StackError(f"{said} `canvas-demo status` and `canvas-demo logs NAME` say why.") from error
    lab = Lab(settings, addresses.of_running(settings))
    atexit.register(lab.close)
    return lab


def _start(home: Path) -> None:
    """`UP`, detached, with its lines shown as they come."""
    environment = {**os.environ, "CANVAS_DEMO_HOME": str(home)}
    with subprocess.Popen(  # noqa: S603  (our own command)
        [*UP, "--detach"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as starting:
        lines = []
        for line in starting.stdout or ():
            lines.append(line.rstrip())
            print(lines[-1], flush=True)
    if starting.returncode:
        raise StackError(lines[-1] if lines else f"canvas-demo up ended with {starting.returncode}")


def _not_ready(home: Path) -> list[str]:
    """What is on its way yet; not what somebody wants to be frozen or stopped, and what waits for that.

    Raises StackError for a stack whose start failed.
    """
    snapshot = next(channel.ask(home, "status"))
    if snapshot["failure"]:
        raise StackError(snapshot["failure"])
    states = {part["name"]: part["state"] for part in snapshot["components"]}
    ready = READY_STATES | ({"waiting"} if BROKEN & set(states.values()) else set())
    return [f"{name} is {state}" for name, state in states.items() if state not in ready]
