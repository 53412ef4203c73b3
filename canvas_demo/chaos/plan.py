"""What a run does, as its seed decides: the faults in their order, and what each writer does next."""

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Fault = Literal["transaction", "handler", "connect", "kafka", "postgres", "host", "stall", "freeze", "slot", "disk"]

FAULTS: dict[Fault, str] = {
    "transaction": "kill -9 of a module in the middle of a transaction",
    "handler": "kill -9 of a module in the middle of a handler",
    "connect": "kill -9 of Kafka Connect",
    "kafka": "kill -9 of Kafka",
    "postgres": "kill -9 of PostgreSQL",
    "host": "kill -9 of a websocket host",
    "stall": "SIGSTOP of a websocket host for longer than others wait for it, and not as long as its lease",
    "freeze": "SIGSTOP of a consumer for longer than its session, in the middle of a handler",
    "slot": "the replication slot dropped",
    "disk": "no space for the contents of files",
}

Action = Literal["rename", "rename over HTTP", "create over HTTP", "place note", "move note"]
WEIGHTS: dict[Action, int] = {
    "rename": 8,
    "rename over HTTP": 4,
    "create over HTTP": 1,
    "place note": 3,
    "move note": 4,
}
NOTES = 10
"""Notes that a canvas gets at most: each command reads them all."""


def possible() -> tuple[Fault, ...]:
    """The faults that this user can make: only root can mount what `disk` needs."""
    return tuple(fault for fault in FAULTS if fault != "disk" or os.geteuid() == 0)


def faults_of(seed: int, count: int, among: Sequence[Fault] = tuple(FAULTS)) -> list[Fault]:
    """The faults of a run, in their order: each of ``among`` once before any comes again."""
    chance = random.Random(f"{seed}/faults")  # noqa: S311  (reproducible, and no secret)
    chosen: list[Fault] = []
    while len(chosen) < count:
        chosen += chance.sample(list(among), len(among))
    return chosen[:count]


@dataclass(frozen=True)
class Moment:
    """When a fault comes: once so many commands were accepted."""

    fault: Fault
    accepted: int


def moments(seed: int, events: int, count: int, among: Sequence[Fault] = tuple(FAULTS)) -> list[Moment]:
    """The faults, spread over the run."""
    return [Moment(fault, events * (at + 1) // (count + 1)) for at, fault in enumerate(faults_of(seed, count, among))]


class Choices:
    """What the writer of this number does next."""

    def __init__(self, seed: int, writer: int) -> None:
        self._chance = random.Random(f"{seed}/writer/{writer}")  # noqa: S311  (reproducible, and no secret)

    def action(self, notes: int) -> Action:
        """The next command, where its canvas has so many notes."""
        chosen = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        if chosen == "place note" and notes >= NOTES:
            return "move note"
        return "place note" if chosen == "move note" and not notes else chosen

    def number(self, below: int) -> int:
        """A whole number from 0."""
        return self._chance.randrange(below)
