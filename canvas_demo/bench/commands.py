"""Commands per second: ours through gRPC, the peer's in this process; both on the stack's PostgreSQL, as durable.

`commands`: each creates a canvas, which is one event, committed. `streams`: each renames a canvas that
has 500 events: ours reads its state, the peer folds the events.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx

from canvas_demo.bench.peer import peer
from canvas_demo.bench.rounds import race
from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb
from canvas_demo.contracts.canvases.v1 import canvases_pb2_grpc as pb_grpc
from canvas_demo.stack.addresses import of_running
from canvas_demo.stack.home import load_settings

EVENTS = 500
"""Events of a stream."""


@dataclass(frozen=True)
class Course:
    """How a race is run."""

    callers: int
    commands: int
    rounds: int


@dataclass(frozen=True)
class Ours:
    """The module canvases, as somebody who is signed in calls it."""

    canvases: Any
    metadata: tuple[tuple[str, str], ...]

    def create(self, name: str) -> str:
        """A new canvas."""
        created: pb.Canvas = self.canvases.CreateCanvas(pb.CreateCanvasRequest(name=name), metadata=self.metadata)
        return created.id

    def rename(self, canvas_id: str, name: str) -> None:
        """One event more."""
        request = pb.RenameCanvasRequest(canvas_id=canvas_id, name=name)
        self.canvases.RenameCanvas(request, metadata=self.metadata)


def print_race(kind: str, course: Course, *, as_json: bool) -> None:
    """Measure `commands` or `streams` on the stack that runs, and print a short table, or JSON."""
    environment = of_running(load_settings())
    figures = (commands if kind == "commands" else streams)(environment, course)
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    what = "create a canvas, one event" if kind == "commands" else f"rename a canvas of {EVENTS} events"
    print(f"{what}; {course.callers} at once, median of {course.rounds} rounds")
    print(f"canvas-demo, through gRPC     {figures['ours_per_s']:9.1f} /s")
    print(f"eventsourcing, in process     {figures['eventsourcing_per_s']:9.1f} /s")
    print(f"ratio                         {figures['ratio']:9.2f}")


def commands(environment: dict[str, Any], course: Course) -> dict[str, object]:
    """Commands with one event each."""
    with _ours(environment) as ours, peer(environment["DATABASE_URL"], course.callers) as theirs:
        found = race(
            lambda _: ours.create("Plan"),
            lambda _: theirs.create("Plan"),
            course.callers,
            course.commands,
            course.rounds,
        )
    return found.figures


def streams(environment: dict[str, Any], course: Course) -> dict[str, object]:
    """Load and append, on a long stream for each caller."""
    with _ours(environment) as ours, peer(environment["DATABASE_URL"], course.callers) as theirs:
        here = [ours.create("Plan") for _ in range(course.callers)]
        there = [theirs.create("Plan") for _ in range(course.callers)]
        for mine, its in zip(here, there, strict=True):
            for number in range(EVENTS - 1):
                ours.rename(mine, f"name {number}")
                theirs.rename(its, f"name {number}")
        found = race(
            lambda caller: ours.rename(here[caller], secrets.token_hex(8)),
            lambda caller: theirs.rename(there[caller], secrets.token_hex(8)),
            course.callers,
            course.commands,
            course.rounds,
        )
    return found.figures


@contextmanager
def _ours(environment: dict[str, Any]) -> Iterator[Ours]:
    name = f"bench-{secrets.token_hex(6)}"
    account = {"username": name, "password": secrets.token_urlsafe(16)}
    with httpx.Client(base_url=environment["WEB_URL"], timeout=30) as http:
        http.post("/api/organizations", json={"name": name, **account}).raise_for_status()
        token = http.post("/api/login", json=account).raise_for_status().json()["token"]
    with grpc.insecure_channel(environment["GRPC_CANVASES"]) as channel:
        yield Ours(pb_grpc.CanvasesStub(channel), (("authorization", f"Bearer {token}"),))
