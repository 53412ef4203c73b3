"""What there is to know of a running stack, by plain calls."""

import json
from typing import Any

import pandas as pd
import psutil

from canvas_demo.kernel.settings import MODULES
from canvas_demo.lab.api import Person
from canvas_demo.lab.clients import Clients
from canvas_demo.lab.commands import Ran, run_command
from canvas_demo.lab.database import QUERIES
from canvas_demo.lab.metrics import read as read_metrics
from canvas_demo.lab.records import Text
from canvas_demo.lab.slots import slots_of
from canvas_demo.lab.streams import Stream
from canvas_demo.lab.traffic import Traffic
from canvas_demo.stack import channel
from canvas_demo.stack.errors import StackError

MEBIBYTE = 1 << 20


class Facts(Clients):
    """Looks, and changes nothing."""

    # --- what runs -----------------------------------------------------------------------------------------

    def status(self) -> pd.DataFrame:
        """The components: state, seconds in it, address, process, restarts."""
        snapshot = next(channel.ask(self._home, "status"))
        parts = snapshot["components"]
        frame = pd.DataFrame(parts, columns=["name", "state", "address", "pid", "restarts", "detail"])
        frame.insert(2, "seconds", [round(snapshot["now"] - part["since"], 1) for part in parts])
        return frame.rename(columns={"name": "component"}).astype({"pid": "Int64"})

    def processes(self) -> pd.DataFrame:
        """The components' processes, as the operating system sees them; memory is PSS, children included.

        A process that was frozen (SIGSTOP) is "stopped" here.
        """
        rows = []
        for row in self.status().dropna(subset="pid").itertuples():
            try:
                process = psutil.Process(int(row.pid))
                family = [process, *process.children(recursive=True)]
                memory = sum(member.memory_full_info().pss for member in family) / MEBIBYTE
                seconds = sum(sum(member.cpu_times()[:2]) for member in family)
                rows.append((row.component, row.pid, process.status(), len(family), round(memory, 1), seconds))
            except psutil.NoSuchProcess:
                continue  # it ended since it was listed; the next look says so
        columns = ["component", "pid", "os_state", "processes", "memory_mib", "cpu_seconds"]
        return pd.DataFrame(rows, columns=columns)

    def modules(self) -> pd.DataFrame:
        """The modules: whether each serves, as the gateway sees it, and where its gRPC is."""
        states = self.api.health()["modules"]
        rows = [(name, states.get(name, ""), self.environment[f"GRPC_{name.upper()}"]) for name in MODULES]
        return pd.DataFrame(rows, columns=["module", "state", "grpc"])

    def hosts(self) -> pd.DataFrame:
        """The websocket hosts: the lease of each, and how many connections live there."""
        return self.sql(QUERIES["hosts"])

    def connections(self, person: Person | None = None) -> pd.DataFrame:
        """Websocket connections, the newest first; of a person's organisation, where one is given."""
        return self.sql(QUERIES["connections"], {"organization_id": person.organization_id if person else None})

    def logs(self, component: str, lines: int = 40) -> Text:
        """The last lines that a component has written. Raises FileNotFoundError for one that wrote none."""
        path = self._home / "logs" / f"{component}.log"
        return Text("\n".join(path.read_text(errors="replace").splitlines()[-lines:]))

    def command(self, *arguments: str) -> Ran:
        """What ``canvas-demo ARGUMENT…`` prints for this stack, and its exit code."""
        return run_command(self._home, *arguments)

    def metrics(self) -> pd.DataFrame:
        """What the backend's processes tell Prometheus of themselves."""
        parts = next(channel.ask(self._home, "status"))["components"]
        return read_metrics({part["name"]: part["metrics"] for part in parts if part["metrics"]})

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

    def outbox(self, limit: int = 50) -> pd.DataFrame:
        """The newest rows of all modules' outboxes, the newest last."""
        frame = self.database.of_every_module("newest_events", {"limit": limit})
        return frame.sort_values(["committed_at", "module", "position"], ignore_index=True).tail(limit)

    def inbox(self, event_id: str) -> pd.DataFrame:
        """Which consumers have handled an event, and when."""
        frame = self.database.of_every_module("inbox", {"event_id": event_id})
        return frame.sort_values("handled_at", ignore_index=True)

    def parked(self) -> pd.DataFrame:
        """Records that consumers could not handle, and those of their keys that wait behind them.

        ``command("parked", "retry", name)`` has one tried again. Raises StackError while the database is away.
        """
        listed = self.command("parked", "list", "--json")
        if listed.code:
            raise StackError(listed.text)
        rows = json.loads(listed.text)
        columns = ["name", "head", "consumer", "event_id", "type", "topic", "partition", "offset", "key", "attempts"]
        return pd.DataFrame(rows, columns=[*columns, "reason", "due_at", "parked_at", "headers", "value"])

    def stream(self, person: Person, canvas_id: str) -> Stream:
        """The events of a canvas, and its state at each version, as a person may see it."""
        return Stream(self, person, canvas_id)

    # --- the write-ahead log -------------------------------------------------------------------------------

    def slots(self) -> pd.DataFrame:
        """The replication slots: where each stands, what it holds back of the log, how far its reader is behind."""
        return slots_of(self.database)

    def lag(self) -> pd.DataFrame:
        """How far each of the stack's consumer groups is behind, in records."""
        groups = self.kafka.groups()
        return groups[groups["group"].isin([f"canvas-demo-{name}" for name in MODULES])].reset_index(drop=True)

    def traffic(self) -> Traffic:
        """What moves between the parts from now on; ask it to `look`."""
        return Traffic(self)

    def counts(self) -> dict[str, Any]:
        """How many events each module has published, as its outbox says."""
        frame = self.database.of_every_module("positions", {})
        return dict(zip(frame["module"], frame["position"], strict=True))
