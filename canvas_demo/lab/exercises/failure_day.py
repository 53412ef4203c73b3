"""The exercises of 11, failure day."""

import atexit
import itertools
import random
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack

import httpx
import pandas as pd

from canvas_demo.lab.api import ApiError
from canvas_demo.lab.checks import NotYet, until
from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.following import Follower
from canvas_demo.lab.session import Lab

TOPIC = "canvas-demo.canvas"
SOON = 5.0
"""Seconds within which a thing comes, or there is a reason why it does not."""
SECONDS = 90.0
IDLE = "SELECT pid, query FROM pg_stat_activity WHERE state = 'idle in transaction' ORDER BY xact_start"
"""Sessions that hold a transaction open and do nothing, the oldest first."""
STRAYS = 0.1
"""The part of what is sent that may get through a moment after the component was broken: no more than chance."""
STAGES = ("committed", "in Kafka", "told on the first host", "told on the second host")


def name_what_gets_through(through: pd.DataFrame) -> Exercise:
    """Say for each component how far commands still get while it is away; ``through`` is what was measured."""
    places = [place for place in through.index if place != "sent"]
    measured = {
        component: {
            place for place in places if through.loc[place, component] > STRAYS * through.loc["sent", component]
        }
        for component in through
    }

    def judge(answer: object) -> str:
        if not isinstance(answer, Mapping) or not all(isinstance(answer.get(each), Collection) for each in measured):
            return f"the answer is a dictionary, with a set for each of {', '.join(measured)}."
        for component, reached in measured.items():
            if set(answer[component]) != reached:
                return f"while {component} was away, something else got through than {set(answer[component])}."
        return ""

    def solve() -> object:
        return {
            "postgres": set(),  # no commit without the database
            "backend": set(),  # the gateway and all modules: there is nobody to send a command to
            "kafka": {"committed"},  # the rows wait in the outboxes
            "connect": {"committed"},  # likewise: nobody carries them
            "websockets-2": set(places),  # its subscribers go to the other host
        }

    return Exercise(
        question=(
            "Hold what you have predicted against what was measured: for each component, the set of places out of "
            f"{', '.join(map(repr, places))} where new events still arrive while it is away."
        ),
        hints=(
            "What a command needs to be committed: the gateway, its module, and the database. Nothing else.",
            "An event gets to Kafka if Debezium and Kafka are there, and if there is a new event at all.",
            "A subscriber whose host fails goes to another host.",
        ),
        judge=judge,
        solve=solve,
        praise="commands need the database and their module; all that comes after may be late, and is not lost.",
    )


class Patient:
    """A system with a fault: somebody's canvas, a client on each of two hosts, and a tail of the topic.

    The component that is broken does not say so: it was frozen past the supervisor, or is not what is broken.
    """

    def __init__(self, lab: Lab, seed: int) -> None:
        self.lab = lab
        self._mending = ExitStack()
        self._examinations = itertools.count(1)
        self.person = lab.person("Ada")
        self.canvas = self.person.create_canvas("Patient")
        self.tail = lab.tail(TOPIC)
        self.clients = [self._client(url) for url in lab.environment["WS_URLS"][:2]]
        self._fault = fault_of(seed)
        self._evidence: set[str] = set()
        lab.on_close(self.mend)
        atexit.register(self.mend)
        FAULTS[self._fault](self)

    def __repr__(self) -> str:
        return f"Patient: canvas {self.canvas['id']}, clients on {' and '.join(each.host for each in self.clients)}"

    def mend(self) -> None:
        """Take the fault away; a second time does nothing."""
        self._mending.close()

    def is_it(self, fault: object, evidence: object) -> bool:
        """Whether that is what is wrong, and whoever says so has seen it: a process id, or a name of `parked`."""
        parked = self.lab.parked()
        behind = set(parked.loc[parked["key"] == self.canvas["id"], "name"])  # each examination parks one more
        return fault == self._fault and str(evidence) in self._evidence | behind

    def examine(self) -> pd.Series:
        """Rename the canvas, and say how far that gets within some seconds, stage by stage; False: not so far.

        Whatever is after a stage that is not reached can't be judged, and is False too.
        """
        name = f"Examination {next(self._examinations)}"
        try:
            renamed = self.person.rename_canvas(self.canvas["id"], name, timeout=SOON)
        except (httpx.TimeoutException, ApiError):
            return pd.Series(dict.fromkeys(STAGES, False), dtype=bool)
        event_id = str(self.lab.events(correlation_id=renamed.correlation_id)["event_id"].iloc[0])
        in_kafka = _comes(lambda: self.tail.find(event_id) is not None)
        if in_kafka:
            _comes(lambda: all(_has(client, event_id) for client in self.clients))
        told = [_has(client, event_id) for client in self.clients]
        return pd.Series(dict(zip(STAGES, [True, in_kafka, *told], strict=True)), dtype=bool)

    def _client(self, url: str) -> Follower:
        """A client that comes back, but to this host alone."""
        client = Follower("client", [url], self.person.token, [f"canvas/{self.canvas['id']}"])
        self.lab.on_close(client.close)
        return client

    # --- what may be wrong ---------------------------------------------------------------------------------

    def freeze(self, component: str) -> None:
        """Freeze it without a word to the supervisor."""
        pid, thaw = self.lab.faults.freeze_unseen(component)
        self._evidence = {str(pid)}
        self._mending.callback(thaw)

    def park(self) -> None:
        """Have an event of the canvas parked."""
        bug = self.lab.bug(self.canvas["id"])
        self.person.rename_canvas(self.canvas["id"], "Something is wrong")

        def given_up() -> pd.DataFrame:
            parked = self.lab.parked()
            return parked[(parked["key"] == self.canvas["id"]) & parked["due_at"].isna()]

        name = until(given_up, "an event of the canvas is parked", SECONDS, every=0.5)["name"].iloc[0]
        self._evidence = {str(name)}
        self._mending.callback(self.lab.command, "parked", "retry", name)
        self._mending.callback(bug.mend)

    def hold(self) -> None:
        """Hold the canvas's row in a transaction that does not end."""
        transaction = self.lab.transaction()
        transaction.sql("SELECT FROM canvases.canvas WHERE canvas_id = %s FOR UPDATE", [self.canvas["id"]])
        self._evidence = {str(transaction.backend_pid)}
        self._mending.callback(transaction.close)


