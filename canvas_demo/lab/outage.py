"""An outage under load: a component freezes or dies, and comes back; what got through meanwhile, what was lost."""

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pandas as pd

from canvas_demo.lab.checks import until
from canvas_demo.lab.faults import Faults
from canvas_demo.lab.load import Load, times_of

if TYPE_CHECKING:
    from canvas_demo.lab.session import Lab

SECONDS = 120.0
WARM = 10
"""Commands whose events have arrived before the outage begins."""
SENT_AGAIN = "sent again"
"""What an outage may last for: until a client had to send a command again."""
SUBSCRIBERS = "subscribers"
"""Or until most new events have come to every subscriber. A name of `Outage.through`: to that place."""
NOT_LOST = (
    "commands accepted",
    "commands sent more than once",
    "events more than once in Kafka",
    "gaps that a subscriber was told of",
)
"""What a report counts that is no loss: the others must be 0."""


@dataclass(frozen=True)
class Outage:
    """``through``: of the events that were committed in the outage, how many got how far before it ended.

    ``report`` is what held of all events of the load, when everything was over.
    """

    component: str
    frozen: bool
    seconds: float
    through: pd.Series
    report: pd.DataFrame
    subscribers: pd.DataFrame

    def __repr__(self) -> str:
        how = "frozen for {:.1f} s, and then killed" if self.frozen else "killed, and kept away for {:.1f} s"
        return f"{self.component} was {how.format(self.seconds)}. New events meanwhile:\n{self.through.to_string()}"

    @property
    def lost(self) -> pd.Series:
        """What must be 0, each line of it: commands, rows, records, effects, frames that are missing or too many."""
        return self.report["count"].drop(list(NOT_LOST))

    @classmethod
    def of(
        cls, lab: "Lab", component: str, rate: float, commands: int, reaching: str = "", *, frozen: bool = True
    ) -> Self:
        """Break it, and wait until everything is well again. Raises `NotYet` where something does not arrive."""
        with lab.loading(rate, subscribers=len(lab.environment["WS_URLS"])) as load, ExitStack() as ending:
            ending.callback(lab.faults.mend)  # before the load is waited for, which waits for its answers
            _until_arrived(load, WARM)
            restarts = int(lab.status().set_index("component").loc[component, "restarts"])
            _take_away(lab.faults, component, frozen=frozen)
            began, repeated = time.time(), _sent_again(load)
            wanted = len(load.commands) + commands
            until(lambda: len(load.commands) >= wanted, f"{commands} commands were sent", SECONDS)
            if reaching == SENT_AGAIN:
                until(lambda: _sent_again(load) > repeated, "a command was sent again", SECONDS)
            elif reaching:
                until(lambda: _reaches(load, began, reaching), f"most new events reach {reaching}", SECONDS)
            ended = time.time()
            _bring_back(lab.faults, component, frozen=frozen)
            lab.faults.wait_for_restart(component, restarts)
            _until_arrived(load, 1)
        report = load.settle(SECONDS).report()
        told = pd.concat({each.name: each.told.drop(columns="subject") for each in load.subscribers})
        through = got_through(load, began, ended)
        return cls(component, frozen, ended - began, through, report, told.groupby(level=0).sum())


def got_through(load: Load, began: float, ended: float) -> pd.Series:
    """Of what happened between two times (seconds since 1970): how many commands were sent and committed, and of
    these, how many had come how far by the end.
    """  # noqa: D205
    start, end = (pd.Timestamp(seconds, unit="s", tz="UTC") for seconds in (began, ended))
    frame = load.frame
    committed = pd.to_datetime(frame["committed_at"], utc=True)
    ids = frame["event_id"][(committed >= start) & (committed <= end)]
    places = {"in Kafka": load.recorded()} | {each.name: times_of(each) for each in load.subscribers}
    counts = {
        "sent": sum(1 for command in load.commands if began <= command.due <= ended),
        "committed": len(ids),
        **{place: sum(1 for id_ in ids if id_ in times and times[id_] <= end) for place, times in places.items()},
    }
    return pd.Series(counts)


def _reaches(load: Load, began: float, place: str) -> bool:
    """Whether more than half of what was sent since has come to a place: more than what was under way."""
    through = got_through(load, began, time.time())
    places = [each.name for each in load.subscribers] if place == SUBSCRIBERS else [place]
    return bool((through[places] > through["sent"] / 2).all())


def _sent_again(load: Load) -> int:
    """How often a command was sent once more, so far."""
    return sum(max(command.tries - 1, 0) for command in load.commands)


def _take_away(faults: Faults, component: str, *, frozen: bool) -> None:
    if frozen:
        faults.pause(component)
        return
    faults.kill(component)
    faults.stop(component)  # or the supervisor would have it back at once


def _bring_back(faults: Faults, component: str, *, frozen: bool) -> None:
    if frozen:
        faults.kill(component)
    else:
        faults.start(component)


def _until_arrived(load: Load, count: int) -> None:
    """Wait until so many commands that are sent from now on have their events in every frame."""
    sent = len(load.commands)

    def arrived() -> bool:
        frame = load.frame
        return bool(frame["in_frame_ms"][frame["number"] >= sent].notna().sum() >= count)

    until(arrived, "what is sent now arrives", SECONDS, every=0.2)
