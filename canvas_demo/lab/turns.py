"""Turns: who breaks something, or changes what is everybody's, does so alone on its stack; others wait."""

import fcntl
import json
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Self, TextIO

from canvas_demo.lab.checks import NotYet, until
from canvas_demo.stack.files import lock_at_once

SECONDS = 600.0
SAID_AFTER = 1.0
"""Seconds after which somebody who waits is told for whom."""


class Turns:
    """The turns of one process on one stack; within a process they nest (flock(2): freed when it dies)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        self._depth = 0
        self._file: TextIO | None = None

    @contextmanager
    def alone(self, timeout: float = SECONDS) -> Iterator[None]:
        """Have the turn during the block; seconds. Raises `NotYet` with who has it, where nobody gives it back."""
        self.take(timeout)
        try:
            yield
        finally:
            self.give_back()

    def take(self, timeout: float = SECONDS) -> None:
        """Wait for the turn, and have it until `give_back`, which is to be called as often."""
        with self._guard:
            if not self._depth:
                self._file = self._locked(timeout)
            self._depth += 1

    def give_back(self) -> None:
        """Let others have their turn."""
        with self._guard:
            self._depth -= 1
            if self._file and not self._depth:
                self._file.truncate(0)
                self._file.close()
                self._file = None

    def other(self) -> str:
        """What other process has the turn, in words; empty where none has."""
        if self._file or not self._path.exists():
            return ""
        with self._path.open() as file:
            # Shared: who only looks is no holder.
            return "" if lock_at_once(file, fcntl.LOCK_SH) else self._holder()

    def _locked(self, timeout: float) -> TextIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a")
        try:
            self._wait(file, timeout)
        except BaseException:
            file.close()
            raise
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "who": _own_name()}))
        file.flush()
        return file

    def _wait(self, file: TextIO, timeout: float) -> None:
        taken = partial(lock_at_once, file)
        try:
            until(taken, "it is our turn", min(SAID_AFTER, timeout), every=0.05)
        except NotYet:
            print(f"Waiting for {self._holder()}, whose turn it is to break or change something …", flush=True)
            claim = f"it is our turn (interrupt {self._holder()}, or close its lab)"
            until(taken, claim, timeout, every=0.05)

    def _holder(self) -> str:
        try:
            said = json.loads(self._path.read_text())
        except ValueError:
            return "another process"  # which has just begun, or just ended
        return f"{said['who']} (process {said['pid']})"


@cache
def turns_on(home: Path) -> Turns:
    """The turns on the stack in ``home``: one object a process, however many labs it opens."""
    return Turns(home / "lab" / "faults")


def _own_name() -> str:
    """The notebook, where Jupyter says which; else the program."""
    notebook = os.environ.get("JPY_SESSION_NAME", "")
    return Path(notebook or sys.argv[0] or "python").name


class Turn:
    """A turn that lasts over several cells: until `end`, or until its lab is closed."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._turns.take()
        self.is_over = False

    def __repr__(self) -> str:
        return "Turn: over" if self.is_over else "Turn: others wait until its end()"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Let others have theirs; a second time does nothing."""
        if not self.is_over:
            self.is_over = True
            self._turns.give_back()
