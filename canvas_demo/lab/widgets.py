"""Widgets. Each shows what a plain call says too; the views are TypeScript, in canvas_demo/frontend."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from canvas_demo.kernel.settings import MODULES
from canvas_demo.lab.checks import collecting
from canvas_demo.lab.hops import Hop, milliseconds, took

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


class _Widget(anywidget.AnyWidget):
    """A view that the front-end's build has made."""

    view = ""
    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)

    @traitlets.default("_esm")
    def _read_view(self) -> str:
        return _static(f"{self.view}.js")

    @traitlets.default("_css")
    def _read_style(self) -> str:
        return _static("widgets.css")

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """The text is said in full where the view can't be shown."""
        bundle: Any = super()._repr_mimebundle_(**options)
        data, metadata = bundle
        return {**data, "text/plain": repr(self)}, metadata


def _static(name: str) -> str:
    return files("canvas_demo.lab").joinpath("static", name).read_text()


class SystemMap(_Widget):
    """The components and the modules, drawn, with their state of this moment."""

    view = "system_map"
    parts: traitlets.List[Any] = traitlets.List().tag(sync=True)
    seen_at = traitlets.Unicode().tag(sync=True)
    problem = traitlets.Unicode().tag(sync=True)

    def __init__(self, lab: "Lab") -> None:
        super().__init__()
        self._lab = lab
        self.on_msg(self._asked)
        self.refresh()

    def __repr__(self) -> str:
        return "\n".join(["Map of the system", *(f"  {part['title']:<14} {part['state']}" for part in self.parts)])

    def refresh(self) -> None:
        """Look again. The view asks for it every two seconds."""
        self.parts = parts_of(self._lab)
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


class Waterfall(_Widget):
    """The hops of one event as bars; selecting one shows the evidence behind it."""

    view = "waterfall"
    title = traitlets.Unicode().tag(sync=True)
    bars: traitlets.List[Any] = traitlets.List().tag(sync=True)

    @classmethod
    def of(cls, hops: Sequence[Hop], origin: str, event_type: str) -> "Waterfall":
        """The hops of an event, counted from the hop ``origin``."""
        by_name = {hop.name: hop for hop in hops}
        zero = by_name[origin].at
        bars = []
        for hop in hops:
            before = by_name.get(hop.after, hop)
            least, most = took(hop, before) if before is not hop else (0.0, 0.0)
            to = milliseconds(hop.at, zero)
            bars.append(
                {
                    "name": hop.name,
                    "after": hop.after,
                    "from_ms": milliseconds(before.at, zero),
                    "to_ms": to,
                    "latest_ms": to + (hop.resolution_ms if hop.resolution_ms >= 1 else 0.0),
                    "took": _said(least, most) if before is not hop else "start",
                    "stamp": hop.stamp,
                    "evidence": json.loads(json.dumps(dict(hop.evidence), default=str)),
                }
            )
        return cls(title=f"The journey of {event_type}", bars=bars)

    def __repr__(self) -> str:
        return "\n".join([self.title, *(f"  {bar['name']}" for bar in self.bars)])


def _said(least: float, most: float) -> str:
    if most - least < 0.01:
        return f"{least:.2f} ms"
    return f"{least:.1f} … {most:.1f} ms" if least >= 0.05 else f"≤ {most:.1f} ms"
