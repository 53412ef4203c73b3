"""Breaking the stack's parts on purpose, and mending them.

The orders are those of ``canvas-demo stop|start|kill|pause|resume``. What was broken by way of a lab
and not mended is mended when the lab closes, or its process ends.
"""

import atexit
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pandas as pd

from canvas_demo.lab.checks import until
from canvas_demo.stack import channel
from canvas_demo.stack.files import locked

SECONDS = 240.0
READY = ("running", "done")
ORDERS = {"stop": "stopped", "start": "running", "kill": "", "pause": "paused", "resume": "running"}
"""What may be ordered → the state that it leads to."""
MENDED_BY = {"stopped": "start", "paused": "resume"}


class Faults:
    """Stop, start, kill, pause and resume components by name; `components` tells the names."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._broken: dict[str, str] = {}
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
        """Start what was stopped; returns when it is ready."""
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

    def mend(self) -> list[str]:
        """Start what was stopped and resume what was paused by way of this lab; what it mended."""
        mended = []
        for name, state in list(self._broken.items()):
            if channel.is_running(self._home) and self.state(name) == state:
                self._order(MENDED_BY[state], name)
                mended.append(name)
            self._broken.pop(name, None)
        return mended

    # --- for the time of a block ---------------------------------------------------------------------------

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Break things in this block while nobody else does: another notebook that wants to waits."""
        with locked(self._home / "lab" / "faults"), ExitStack() as ending:
            ending.callback(self.mend)
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
        if wanted in MENDED_BY:
            self._broken[name] = wanted  # also where somebody interrupts what follows
        next(channel.ask(self._home, what, name=name))
        if wanted:
            self.wait(name, wanted)
        if wanted not in MENDED_BY:
            self._broken.pop(name, None)
        return self.state(name)
