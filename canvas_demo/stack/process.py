"""Processes of the stack: each in a session of its own, and gone when the supervisor is."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from canvas_demo.stack.errors import StackError

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_LIMIT = 8 * 1024 * 1024
LOG_TAIL_LINES = 15
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Launch:
    """What to execute; ``user`` is ``uid:gid``, or ``-`` for the supervisor's own."""

    argv: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = "-"
    death_signal: signal.Signals = signal.SIGKILL


async def spawn(launch: Launch, log: Path, stdin: int = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
    """Start it with its output going to the end of ``log``. Call from the main thread.

    Linux sends the death signal when the *thread* that forked ends, not when the process does.
    """
    rotate(log)
    prefix = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(launch.death_signal)), launch.user]
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *prefix,
            *launch.argv,
            env={**launch.environment},
            stdin=stdin,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )


async def run(launch: Launch, log: Path, what: str, given: bytes = b"") -> None:
    """Run it to its end on the input given; whoever is cancelled here takes it along.

    :raises StackError: it failed; with the last lines of its log.
    """
    process = await spawn(launch, log, asyncio.subprocess.PIPE)
    try:
        await process.communicate(given)
    except asyncio.CancelledError:
        send(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode:
        message = f"{what} failed: {describe_exit(process.returncode)}. The end of {log}:\n{tail(log)}"
        raise StackError(message)


def send(pid: int, which: signal.Signals) -> None:
    """Signal the whole session that ``pid`` leads; nothing where it is gone."""
    try:
        os.killpg(pid, which)
    except ProcessLookupError:
        return


def send_tree(pid: int, which: signal.Signals) -> None:
    """Signal the process and all it started: PostgreSQL's servers each lead a session of their own."""
    import psutil

    try:
        leader = psutil.Process(pid)
        for process in [leader, *leader.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(which)
    except psutil.NoSuchProcess:
        return


async def stop(process: asyncio.subprocess.Process, which: signal.Signals, seconds: float) -> None:
    """End it: ``which`` first, and SIGKILL to its session after so many seconds."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, which)
    try:
        await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        send(process.pid, signal.SIGKILL)
        await process.wait()
    send(process.pid, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """An exit as a person says it: asyncio's code is negative for a signal."""
    if code < 0:
        return f"ended by {signal.Signals(-code).name}"
    return f"exited with code {code}"


def inherited_environment() -> dict[str, str]:
    """What a program needs of its surroundings; settings are not passed on this way."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ}


def rotate(log: Path) -> None:
    """Keep one older file when the log has grown large."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".old.log"))


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of the log."""
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 64 * 1024))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
