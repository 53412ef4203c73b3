"""Finding the stack, or starting it."""

import atexit
import os
import subprocess
from pathlib import Path

from canvas_demo.lab.checks import NotYet, until
from canvas_demo.lab.faults import MENDED_BY
from canvas_demo.lab.mending import OTHERS, mend
from canvas_demo.lab.session import Lab
from canvas_demo.lab.starting import UP
from canvas_demo.lab.turns import turns_on
from canvas_demo.stack import addresses, channel
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import load_settings
from canvas_demo.stack.unit import READY

START_SECONDS = 300.0
PATIENCE = 5.0
"""Seconds after which it is said what is waited for."""


def connect(home: str | Path | None = None) -> Lab:
    """The lab of the stack in ``home`` (else: that of CANVAS_DEMO_HOME), which is started where it does not run.

    Raises StackError where it does not start.
    """
    settings = load_settings(Path(home) if home else None)
    if not channel.is_running(settings.home):
        print("No stack runs yet: starting one. The first time, this fetches Kafka and Debezium.")
        _start(settings.home)
        settings = load_settings(settings.home)
    lab = Lab(settings, addresses.of_running(settings))
    atexit.register(lab.close)
    _wait_until_ready(lab, settings.home)
    mend(lab, OTHERS)
    for name, state in _states(settings.home).items():
        if state in MENDED_BY:
            order = MENDED_BY[state]
            print(f"{name} is {state}, as somebody wants it: lab.faults.{order}({name!r}) ends that.")
    return lab


def _wait_until_ready(lab: Lab, home: Path) -> None:
    other: str | None = None

    def is_up() -> bool:
        nonlocal other
        before, other = other, turns_on(home).other()
        if not other and other != before:
            with lab.faults.alone():
                pass  # with that, what killed labs have broken is mended
        return not _not_ready(home)

    try:
        until(is_up, "the stack is up", timeout=PATIENCE, every=0.1)
    except NotYet:
        print(f"Waiting: {_on_the_way(home)} …", flush=True)
    try:
        until(is_up, "the stack is up", timeout=START_SECONDS, every=0.1)
    except NotYet as error:
        said = f"Not ready within {START_SECONDS:.0f} s: {_on_the_way(home)}."
        raise StackError(f"{said} `canvas-demo status` and `canvas-demo logs NAME` say why.") from error


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
    """What is on its way yet, or broken by another notebook, which mends it at the end of its turn.

    Not what somebody keeps frozen or stopped whose turn it is not, and what waits for that.
    """
    states = _states(home)
    is_kept = MENDED_BY.keys() & set(states.values()) and not turns_on(home).other()
    ready = READY | ({*MENDED_BY, "waiting"} if is_kept else set())
    return [f"{name} is {state}" for name, state in states.items() if state not in ready]


def _on_the_way(home: Path) -> str:
    """The same in a sentence, with whose turn it is."""
    other = turns_on(home).other()
    return ", ".join(_not_ready(home)) + (f"; it is the turn of {other}" if other else "")


def _states(home: Path) -> dict[str, str]:
    """The components' states. Raises StackError for a stack whose start failed."""
    snapshot = next(channel.ask(home, "status"))
    if snapshot["failure"]:
        raise StackError(snapshot["failure"])
    return {part["name"]: part["state"] for part in snapshot["components"]}
