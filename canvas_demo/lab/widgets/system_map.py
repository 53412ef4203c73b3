"""The map of the system: its parts with their state, and what moves between them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import traitlets

from canvas_demo.kernel.settings import MODULES
from canvas_demo.lab.checks import collecting
from canvas_demo.lab.traffic import Traffic
from canvas_demo.lab.widgets.base import View

if TYPE_CHECKING:
    from canvas_demo.lab.session import Lab

ABOUT = {
    "you": "This notebook, a browser, curl: whoever sends commands and has canvases open.",
    "gateway": "HTTP in, gRPC on; it owns no data.",
    "identity": "Organisations, users, sign-in, the keys that sign tokens.",
    "keys": "A data key for each organisation, wrapped by a master key.",
    "canvases": "Canvases and what lies on them.",
    "files": "File descriptors and encrypted contents.",
    "websockets": "Open connections, each on one host; knows nothing of canvases.",
    "notifications": "Who subscribed to what; tells them what happened.",
    "postgres": "A schema a module: state tables, outbox, inbox. Everything committed is in its WAL.",
    "connect": "Kafka Connect runs Debezium, which reads the outboxes' rows from the WAL.",
    "kafka": "The topics: one an aggregate type, key = aggregate id, 6 partitions.",
}
NODES = {"postgres": ("postgres",), "kafka": ("kafka",), "connect": ("connect", "outbox")}
"""Node of the map → the components that it stands for."""
GOOD = ("running", "done", "SERVING")


class SystemMap(View):
    """The components and the modules, drawn, with their state of this moment."""

    view = "system_map"
    parts: traitlets.List[Any] = traitlets.List().tag(sync=True)
    seen_at = traitlets.Unicode().tag(sync=True)
    flows: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(self, lab: "Lab") -> None:
        super().__init__()
        self._lab = lab
        self._traffic = Traffic(lab)
        self.on_msg(self._asked)
        self.refresh()

    def __repr__(self) -> str:
        return "\n".join(["Map of the system", *(f"  {part['title']:<14} {part['state']}" for part in self.parts)])

    def refresh(self) -> None:
        """Look again. The view asks for it every two seconds."""
        self.parts = parts_of(self._lab)
        flows = self._traffic.look()
        self.flows = flows[["way", "count", "what"]].to_dict("records")
        self.seen_at = datetime.now(UTC).strftime("%H:%M:%S UTC")

    def _asked(self, _widget: object, _content: object, _buffers: object) -> None:
        with collecting("the map"):
            try:
                self.refresh()
            except Exception as error:
                self.problem = f"Can't look: {error}"
                raise
            self.problem = ""


def parts_of(lab: "Lab") -> list[dict[str, Any]]:
    """The map's nodes: each with its state, which is the worst of those that it stands for, and facts."""
    components = {row["component"]: row for row in lab.status().to_dict("records")}
    serving = _serving(lab, components)
    gateway = next(name for name in ("backend", "gateway") if name in components)
    nodes = {**NODES, "gateway": (gateway,)}
    found = []
    for id_, about in ABOUT.items():
        facts = {"what": about}
        states = [components[name]["state"] for name in nodes.get(id_, ())]
        for name in nodes.get(id_, ()):
            row = components[name]
            facts[f"component {name}"] = " ".join(filter(None, [row["state"], row["address"], row["detail"]]))
        if id_ in MODULES:
            states = [serving[id_]]
            facts["gRPC"] = lab.environment[f"GRPC_{id_.upper()}"]
        if id_ == "websockets":
            facts["hosts"] = ", ".join(lab.environment["WS_URLS"])
        bad = [state for state in states if state not in GOOD]
        found.append({"id": id_, "title": id_, "state": (bad or states or [""])[0], "facts": facts})
    return found


def _serving(lab: "Lab", components: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Each module's state: as its own health check says, or, where nobody can ask it, that of its process."""
    gateway = components.get("backend") or components["gateway"]
    if gateway["state"] == "running":
        return {row["module"]: row["state"] for row in lab.modules().to_dict("records")}
    return {name: components.get(name, gateway)["state"] for name in MODULES}
