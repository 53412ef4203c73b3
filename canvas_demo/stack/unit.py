"""A component under supervision: its state, and what is the same for a process and a connector."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack.component import Component
from canvas_demo.stack.errors import StackError

State = Literal["waiting", "starting", "running", "done", "paused", "stopping", "stopped", "restarting", "failed"]
READY: frozenset[State] = frozenset({"running", "done"})
FIRST_BACKOFF, LAST_BACKOFF, CALM = 0.2, 10.0, 30.0


class Changes:
    """Lets tasks wait until something holds; whoever changes a thing announces it."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def announce(self) -> None:
        """Have every waiting task look again."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def next(self) -> None:
        """Wait for one announcement."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds."""
        while not holds():
            await self.next()


class Unit(ABC):
    """A component's life under the supervisor: waiting, starting, running, and again after a failure."""

    def __init__(self, component: Component, settings: Settings, changes: Changes) -> None:
        self.component = component
        self.settings = settings
        self.changes = changes
        self.needs: list[Unit] = []
        self.needed_by: list[Unit] = []
        self.wanted = True
        self.came_up = False
        self.state: State = "waiting"
        self.detail = ""
        self.pid: int | None = None
        self.restarts = 0
        self.last_exit = ""
        self.since = time.time()
        self.began = self.since
        self.took: float | None = None
        self._attempt: asyncio.Task[str] | None = None
        self._backoff = FIRST_BACKOFF

    def become(self, state: State, detail: str = "") -> None:
        """Enter a state and tell everyone."""
        if state != self.state:
            self.since = time.time()
        if state == "starting":
            self.began = self.since
        if state in READY and self.state == "starting":
            self.took = self.since - self.began
        self.state, self.detail = state, detail
        self.changes.announce()

    @property
    def is_ready(self) -> bool:
        """Whether others may count on it."""
        return self.state in READY

    def needs_are_met(self) -> bool:
        """Whether it can start."""
        return self.component.eager or all(need.is_ready for need in self.needs)

    @property
    def is_held_up(self) -> bool:
        """Whether it waits for what somebody keeps stopped or frozen."""
        return not self.needs_are_met() and any(
            not need.is_ready and (not need.wanted or need.state == "paused" or need.is_held_up) for need in self.needs
        )

    def report(self) -> dict[str, Any]:
        """What ``status`` says of it."""
        return {
            "name": self.component.name,
            "state": self.state,
            "detail": self.detail,
            "address": self.component.address,
            "metrics": self.component.metrics,
            "pid": self.pid,
            "began": self.began,
            "since": self.since,
            "took": self.took,
            "restarts": self.restarts,
            "last_exit": self.last_exit,
        }

    async def live(self) -> None:
        """Keep it as it is wanted; ends only by cancellation, or when the first start fails.

        :raises StackError: it ended before it was ever ready.
        """
        while True:
            await self._until_due()
            self._attempt = asyncio.create_task(self.attempt())
            await asyncio.wait({self._attempt})
            if self._attempt.cancelled():
                self.become("stopped")
            elif error := self._attempt.exception():
                await self._after_failure(error)
            elif reason := self._attempt.result():
                await self._after_exit(reason)
            else:
                await self.changes.until(lambda: not self.wanted or not self.is_ready)

    @abstractmethod
    async def attempt(self) -> str:
        """Start it and stay with it; returns why it ended, or nothing when it was to end.

        Cancelled, it stops what it started.

        :raises StackError: it cannot start.
        """

    async def stop(self) -> None:
        """Stop it and keep it so."""
        self.wanted = False
        if self._attempt and not self._attempt.done():
            self._attempt.cancel()
            await asyncio.wait({self._attempt})
        if self.state != "failed":
            self.become("stopped")

    async def leave(self) -> None:
        """Stop it because the whole stack stops."""
        await self.stop()

    async def start(self) -> None:
        """Want it again, and wait until it is ready, has failed once more, or has to wait for somebody's order."""
        self.wanted = True
        failures = self.restarts
        self.changes.announce()
        await self.changes.until(
            lambda: self.is_ready or self.restarts > failures or not self.wanted or self.is_held_up
        )
        if self.is_held_up:
            self._say_what_is_missing()

    @abstractmethod
    async def kill(self) -> None:
        """Have it crash; returns when it has."""

    @abstractmethod
    async def pause(self) -> None:
        """Freeze it."""

    @abstractmethod
    async def resume(self) -> None:
        """Let it go on after ``pause``."""

    async def _until_due(self) -> None:
        while not (self.wanted and self.needs_are_met()):
            if self.wanted:
                self._say_what_is_missing()
            await self.changes.next()

    def _say_what_is_missing(self) -> None:
        missing = ", ".join(need.component.name for need in self.needs if not need.is_ready)
        self.state, self.detail = "waiting", f"for {missing}"

    async def _after_failure(self, error: BaseException) -> None:
        if not isinstance(error, StackError | OSError):
            raise error
        await self._after_exit(str(error))

    async def _after_exit(self, reason: str) -> None:
        """Begin again after a while, longer each time it does not last.

        :raises StackError: it has never been ready, so trying again is no use.
        """
        self.last_exit, self.pid = reason, None
        if not self.came_up:
            self.become("failed", reason)
            message = f"{self.component.name} did not start: {reason}"
            raise StackError(message)
        self.restarts += 1
        lasted = time.time() - self.began
        self._backoff = FIRST_BACKOFF if lasted > CALM else min(self._backoff * 2, LAST_BACKOFF)
        self.become("restarting", f"in {self._backoff:.1f} s: {reason}")
        try:
            await asyncio.wait_for(self.changes.until(lambda: not self.wanted), self._backoff)
        except TimeoutError:
            return