FAULTS: Mapping[str, Callable[[Patient], None]] = {
    "connect is frozen": lambda patient: patient.freeze("connect"),
    "websockets-2 is frozen": lambda patient: patient.freeze("websockets-2"),
    "an event is parked": Patient.park,
    "a row is locked": Patient.hold,
}
SUSPECTS = sorted([*FAULTS, "kafka is frozen"])
"""What may be answered; one of them is always innocent."""


def fault_of(seed: int) -> str:
    """What is wrong with the patient of this seed; who looks here has not found it."""
    return random.Random(seed).choice(sorted(FAULTS))  # noqa: S311  (a choice for a learner)


def find_the_fault(lab: Lab, patient: Patient) -> Exercise:
    """Say what is wrong with the patient."""

    def judge(answer: object) -> str:
        match answer:
            case (fault, evidence) if fault in SUSPECTS:
                found = patient.is_it(fault, evidence)
                return "" if found else f"that {fault} is not the fault, or {evidence!r} is no evidence of it."
            case _:
                return f"the answer is two things: one of {', '.join(map(repr, SUSPECTS))}, and the evidence."

    def solve() -> object:
        reached = patient.examine()
        if reached["in Kafka"] and not reached["told on the first host"]:
            reached = patient.examine()  # a host that has just frozen holds up one call, for all
        if not reached["committed"]:
            return "a row is locked", int(lab.sql(IDLE)["pid"].iloc[0])
        frozen = lab.processes().query("os_state == 'stopped'")
        if not frozen.empty:
            return f"{frozen['component'].iloc[0]} is frozen", int(frozen["pid"].iloc[0])
        parked = lab.parked()
        return "an event is parked", parked.loc[parked["key"] == patient.canvas["id"], "name"].iloc[0]

    return Exercise(
        question=(
            "Something is wrong: find out what, and assign two things to `answer`. First the fault, in the words of "
            f"this list: {', '.join(map(repr, SUSPECTS))}. Then the evidence: the pid of the component that is frozen, "
            "the pid of the database session that holds the lock, or the name of what is parked."
        ),
        hints=(
            "patient.examine() renames the patient's canvas and says how far that got. What is missing first?",
            "Not committed: lab.sql('SELECT * FROM pg_locks WHERE NOT granted') says who waits.",
            f"Who holds what they wait for? lab.sql({IDLE!r})",
            "Not in Kafka: does lab.kafka.topics() answer? Does lab.connect_rest.connectors()?",
            "Told on one host, or on none: lab.hosts(), lab.parked().",
            "The supervisor knows what was ordered. lab.processes() asks the operating system, and has the pids.",
        ),
        judge=judge,
        solve=solve,
        praise="found by where the trail ends, not by what the lights say.",
    )


def _comes(look: Callable[[], bool]) -> bool:
    try:
        return until(look, timeout=SOON)
    except NotYet:
        return False


def _has(client: Follower, event_id: str) -> bool:
    return any(frame.event_id == event_id for frame in list(client.received))
