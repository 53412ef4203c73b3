"""Kafka Connect's REST."""

from typing import Any

import httpx
import pandas as pd

from canvas_demo.lab.records import Record

SECONDS = 30.0


class ConnectError(Exception):
    """Kafka Connect refused; says what it said."""


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
            raise ConnectError(f"{method} {path} answers {answer.status_code}: {said}")
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
