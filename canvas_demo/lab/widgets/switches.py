"""Switches that break and mend the components."""

import threading
from typing import Any

import traitlets

from canvas_demo.lab.checks import collecting
from canvas_demo.lab.faults import Faults
from canvas_demo.lab.widgets.base import View, Watching
from canvas_demo.stack.errors import StackError

POSSIBLE = {
    "running": ("stop", "kill", "pause"),
    "paused": ("resume", "kill"),
    "stopped": ("start",),
}
"""State → what can be ordered then; nothing for one that is on its way to another state."""


class FaultSwitches(View):
    """Every component with what can be ordered of it; `Faults.order` does the same, `Faults.components` says it."""

    view = "switches"
    parts: traitlets.List[Any] = traitlets.List().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)

    def __init__(self, faults: Faults) -> None:
        super().__init__()
        self._faults = faults
        self.on_msg(self._asked)
        self.look()
        self._watching = Watching(self, self.look)

    def __repr__(self) -> str:
        return "\n".join(["Break and mend", *(f"  {part['component']:<14} {part['state']}" for part in self.parts)])

    def stop(self) -> None:
        """Look no more, and take no more orders; what is there stays."""
        self._watching.close()

    def look(self) -> None:
        """Look again."""
        rows = self._faults.components().astype(object).to_dict("records")
        parts = [
            {
                "component": row["component"],
                "state": row["state"],
                "detail": row["detail"],
                "restarts": row["restarts"],
                "pid": int(row["pid"]) if isinstance(row["pid"], int) else None,
                "orders": list(POSSIBLE.get(row["state"], ())),
            }
            for row in rows
            if row["state"] != "done"
        ]
        if parts != self.parts:
            self.parts = parts

    def order(self, what: str, name: str) -> None:
        """Give an order, and say how it went; what the buttons do, on a thread of its own, for it may take long."""
        with collecting(f"{what} {name}"):
            if self._watching.is_closed:
                self.said = f"{what} {name}: this lab is closed, and would not mend it. Run the cells again."
                return
            self.said = f"{what} {name} …"
            try:
                self.said = f"{name} is {self._faults.order(what, name)}"
            except (StackError, AssertionError) as error:
                self.said = f"{what} {name}: {error}"

    def _asked(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        given = (content["order"], content["name"])
        threading.Thread(target=self.order, args=given, name=" ".join(given), daemon=True).start()
