"""The load: writers of several organisations, who know of each command what became of it.

A command that may be repeated carries an idempotency key and is sent again until it is answered; one
that may not is sent once, and where no answer comes nobody knows. Each bears a correlation id of its
own, by which its event is found in the outbox.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Literal, Self
from uuid import uuid4

import grpc
import httpx
from grpc.aio import AioRpcError

from canvas_demo.chaos.plan import Action, Choices
from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb
from canvas_demo.contracts.canvases.v1.canvases_pb2_grpc import CanvasesStub
from canvas_demo.kernel.rpc import CHANNEL_OPTIONS

Outcome = Literal["accepted", "refused", "unknown"]

SETS_UP_WITHIN = 120.0
ANSWERS_WITHIN = 10.0
GIVES_UP_AFTER = 600.0
"""Seconds after which a command that was never answered is given up."""
AGAIN = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
}


@dataclass(frozen=True)
class Command:
    """What became of a command; ``correlation_id`` is that of its event."""

    correlation_id: str
    action: Action
    outcome: Outcome
    answer: str


@dataclass(frozen=True)
class Organization:
    """An organisation of the run, with its one user and the canvases that are written to."""

    organization_id: str
    token: str
    canvases: Sequence[str]
    folder: str
    """A canvas that only files are put on."""


@dataclass
class Ledger:
    """All commands so far, and all uploads: file id → accepted."""

    commands: list[Command] = field(default_factory=list)
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    uploads: list[str] = field(default_factory=list)
    uploads_refused: int = 0

    def note(self, command: Command) -> None:
        """Write down what became of a command."""
        self.commands.append(command)
        self.outcomes[command.outcome] += 1


class Api:
    """The system as its users reach it: HTTP at the gateway, gRPC at the module canvases."""

    unreachable = httpx.TransportError

    def __init__(self, web_url: str, canvases: str) -> None:
        self._stack = AsyncExitStack()
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        self.http = httpx.AsyncClient(base_url=web_url, timeout=ANSWERS_WITHIN, limits=limits)
        target = f"ipv4:{canvases}" if "," in canvases else canvases
        self._channel = grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
        self.canvases: Any = CanvasesStub(self._channel)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.http)
        self._stack.push_async_callback(self._channel.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def register(self, canvases: int) -> Organization:
        """A new organisation with so many canvases."""
        name = f"chaos-{uuid4().hex[:12]}"
        account = {"username": name, "password": uuid4().hex}
        await self._set_up("/api/organizations", {"name": name, **account})
        session = await self._set_up("/api/login", account)
        made = [await self._new_canvas(session["token"], f"Canvas {number}") for number in range(canvases + 1)]
        return Organization(session["user"]["organization_id"], session["token"], made[1:], made[0])

    async def _new_canvas(self, token: str, name: str) -> str:
        return str((await self._set_up("/api/canvases", {"name": name}, _bearer(token)))["id"])

    async def _set_up(self, path: str, body: dict[str, str], headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401  (JSON)
        answer = await self.http.post(path, json=body, headers=headers, timeout=SETS_UP_WITHIN)
        return answer.raise_for_status().json()

    async def upload(self, of: Organization, size: int) -> httpx.Response:
        """Put a file on the organisation's folder."""
        files = {"file": ("chaos.bin", bytes(size), "application/octet-stream")}
        return await self.http.post(f"/api/canvases/{of.folder}/files", files=files, headers=_bearer(of.token))


class Writer:
    """The one who writes to a canvas, one command after the other."""

    def __init__(self, api: Api, of: Organization, canvas_id: str, choices: Choices, ledger: Ledger) -> None:
        self._api = api
        self._of = of
        self._canvas_id = canvas_id
        self._choices = choices
        self._ledger = ledger
        self._notes: list[str] = []
        self._number = 0

    async def write(self) -> Command:
        """Send the next command, and write down what became of it."""
        self._number += 1
        action = self._choices.action(len(self._notes))
        correlation_id = str(uuid4())
        if action.endswith("over HTTP"):
            outcome, answer = await self._over_http(action, correlation_id)
        else:
            outcome, answer = await self._over_grpc(action, correlation_id)
        command = Command(correlation_id, action, outcome, answer)
        self._ledger.note(command)
        return command

    async def _over_http(self, action: Action, correlation_id: str) -> tuple[Outcome, str]:
        name = {"name": f"name {self._number} of {self._canvas_id}"}
        headers = {**_bearer(self._of.token), "X-Correlation-Id": correlation_id}
        if action == "rename over HTTP":  # a PATCH has no idempotency key: it is sent once
            return await self._answered("PATCH", f"/api/canvases/{self._canvas_id}", name, headers)
        headers["Idempotency-Key"] = correlation_id
        until = time.monotonic() + GIVES_UP_AFTER
        while True:
            outcome, answer = await self._answered("POST", "/api/canvases", name, headers)
            if outcome != "unknown" or time.monotonic() > until:
                return outcome, answer
            await asyncio.sleep(0.2)

    async def _answered(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[Outcome, str]:  # noqa: ANN401
        try:
            answer = await self._api.http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            return "unknown", repr(error)
        if answer.is_success:
            return "accepted", str(answer.status_code)
        again = answer.status_code >= 500 or answer.status_code in (409, 429)
        return "unknown" if again else "refused", f"{answer.status_code} {answer.text}"

    async def _over_grpc(self, action: Action, correlation_id: str) -> tuple[Outcome, str]:
        call, request = self._request(action)
        metadata = [
            ("authorization", f"Bearer {self._of.token}"),
            ("x-correlation-id", correlation_id),
            ("idempotency-key", correlation_id),
        ]
        until = time.monotonic() + GIVES_UP_AFTER
        while True:
            try:
                await call(request, metadata=metadata, timeout=ANSWERS_WITHIN, wait_for_ready=True)
            except AioRpcError as error:
                if error.code() not in AGAIN:
                    return "refused", f"{error.code().name} {error.details()}"
                if time.monotonic() > until:
                    return "unknown", f"{error.code().name} {error.details()}"
                await asyncio.sleep(0.2)
            else:
                return "accepted", "OK"

    def _request(self, action: Action) -> tuple[Any, Any]:
        stub, canvas_id = self._api.canvases, self._canvas_id
        if action == "place note":
            item_id = str(uuid4())
            self._notes.append(item_id)
            return stub.PlaceItem, pb.PlaceItemRequest(
                canvas_id=canvas_id, item_id=item_id, text=f"note {self._number}"
            )
        if action == "move note":
            item_id = self._notes[self._choices.number(len(self._notes))]
            return stub.MoveItem, pb.MoveItemRequest(canvas_id=canvas_id, item_id=item_id, x=self._number, y=0)
        return stub.RenameCanvas, pb.RenameCanvasRequest(canvas_id=canvas_id, name=f"name {self._number}")


class Pace:
    """At most so many commands a second, by all writers together."""

    def __init__(self, rate: float) -> None:
        self._gap = 1 / rate
        self._next = time.monotonic()

    async def step(self) -> None:
        """Wait for one's turn; what could not be used of the rate is lost."""
        now = time.monotonic()
        self._next = max(self._next + self._gap, now)
        await asyncio.sleep(self._next - now)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
