"""The journey of one event as a waterfall."""

import json
from collections.abc import Sequence
from typing import Any

import traitlets

from canvas_demo.lab.hops import Hop, milliseconds, took
from canvas_demo.lab.widgets.base import SelectingView, Selection


class Waterfall(SelectingView):
    """The hops of one event as bars; selecting one shows the evidence behind it."""

    view = "waterfall"
    title = traitlets.Unicode().tag(sync=True)
    event_id = traitlets.Unicode().tag(sync=True)
    bars: traitlets.List[Any] = traitlets.List().tag(sync=True)

    @classmethod
    def of(
        cls, hops: Sequence[Hop], origin: str, event_type: str, event_id: str = "", selection: Selection | None = None
    ) -> "Waterfall":
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
        return cls(title=f"The journey of {event_type}", bars=bars, event_id=event_id, selection=selection)

    def __repr__(self) -> str:
        return "\n".join([self.title, *(f"  {bar['name']}" for bar in self.bars)])


def _said(least: float, most: float) -> str:
    if most - least < 0.01:
        return f"{least:.2f} ms"
    return f"{least:.1f} … {most:.1f} ms" if least >= 0.05 else f"≤ {most:.1f} ms"
