"""The Debezium connector as a component: placed in Kafka Connect, watched and restarted over REST."""

import json
import time
from dataclasses import dataclass
from typing import Any

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.files import connectors
from canvas_demo.stack.web import Reply, call

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class TaskStatus:
    """What Connect says of the connector and its one task."""

    connector: str
    task: str
    trace: str

    @property
    def runs(self) -> bool:
        """Whether all of it is RUNNING, as far as Connect knows."""
        return self.connector == self.task == "RUNNING"

    @property
    def paused(self) -> bool:
        """Whether its task has come to a halt, and is kept; one that has failed stays so."""
        return self.connector == "PAUSED" and self.task in {"PAUSED", "FAILED"}

    @property
    def stopped(self) -> bool:
        """Whether it has no task any more."""
        return (self.connector, self.task) == ("STOPPED", "MISSING")

    @property
    def failed(self) -> bool:
        """Whether it waits for someone to restart it."""
        return "FAILED" in (self.connector, self.task)

    def __str__(self) -> str:
        cause = f": {self.trace.splitlines()[0]}" if self.trace else ""
        return f"connector {self.connector}, task {self.task}{cause}"


def read_config(name: str) -> dict[str, str]:
    """The committed configuration."""
    config: dict[str, str] = json.loads((connectors() / f"{name}.json").read_text())
    return config


def place(settings: Settings, name: str) -> bool:
    """PUT the configuration where Connect has another or none; whether it did.

    :raises StackError: Connect refuses it.
    """
    url = f"{settings.connect}/connectors/{name}/config"
    wanted = {**read_config(name), "poll.interval.ms": str(settings.debezium_poll)}
    present = call("GET", url)
    if present.status == 200 and present.body == {**wanted, "name": name}:
        return False
    reply = call("PUT", url, wanted)
    if reply.status == 409:  # rebalancing: the caller tries again
        raise ConnectionError(_message(reply))
    if reply.status not in (200, 201):
        message = f"Kafka Connect refuses connectors/{name}.json: {_message(reply)}"
        raise StackError(message)
    return True


def place_and_wait(settings: Settings, name: str, seconds: float) -> TaskStatus:
    """Place the connector, have it go on, and return when it reads the slot: for where no supervisor watches it.

    :raises StackError: Connect refuses it, or it does not stream in time.
    """
    end = time.monotonic() + seconds
    placed, seen = False, "nothing was answered yet"
    while time.monotonic() < end:
        try:
            placed = placed or place(settings, name) or True
            now = status(settings, name)
            if now.runs and slot_reader(settings, name):
                return now
            seen = str(now)
            if now.connector in {"PAUSED", "STOPPED"}:
                order(settings, name, "resume")
            if now.failed:
                order(settings, name, "restart failed")
        except OSError as error:
            seen = str(error)
        time.sleep(POLL_SECONDS)
    message = f"the connector {name} does not stream within {seconds:.0f} s; last seen: {seen}"
    raise StackError(message)


def order(settings: Settings, name: str, what: str) -> None:
    """Tell Connect to ``stop``, ``pause``, ``resume`` or restart the connector."""
    method, path = {
        "stop": ("PUT", "stop"),
        "pause": ("PUT", "pause"),
        "resume": ("PUT", "resume"),
        "restart": ("POST", "restart?includeTasks=true"),
        "restart failed": ("POST", "restart?includeTasks=true&onlyFailed=true"),
    }[what]
    reply = call(method, f"{settings.connect}/connectors/{name}/{path}")
    if reply.status >= 400:
        message = f"Kafka Connect does not {what} {name}: {_message(reply)}"
        raise StackError(message)


def status(settings: Settings, name: str) -> TaskStatus:
    """How the connector does now."""
    body = call("GET", f"{settings.connect}/connectors/{name}/status").body or {}
    task: dict[str, Any] = next(iter(body.get("tasks", [])), {})
    state = body.get("connector", {})
    trace = task.get("trace") or state.get("trace") or ""
    return TaskStatus(state.get("state", "MISSING"), task.get("state", "MISSING"), trace)


def slot_reader(settings: Settings, name: str) -> int | None:
    """The server process that sends the connector's slot, if one does.

    Connect's own status may be that of a worker that is gone: it reads it from a topic.
    """
    import psycopg

    slot = read_config(name)["slot.name"]
    try:
        with psycopg.connect(settings.database_url(settings.postgres_admin), connect_timeout=5) as connection:
            found = connection.execute(
                "SELECT active_pid FROM pg_replication_slots WHERE slot_name = %s", [slot]
            ).fetchone()
    except psycopg.OperationalError as error:
        raise ConnectionError(str(error)) from error
    return found[0] if found else None


def _message(reply: Reply) -> str:
    return str((reply.body or {}).get("message", reply.status))
