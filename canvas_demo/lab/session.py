"""A stack, as a notebook holds it: its state, and a client for every interface."""

import atexit
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.lab.api import Api, Person
from canvas_demo.lab.cdc import CdcLab, RawCdc
from canvas_demo.lab.checks import assert_no_background_errors, until
from canvas_demo.lab.connectors import ConnectRest
from canvas_demo.lab.database import Database
from canvas_demo.lab.grpc import Grpc
from canvas_demo.lab.journey import Journey, gather
from canvas_demo.lab.kafka import Kafka, Tail
from canvas_demo.lab.records import Record, table_of
from canvas_demo.lab.sockets import Socket
from canvas_demo.lab.wal import PUBLICATION, Wal
from canvas_demo.stack import channel
from canvas_demo.stack.files import locked

if TYPE_CHECKING:
    from canvas_demo.lab.widgets import SystemMap

READY = {"running", "done"}
HIDDEN = {"DATABASE_URL", "CANVAS_DEMO_HOME"}
"""Not shown: a password, and where somebody keeps their files."""


class Lab:
    """One running stack, looked at from outside."""

    def __init__(self, settings: Settings, environment: Mapping[str, Any]) -> None:
        self._settings = settings
        self._opened = ExitStack()
        self.environment = dict(environment)

    def __repr__(self) -> str:
        rows = self.status()
        return f"Lab of a stack with {len(rows)} components, {rows['state'].isin(READY).sum()} of them ready"

    def _repr_html_(self) -> str:
        shown = {name: value for name, value in self.environment.items() if name not in HIDDEN}
        return f"<p>{self!r}</p>{table_of(shown)}"

    def close(self) -> None:
        """Close what was opened by way of this lab: sockets, tails, second connectors."""
        self._opened.close()

    # --- what runs -----------------------------------------------------------------------------------------

    def status(self) -> pd.DataFrame:
        """The components: state, seconds in it, address, process, restarts."""
        snapshot = next(channel.ask(self._settings.home, "status"))
        parts = snapshot["components"]
        frame = pd.DataFrame(parts, columns=["name", "state", "address", "pid", "restarts", "detail"])
        frame.insert(2, "seconds", [round(snapshot["now"] - part["since"], 1) for part in parts])
        return frame.rename(columns={"name": "component"}).astype({"pid": "Int64"})

    def modules(self) -> pd.DataFrame:
        """The modules: whether each serves, as the gateway sees it, and where its gRPC is."""
        states = self.api.health()["modules"]
        rows = [(name, states.get(name, ""), self.environment[f"GRPC_{name.upper()}"]) for name in MODULES]
        return pd.DataFrame(rows, columns=["module", "state", "grpc"])

    def map(self) -> "SystemMap":
        """The components and modules drawn, with their live state; `status` and `modules` say the same."""
        from canvas_demo.lab.widgets import SystemMap

        return SystemMap(self)

    # --- clients -------------------------------------------------------------------------------------------

    @cached_property
    def api(self) -> Api:
        """The HTTP API, for somebody who has not signed in."""
        return Api(self.environment["WEB_URL"])

    @cached_property
    def database(self) -> Database:
        """The database, as its superuser."""
        return Database(self.environment["DATABASE_URL"])

    @cached_property
    def kafka(self) -> Kafka:
        """Kafka, without a consumer group."""
        return Kafka(self.environment["KAFKA_BOOTSTRAP"])

    @cached_property
    def connect_rest(self) -> ConnectRest:
        """Kafka Connect's REST."""
        return ConnectRest(self.environment["CONNECT_URL"])

    @cached_property
    def grpc(self) -> Grpc:
        """The modules' gRPC, by reflection."""
        return Grpc({name: self.environment[f"GRPC_{name.upper()}"] for name in MODULES})

    def sql(self, query: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> pd.DataFrame:
        """The rows that a statement answers with, as the superuser sees them."""
        return self.database.frame(query, parameters)

    def websocket(self, who: Person | str, name: str = "", host: int = 0) -> Socket:
        """An open websocket of somebody (or of whose token it is), on the host of this number."""
        token = who if isinstance(who, str) else who.token
        title = name or ("client" if isinstance(who, str) else who.username)
        return self._opened.enter_context(Socket(title, self.environment["WS_URLS"][host], token))

    def tail(self, topic: str) -> Tail:
        """Follow a topic from its end as it is now, as one more consumer."""
        return self._opened.enter_context(self.kafka.tail(topic))

    def wal(self, publication: str = PUBLICATION) -> Wal:
        """The write-ahead log from here on, decoded by a temporary slot of the lab's own."""
        return self._opened.enter_context(Wal(self.database, publication))

    def raw_cdc(self) -> RawCdc:
        """A second connector on the same publication, without the EventRouter: Debezium's envelopes as they are."""
        folder = self._settings.home / "lab"
        return self._opened.enter_context(CdcLab(self.connect_rest, self.kafka, self.database, folder).start())

    # --- events --------------------------------------------------------------------------------------------

    def events(
        self, *, event_id: str = "", correlation_id: str = "", aggregate_id: str = "", event_type: str = ""
    ) -> pd.DataFrame:
        """Rows of all modules' outboxes by what is given, in the order in which they were committed."""
        given = {
            "event_id": event_id or None,
            "correlation_id": correlation_id or None,
            "aggregate_id": aggregate_id or None,
            "event_type": event_type or None,
        }
        if not any(given.values()):
            raise ValueError("events of what? Say event_id, correlation_id, aggregate_id or event_type.")
        frame = self.database.of_every_module("events", given)
        return frame.sort_values(["committed_at", "module", "position"], ignore_index=True)

    def inbox(self, event_id: str) -> pd.DataFrame:
        """Which consumers have handled an event, and when."""
        frame = self.database.of_every_module("inbox", {"event_id": event_id})
        return frame.sort_values("handled_at", ignore_index=True)

    def journey(
        self,
        event_id: str,
        *,
        raw: RawCdc | None = None,
        sockets: Sequence[Socket] = (),
        tails: Sequence[Tail] = (),
        command: Record | None = None,
    ) -> Journey:
        """The evidence of every hop of one event; ``command`` is the answer of the call that led to it.

        Waits for it. Raises `NotYet` for the first that does not come.
        """
        return gather(self, event_id, raw, sockets, tails, command)

    # --- faults --------------------------------------------------------------------------------------------

    @contextmanager
    def paused(self, component: str) -> Iterator[None]:
        """Freeze a component (SIGSTOP) while the block runs; another notebook that breaks something waits."""
        with locked(self._settings.home / "lab" / "faults"), ExitStack() as ending:
            ending.callback(self._order, "resume", component)
            atexit.register(ending.close)
            ending.callback(atexit.unregister, ending.close)
            self._order("pause", component)
            yield

    def _order(self, what: str, component: str) -> None:
        wanted = {"pause": "paused", "resume": "running"}[what]
        next(channel.ask(self._settings.home, what, name=component))
        until(lambda: self._state_of(component) == wanted, f"{component} is {wanted}")

    def _state_of(self, component: str) -> str:
        status = self.status().set_index("component")
        return str(status.loc[component, "state"])

    assert_no_background_errors = staticmethod(assert_no_background_errors)
