"""A component that is a process."""

import asyncio
import signal

from canvas_demo.stack import native, process
from canvas_demo.stack.component import Ends
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.probes import until_ready
from canvas_demo.stack.unit import Unit


class ProcessUnit(Unit):
    """Starts the process, waits until it is ready, and notices its end at once."""

    async def attempt(self) -> str:
        """Run the process until it ends; returns how it did."""
        self.become("starting")
        await native.prepare(self.component, self.settings)
        log = native.log_file(self.settings, self.component.name)
        running = await process.spawn(native.launch(self.component, self.settings), log)
        self.pid = running.pid
        self.changes.announce()
        try:
            return await self._stay(running)
        except asyncio.CancelledError:
            if self.state == "paused":
                process.send_tree(running.pid, signal.SIGCONT)
            self.become("stopping")
            await asyncio.shield(process.stop(running, self.component.stop_signal, self.component.stop_seconds))
            raise
        finally:
            self.pid = None

    async def _stay(self, running: asyncio.subprocess.Process) -> str:
        exited = asyncio.create_task(running.wait())
        if isinstance(self.component.ready, Ends):
            return self._judge_end(await exited)
        seen: list[str] = []
        ready = asyncio.create_task(until_ready(self.component.ready, self.settings, running.pid, seen))
        try:
            limit = self.component.ready_seconds
            await asyncio.wait({ready, exited}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if exited.done():
                return self._describe(exited.result())
            if not ready.done():
                await process.stop(running, signal.SIGKILL, 1)
                return f"not ready after {limit:.0f} s: {seen[-1] if seen else 'nothing seen'}{self._log_end()}"
            ready.result()
            self.came_up = True
            self.become("running")
            return self._describe(await exited)
        finally:
            ready.cancel()

    def _judge_end(self, code: int) -> str:
        if code:
            return self._describe(code)
        self.came_up = True
        self.become("done")
        return ""

    def _describe(self, code: int) -> str:
        return process.describe_exit(code) + ("" if self.came_up else self._log_end())

    def _log_end(self) -> str:
        log = native.log_file(self.settings, self.component.name)
        return f". The end of {log}:\n{process.tail(log)}"

    async def kill(self) -> None:
        """Kill it with all its children."""
        pid = self._running_pid()
        process.send_tree(pid, signal.SIGKILL)
        await self.changes.until(lambda: self.pid != pid)

    async def pause(self) -> None:
        """Stop it with all its children (SIGSTOP)."""
        process.send_tree(self._running_pid(), signal.SIGSTOP)
        self.become("paused")

    async def resume(self) -> None:
        """Continue it (SIGCONT)."""
        if self.state != "paused":
            message = f"{self.component.name} is not paused: it is {self.state}"
            raise StackError(message)
        process.send_tree(self._running_pid(), signal.SIGCONT)
        self.become("running")

    def _running_pid(self) -> int:
        if self.pid is None:
            message = f"{self.component.name} has no process now: it is {self.state}"
            raise StackError(message)
        return self.pid
