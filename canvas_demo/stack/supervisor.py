"""The supervisor: starts the declared components in their order, keeps them, and ends them in reverse."""

import asyncio
import os
import signal
import time
from typing import Any, Literal

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack.component import Component
from canvas_demo.stack.connector_unit import ConnectorUnit
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import record_children
from canvas_demo.stack.process_unit import ProcessUnit
from canvas_demo.stack.unit import Changes, Unit

Phase = Literal["starting", "up", "stopping", "down", "failed"]


class Supervisor:
    """One stack in one home."""

    def __init__(self, settings: Settings, components: tuple[Component, ...], notes: list[str]) -> None:
        self.settings = settings
        self.changes = Changes()
        self.phase: Phase = "starting"
        self.failure = ""
        self.notes = notes
        self.began = time.time()
        self.units: dict[str, Unit] = {}
        for component in components:
            kind = ConnectorUnit if component.program == "connector" else ProcessUnit
            unit = kind(component, settings, self.changes)
            unit.needs = [self.units[name] for name in component.needs]
            for need in unit.needs:
                need.needed_by.append(unit)
            self.units[component.name] = unit

    async def run(self) -> None:
        """Start all, stay until told to end or until the start fails, and stop all."""
        loop = asyncio.get_running_loop()
        told_to_end = asyncio.Event()
        for which in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(which, told_to_end.set)
        self._end = told_to_end
        lives = [asyncio.create_task(unit.live()) for unit in self.units.values()]
        others = [asyncio.create_task(self._note_up()), asyncio.create_task(self._record())]
        ending = asyncio.create_task(told_to_end.wait())
        try:
            await self._until_end(lives, ending)
        finally:
            await self._stop_all()
            for task in (*lives, *others, ending):
                task.cancel()
            await asyncio.gather(*lives, *others, ending, return_exceptions=True)
            self.phase = "failed" if self.failure else "down"
            self.changes.announce()

    def end(self) -> None:
        """Have ``run`` stop all and return."""
        self._end.set()

    def snapshot(self) -> dict[str, Any]:
        """What ``status`` says."""
        return {
            "home": str(self.settings.home),
            "phase": self.phase,
            "failure": self.failure,
            "pid": os.getpid(),
            "began": self.began,
            "now": time.time(),
            "notes": self.notes,
            "components": [unit.report() for unit in self.units.values()],
        }

    def unit(self, name: str) -> Unit:
        """The named unit.

        :raises StackError: there is none of that name.
        """
        if name not in self.units:
            message = f"there is no component {name!r} in this stack; there are: {', '.join(self.units)}"
            raise StackError(message)
        return self.units[name]

    async def _until_end(self, lives: list[asyncio.Task[None]], ending: asyncio.Task[Any]) -> None:
        done, _ = await asyncio.wait({*lives, ending}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {ending}:
            error = task.exception()
            self.failure = str(error)
            if not isinstance(error, StackError):
                self.failure = f"the supervisor failed; see {self.settings.home}/logs/supervisor.log: {error!r}"
                raise error or RuntimeError("a component's life ended without a reason")

    async def _note_up(self) -> None:
        await self.changes.until(lambda: all(unit.is_ready for unit in self.units.values()))
        self.phase = "up"
        self.changes.announce()

    async def _record(self) -> None:
        """Write down what runs, for whoever has to clean up after a supervisor that was killed."""
        written: dict[str, int] = {}
        while True:
            pids = {name: unit.pid for name, unit in self.units.items() if unit.pid}
            if pids != written:
                record_children(self.settings.home, pids)
                written = pids
            await self.changes.next()

    async def _stop_all(self) -> None:
        self.phase = "stopping"
        self.changes.announce()
        await asyncio.gather(*(self._stop_in_order(unit) for unit in self.units.values()))

    async def _stop_in_order(self, unit: Unit) -> None:
        unit.wanted = False
        await self.changes.until(lambda: all(user.state in ("stopped", "failed") for user in unit.needed_by))
        await unit.leave()
