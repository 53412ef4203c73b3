"""Several by turns, round after round, so that what else the machine does meets each of them; and at what times."""

import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

Send = Callable[[int], object]
"""Sends one command, as the caller of this number."""


def rate(send: Send, callers: int, commands: int) -> float:
    """Commands per second of ``callers`` threads, each of which sends the next when its last is answered."""
    each = commands // callers
    with ThreadPoolExecutor(callers) as threads:
        start = time.perf_counter()
        list(threads.map(lambda caller: [send(caller) for _ in range(each)], range(callers)))
        return round(each * callers / (time.perf_counter() - start), 1)


def race(sends: Mapping[str, Send], callers: int, commands: int, rounds: int) -> dict[str, list[float]]:
    """Each one's commands per second, a figure a round; a first round warms up and does not count."""
    found: dict[str, list[float]] = {name: [] for name in sends}
    for number in range(rounds + 1):
        for name, send in sends.items():
            measured = rate(send, callers, commands)
            if number:
                found[name].append(measured)
    return found


def due(start: float, number: int, rate: float) -> float:
    """When to do a thing for the time ``number`` at ``rate`` a second: at random within its turn.

    What is done to a beat falls into step with whatever polls to a beat, and waits always, or never.
    """
    return start + (number + random.random()) / rate  # noqa: S311  (no secret)
