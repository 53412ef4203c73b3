"""One event in four shapes, side by side."""

from typing import TYPE_CHECKING, Any

import traitlets

from canvas_demo.lab.sides import SIDES, became, side_by_side
from canvas_demo.lab.widgets.base import View

if TYPE_CHECKING:
    from canvas_demo.lab.journey import Journey


class SideBySide(View):
    """Outbox row, raw envelope, routed record, frame, and what became of each field; `Journey.fields` says the same."""

    view = "sides"
    title = traitlets.Unicode().tag(sync=True)
    sides: traitlets.List[Any] = traitlets.List().tag(sync=True)
    fields: traitlets.List[Any] = traitlets.List().tag(sync=True)

    @classmethod
    def of(cls, journey: "Journey") -> "SideBySide":
        """The sides of one event's journey."""
        frame = next(iter(journey.frames.values()), None)
        evidence = (journey.row, journey.envelope, vars(journey.record), frame.message if frame else None)
        short, full = (
            side_by_side(*evidence, journey.places, longest=longest)[list(SIDES)] for longest in (60, 100_000)
        )
        fields = [
            {
                "name": name,
                "became": became(str(name), journey.places),
                "short": list(short.loc[name]),
                "full": list(full.loc[name]),
            }
            for name in short.index
        ]
        return cls(title=f"{journey.row['event_type']} side by side", sides=list(SIDES), fields=fields)

    def __repr__(self) -> str:
        return f"{self.title}: {', '.join(self.sides)}"
