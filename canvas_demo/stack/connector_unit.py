"""The connector as a component: it lives inside Kafka Connect and is asked after over REST."""

import asyncio
import time
from collections.abc import Callable

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack import connector
from canvas_demo.stack.component import Component
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.probes import INTERVAL
from canvas_demo.stack.unit import Changes, Unit

WATCH_SECONDS = 1.0
RETRY_SECONDS = 1.0


class ConnectorUnit(Unit):
    """Places the connector, waits until it streams, and restarts a task that failed."""

    def __init__(self, component: Component, settings: Settings, changes: Changes) -> None:
        super().__init__(component, settings, changes)
        self._asking = asyncio.Lock()

    async def attempt(self) -> str:
        """Place it and watch it; returns why it no longer runs."""
        self.become("starting")
        try:
            await self._start_streaming()
            return await self._watch()
        except OSError as error:
            if self.needs_are_met():
                raise
            return self._wait_for_needs(str(error))

    async def _start_streaming(self) -> None:
        deadline = time.monotonic() + self.component.ready_seconds
        await self._place(deadline)
        while self.needs_are_met():
            status = await asyncio.to_thread(connector.status, self.settings, self.component.name)
            reader = await asyncio.to_thread(connector.slot_reader, self.settings, self.component.name)
            if status.runs and reader:
                self.came_up = True
                self.become("running")
                return
            self.detail = f"{status}, the slot is {'' if reader else 'not '}read"
            if time.monotonic() > deadline:
                message = f"the connector does not stream: {self.detail}"
                raise StackError(message)
            await self._help(status)
            await asyncio.sleep(INTERVAL)

    async def _place(self, deadline: float) -> None:
        while True:
            try:
                await asyncio.shield(self._alone(connector.place))
                return
            except OSError as error:
                if time.monotonic() > deadline or not self.needs_are_met():
                    raise
                self.detail = str(error)
                await asyncio.sleep(INTERVAL)

    async def _help(self, status: connector.TaskStatus) -> None:
        """Set going what was stopped, and what failed: too early, say, for the database."""
        if status.connector in {"PAUSED", "STOPPED"}:
            await self._order("resume")
        if status.failed:
            await asyncio.sleep(RETRY_SECONDS)
            await self._order("restart failed")

    async def _watch(self) -> str:
        """Look once a second, for Connect tells nobody of a task that fails; returns why it no longer runs."""
        while self.needs_are_met():
            try:
                await asyncio.wait_for(self.changes.until(lambda: not self.needs_are_met()), WATCH_SECONDS)
            except TimeoutError:
                status = await asyncio.to_thread(connector.status, self.settings, self.component.name)
                if not status.runs:
                    return str(status)
        return self._wait_for_needs("")

    def _wait_for_needs(self, detail: str) -> str:
        self.become("waiting", detail)
        return ""

    async def _alone(self, ask: Callable[..., object], *arguments: str) -> None:
        """One request after the other: one that was under way as it was cancelled must not overtake the next."""
        async with self._asking:
            await asyncio.to_thread(ask, self.settings, self.component.name, *arguments)

    async def _order(self, what: str) -> None:
        try:
            await asyncio.shield(self._alone(connector.order, what))
        except OSError as error:
            message = f"Kafka Connect can't be told to {what} the connector: {error}"
            raise StackError(message) from error

    async def _until(self, what: str, holds: Callable[[connector.TaskStatus], bool]) -> None:
        """Connect takes an order at once, and follows it some time later: a task ends when it can."""
        deadline = time.monotonic() + self.component.ready_seconds
        seen = "nothing"
        while not self.wanted:  # somebody else has it started meanwhile
            try:
                status = await asyncio.to_thread(connector.status, self.settings, self.component.name)
            except OSError as error:
                seen = str(error)
            else:
                if holds(status):
                    return
                seen = str(status)
            if time.monotonic() > deadline:
                message = f"Kafka Connect was told to {what} the connector, and has not; last seen: {seen}"
                raise StackError(message)
            await asyncio.sleep(INTERVAL)

    async def stop(self) -> None:
        """Have Connect stop it, and keep it so; returns when its task has ended."""
        await self.leave()
        await self._order("stop")
        await self._until("stop", lambda status: status.stopped)

    async def leave(self) -> None:
        """Look after it no more: Connect stops it as it ends, and starts it when it is back."""
        await super().stop()

    async def kill(self) -> None:
        """Restart its task: it has no process of its own that could be killed."""
        await self._order("restart")

    async def pause(self) -> None:
        """Have Connect pause it; returns when its task pauses."""
        await self.leave()
        await self._order("pause")
        await self._until("pause", lambda status: status.paused)
        self.become("paused")

    async def resume(self) -> None:
        """Have it go on."""
        await self.start()
