"""Commands per second, as durable, on the stack's PostgreSQL: ours, and the peer's twice.

The peer is a service of its own, called through gRPC as ours is; and, for what that costs, a library in
this process. `commands`: each creates a canvas, which is one event, committed. `streams`: each renames a
canvas that has 500 events: ours reads its state, the peer folds the events. Ours are published
through Debezium and told to subscribers meanwhile; nobody publishes the peer's.
"""

import json
import secrets
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from canvas_demo.bench.latency import new_canvas
from canvas_demo.bench.peer import peer
from canvas_demo.bench.rounds import Send, race
from canvas_demo.contracts.canvases.v1 import canvases_pb2 as pb
from canvas_demo.contracts.canvases.v1 import canvases_pb2_grpc as pb_grpc
from canvas_demo.stack.addresses import of_running
from canvas_demo.stack.home import load_settings

EVENTS = 500
"""Events of a stream."""
SAID = {
    "ours": "canvas-demo",
    "eventsourcing": "eventsourcing, a service too",
    "eventsourcing_in_process": "eventsourcing, in process",
}


@dataclass(frozen=True)
class Course:
    """How a race is run."""

    callers: int
    commands: int
    rounds: int


@dataclass(frozen=True)
class Service:
    """Canvases behind gRPC."""

    canvases: Any
    metadata: tuple[tuple[str, str], ...] = ()

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
    for name, said in SAID.items():
        print(f"{said:30} {figures[f'{name}_per_s']:9.1f} /s")
    print(f"{'ours to the service':30} {figures['ratio']:9.2f}")
    print(f"{'ours to the library':30} {figures['ratio_in_process']:9.2f}")


def commands(environment: dict[str, Any], course: Course) -> dict[str, Any]:
    """Commands with one event each."""
    with _everybody(environment, course.callers) as everybody:
        sends = {name: _creating(canvases) for name, canvases in everybody.items()}
        return _figures(race(sends, course.callers, course.commands, course.rounds))


def streams(environment: dict[str, Any], course: Course) -> dict[str, Any]:
    """Load and append, on a long stream for each caller."""
    with _everybody(environment, course.callers) as everybody:
        sends = {name: _renaming(canvases, course.callers) for name, canvases in everybody.items()}
        return _figures(race(sends, course.callers, course.commands, course.rounds))


def _creating(canvases: Any) -> Send:  # noqa: ANN401  (a service or a library)
    return lambda _: canvases.create("Plan")


def _renaming(canvases: Any, callers: int) -> Send:  # noqa: ANN401
    ids = [canvases.create("Plan") for _ in range(callers)]
    for id_ in ids:
        for number in range(EVENTS - 1):
            canvases.rename(id_, f"name {number}")
    return lambda caller: canvases.rename(ids[caller], secrets.token_hex(8))


def _figures(rates: dict[str, list[float]]) -> dict[str, Any]:
    """Medians, and the medians of the ratios of the rounds."""
    medians = {f"{name}_per_s": round(statistics.median(of), 1) for name, of in rates.items()}
    ratios = {
        name: round(statistics.median(ours / other for ours, other in zip(rates["ours"], rates[to], strict=True)), 2)
        for name, to in {"ratio": "eventsourcing", "ratio_in_process": "eventsourcing_in_process"}.items()
    }
    return {**medians, **ratios, "rounds": {f"{name}_per_s": of for name, of in rates.items()}}


@contextmanager
def _everybody(environment: dict[str, Any], callers: int) -> Iterator[dict[str, Any]]:
    url = environment["DATABASE_URL"]
    with _ours(environment) as ours, _peer_service(url, callers) as service, peer(url, callers) as library:
        yield {"ours": ours, "eventsourcing": service, "eventsourcing_in_process": library}


@contextmanager
def _peer_service(database_url: str, callers: int) -> Iterator[Service]:
    command = [sys.executable, "-m", "canvas_demo.bench.peer_server", database_url, str(callers)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  (our own module)
        assert server.stdin is not None  # noqa: S101  (pipes)
        assert server.stdout is not None  # noqa: S101
        try:
            with grpc.insecure_channel(f"127.0.0.1:{server.stdout.readline().strip()}") as channel:
                yield Service(pb_grpc.CanvasesStub(channel))
        finally:
            server.stdin.close()


@contextmanager
def _ours(environment: dict[str, Any]) -> Iterator[Service]:
    token, _ = new_canvas(environment["WEB_URL"])
    with grpc.insecure_channel(environment["GRPC_CANVASES"]) as channel:
        yield Service(pb_grpc.CanvasesStub(channel), (("authorization", f"Bearer {token}"),))
