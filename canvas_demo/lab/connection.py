"""Finding the stack, or starting it."""

import os
import subprocess
import sys
from pathlib import Path

from canvas_demo.lab.checks import until
from canvas_demo.lab.session import Lab
from canvas_demo.stack import addresses, channel
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import load_settings

START_SECONDS = 300.0
READY_STATES = {"running", "done", "paused", "stopped"}
"""``paused`` and ``stopped``: somebody wants it so."""


def connect(home: str | Path | None = None) -> Lab:
    """The lab of the stack in ``home`` (else: that of CANVAS_DEMO_HOME), which is started where it does not run.

    Raises StackError where it does not start.
    """
    settings = load_settings(Path(home) if home else None)
    if not channel.is_running(settings.home):
        print("No stack runs yet: starting one. The first time, this fetches Kafka and Debezium.")
        _start(settings.home)
        settings = load_settings(settings.home)
    until(lambda: _is_up(settings.home), "the stack is up", timeout=START_SECONDS, every=0.1)
    return Lab(settings, addresses.of_running(settings))


def _start(home: Path) -> None:
    """``canvas-demo up --detach``, with its lines shown as they come."""
    command = [sys.executable, "-m", "canvas_demo", "up", "--detach"]
    environment = {**os.environ, "CANVAS_DEMO_HOME": str(home)}
    with subprocess.Popen(  # noqa: S603  (our own command)
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as starting:
        lines = []
        for line in starting.stdout or ():
            lines.append(line.rstrip())
            print(lines[-1], flush=True)
    if starting.returncode:
        raise StackError(lines[-1] if lines else f"canvas-demo up ended with {starting.returncode}")


def _is_up(home: Path) -> bool:
    """Raises StackError for a stack whose start failed."""
    snapshot = next(channel.ask(home, "status"))
    if snapshot["failure"]:
        raise StackError(snapshot["failure"])
    return all(part["state"] in READY_STATES for part in snapshot["components"])
