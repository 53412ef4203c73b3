"""Breaking the stack's parts on purpose, and mending them.

The orders are those of ``canvas-demo stop|start|kill|pause|resume``. What was broken by way of a lab
and not mended is mended when the lab closes, or its process ends.
"""

import atexit
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pandas as pd
import psutil

from canvas_demo.lab.checks import until
from canvas_demo.lab.leftovers import Leftovers
from canvas_demo.lab.turns import turns_on
from canvas_demo.stack import channel
from canvas_demo.stack.process import send_tree
from canvas_demo.stack.unit import READY

SECONDS = 240.0
SAME = 2.0
"""Seconds by which the beginning of a process may seem to differ, when the clock is set."""
ORDERS = {"stop": "stopped", "start": "running", "kill": "", "pause": "paused", "resume": "running"}
"""What may be ordered → the state that it leads to."""
MENDED_BY = {"stopped": "start", "paused": "resume"}
"""A state that somebody wants → the order that ends it."""


class Faults:
    """Stop, start, kill, pause and resume components by name; `components` tells the names."""

    def __init__(self, home: Path, leftovers: Leftovers, mend_leftovers: Callable[[], None]) -> None:
        self._home, self._leftovers, self._mend_leftovers = home, leftovers, mend_leftovers
        self._broken: dict[str, Callable[[], None]] = {}
        """What was stopped or paused by way of this, and how to say that it is mended."""
        atexit.register(self.mend)

    def __repr__(self) -> str:
        states = self.components()
        broken = states[~states["state"].isin(READY)]
        listed = ", ".join(f"{row.component} is {row.state}" for row in broken.itertuples())
        return f"Faults: {listed or 'every component is ready'}"

    def components(self) -> pd.DataFrame:
        """What can be broken: each component's state, process, restarts, and how it ended last."""
        parts = next(channel.ask(self._home, "status"))["components"]
        columns = ["name", "state", "pid", "restarts", "last_exit", "detail"]
        frame = pd.DataFrame(parts, columns=columns).rename(columns={"name": "component"})
        return frame.astype({"pid": "Int64"})

    def state(self, name: str) -> str:
        """The state of a component; "missing" where there is none of that name."""
        states = self.components().set_index("component")["state"]
        return str(states.get(name, "missing"))

    # --- orders --------------------------------------------------------------------------------------------

    def stop(self, name: str) -> str:
        """End it in order (SIGTERM), and keep it so. Returns its state."""
        return self._order("stop", name)

    def start(self, name: str) -> str:
        """Start what was stopped; returns when it is ready, or has to wait for a part that somebody keeps away."""
        return self._order("start", name)

    def kill(self, name: str) -> str:
        """Have it crash (SIGKILL); the supervisor starts it again soon: `wait` for that."""
        return self._order("kill", name)

    def pause(self, name: str) -> str:
        """Freeze it (SIGSTOP): its sockets stay open, and nothing answers on them."""
        return self._order("pause", name)

    def resume(self, name: str) -> str:
        """Let it go on (SIGCONT)."""
        return self._order("resume", name)

    def order(self, what: str, name: str) -> str:
        """Any of the orders, by its word. Raises StackError for a component that there is not."""
        if what not in ORDERS:
            raise ValueError(f"no order {what!r}: there are {', '.join(ORDERS)}")
        return self._order(what, name)

    def wait(self, name: str, state: str = "running", timeout: float = SECONDS) -> str:
        """Return when a component is in a state; seconds. Raises `NotYet`."""
        until(lambda: self.state(name) == state, f"{name} is {state}", timeout)
        return state

    def wait_for_restart(self, name: str, restarts: int, timeout: float = SECONDS) -> str:
        """Return when a component that had been restarted so often is back once more. Raises `NotYet`."""

        def is_back() -> bool:
            row = self.components().set_index("component").loc[name]
            return bool(row["restarts"] > restarts and row["state"] in READY)

        until(is_back, f"{name} is back", timeout)
        return self.state(name)

    def mend(self, but: frozenset[str] = frozenset()) -> list[str]:
        """Start what was stopped and resume what was paused by way of this lab; what it mended."""
        mended = [name for name in [*self._broken] if name not in but and self.mend_one(name)]
        for name in self._broken.keys() - but:
            self._forget(name)
        return mended

    def mend_one(self, name: str) -> bool:
        """Start it where it is stopped, or resume it where it is paused; whether it was.

        What waits for another part that somebody keeps away is not waited for: it starts by itself after that.
        """
        if not channel.is_running(self._home):
            return False
        until(lambda: self.state(name) != "stopping", f"{name} has stopped", SECONDS)
        order = MENDED_BY.get(self.state(name))
        if order:
            next(channel.ask(self._home, order, name=name))
            until(lambda: self.state(name) in {*READY, "waiting"}, f"{name} is back", SECONDS)
        return bool(order)

    def freeze_unseen(self, name: str) -> tuple[int, Callable[[], None]]:
        """Freeze a component's process without a word to the supervisor; its pid, and how to let it go on."""
        pid = int(self.components().set_index("component").loc[name, "pid"])
        began = psutil.Process(pid).create_time()
        forget = self._leftovers.note("frozen", pid=pid, began=began)
        send_tree(pid, SIGSTOP)

        def thawed() -> None:
            thaw(pid, began)
            forget()

        return pid, thawed

    # --- for the time of a block ---------------------------------------------------------------------------

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Break things in this block while nobody else does: another notebook that wants to waits."""
        with turns_on(self._home).alone(), ExitStack() as ending:
            self._mend_leftovers()  # whoever had the turn before may have been killed in it
            ending.callback(self.mend, but=frozenset(self._broken))
            yield

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Freeze a component while the block runs."""
        with self.alone():
            self.pause(name)
            yield

    @contextmanager
    def stopped(self, name: str) -> Iterator[None]:
        """Have a component stopped while the block runs."""
        with self.alone():
            self.stop(name)
            yield

    def _order(self, what: str, name: str) -> str:
        wanted = ORDERS[what]
        if wanted in MENDED_BY and name not in self._broken:
            self._broken[name] = self._leftovers.note("broken", name=name)  # also where what follows is interrupted
        next(channel.ask(self._home, what, name=name))
        if wanted and self.state(name) != "waiting":
            self.wait(name, wanted)
        if wanted not in MENDED_BY:
            self._forget(name)
        return self.state(name)

    def _forget(self, name: str) -> None:
        forget = self._broken.pop(name, None)
        if forget:
            forget()


def thaw(pid: int, began: float) -> None:
    """Let a frozen process go on (SIGCONT), with its children, if it is still the one that began then."""
    with suppress(psutil.NoSuchProcess):
        if abs(psutil.Process(pid).create_time() - began) < SAME:
            send_tree(pid, SIGCONT)
