"""Kafka Connect's REST."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pandas as pd

from canvas_demo.lab.checks import until
from canvas_demo.lab.records import Record

SECONDS = 30.0
CHANGE_SECONDS = 90.0


class ConnectError(Exception):
    """Kafka Connect refused; says what it said."""


class Rebalancing(ConnectError):
    """It balances its work anew, and will do later what it was asked: it says 409, or 500 to some questions."""


def setting_of(name: str) -> str:
    """A setting as Connect calls it, from the name of a keyword: two underscores are a dot."""
    return name.replace("__", ".")


class ConnectRest:
    """The connectors of the stack (https://kafka.apache.org/documentation/#connect_rest)."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = httpx.Client(base_url=url, timeout=SECONDS, trust_env=False)

    def __repr__(self) -> str:
        return f"ConnectRest({self._url})"

    def call(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:
        """The answer's JSON. Raises `ConnectError`."""
        answer = self._http.request(method, path, json=body)
        if answer.is_error:
            said = answer.json().get("message", answer.text) if answer.content else answer.reason_phrase
            refusal = Rebalancing if answer.status_code == 409 or "rebalance" in said else ConnectError
            raise refusal(f"{method} {path} answers {answer.status_code}: {said}")
        return answer.json() if answer.content else None

    def connectors(self) -> pd.DataFrame:
        """The connectors, with their states and those of their tasks."""
        found: dict[str, Any] = self.call("GET", "/connectors?expand=status")
        rows = [
            (
                name,
                about["status"]["connector"]["state"],
                ", ".join(task["state"] for task in about["status"]["tasks"]),
                about["status"]["connector"]["worker_id"],
            )
            for name, about in sorted(found.items())
        ]
        return pd.DataFrame(rows, columns=["connector", "state", "tasks", "worker"])

    def config(self, name: str) -> Record:
        """The configuration of a connector, as it was placed."""
        return Record(self.call("GET", f"/connectors/{name}/config"))

    def place(self, name: str, config: dict[str, str]) -> None:
        """Make a connector, or change it."""
        self.call("PUT", f"/connectors/{name}/config", config)

    def change(self, name: str, **settings: str | None) -> Record:
        """Place a connector with some settings changed; the whole configuration as it was before.

        A dot in a setting's name is written as two underscores: ``poll__interval__ms="500"``; or give a dict
        with ``**{"poll.interval.ms": "500"}``. None takes a setting away. Returns when its task, made anew,
        runs; Connect's own word for that is stale at first.
        """
        before = self.config(name)
        wanted = dict(before)
        for key, value in settings.items():
            wanted.pop(setting_of(key), None)
            if value is not None:
                wanted[setting_of(key)] = str(value)
        self.replace(name, wanted)
        return before

    def replace(self, name: str, config: Mapping[str, str]) -> None:
        """Place a whole configuration, and wait until its task runs. Raises `NotYet`, `ConnectError`."""
        if dict(config) == self.config(name):
            return
        self.wait(lambda: self.place(name, dict(config)), f"Connect takes the configuration of {name}")
        restart = f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true"
        self.wait(lambda: self.call("POST", restart), f"Connect restarts what failed of {name}")
        self.wait(lambda: self._task_has(name, config), f"{name} has a task of its new configuration")
        self.wait(lambda: self.runs(name), f"{name} runs", every=0.1)

    def wait(self, ask: Callable[[], object], claim: str, timeout: float = CHANGE_SECONDS, every: float = 0.02) -> None:
        """Ask until Connect has done it, or says yes; while it balances its work anew it does neither.

        Raises `NotYet`, `ConnectError`.
        """

        def agreed() -> bool:
            try:
                return ask() is not False
            except Rebalancing:
                return False

        until(agreed, claim, timeout, every)

    def _task_has(self, name: str, config: Mapping[str, str]) -> bool:
        tasks = self.call("GET", f"/connectors/{name}/tasks")
        return bool(tasks) and all(
            task["config"].get(key) == value for task in tasks for key, value in config.items() if key != "name"
        )

    def runs(self, name: str) -> bool:
        """Whether its task is RUNNING. Raises `ConnectError` with the reason where it FAILED."""
        found: dict[str, Any] = self.call("GET", "/connectors?expand=status")
        status = found.get(name, {}).get("status", {"tasks": []})
        for part in (status.get("connector", {}), *status["tasks"]):
            if part.get("state") == "FAILED":
                raise ConnectError(f"connector {name}: {part.get('trace', 'FAILED')}")
        return [task["state"] for task in status["tasks"]] == ["RUNNING"]

    def exists(self, name: str) -> bool:
        """Whether there is a connector of this name."""
        return name in self.call("GET", "/connectors")

    def remove(self, name: str) -> None:
        """Remove a connector; its slot and its topics stay."""
        self.call("DELETE", f"/connectors/{name}")
