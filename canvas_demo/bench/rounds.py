"""Ours and the peer's by turns, round after round, so that what else the machine does meets both."""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

Send = Callable[[int], object]
"""Sends one command, as the caller of this number."""


@dataclass
class Race:
    """Commands per second, a figure a round."""

    ours: list[float] = field(default_factory=list)
    peer: list[float] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, object]:
        """Medians, and the median of the ratios of the rounds."""
        ratios = [ours / peer for ours, peer in zip(self.ours, self.peer, strict=True)]
        return {
            "ours_per_s": round(statistics.median(self.ours), 1),
            "eventsourcing_per_s": round(statistics.median(self.peer), 1),
            "ratio": round(statistics.median(ratios), 2),
            "rounds": {"ours_per_s": self.ours, "eventsourcing_per_s": self.peer},
        }


def rate(send: Send, callers: int, commands: int) -> float:
    """Commands per second of ``callers`` threads, each of which sends the next when its last is answered."""
    each = commands // callers
    with ThreadPoolExecutor(callers) as threads:
        start = time.perf_counter()
        list(threads.map(lambda caller: [send(caller) for _ in range(each)], range(callers)))
        return round(each * callers / (time.perf_counter() - start), 1)


def race(ours: Send, peer: Send, callers: int, commands: int, rounds: int) -> Race:
    """``rounds`` of ``commands`` each way, after one that warms up and does not count."""
    found = Race()
    for number in range(rounds + 1):
        a, b = rate(ours, callers, commands), rate(peer, callers, commands)
        if number:
            found.ours.append(a)
            found.peer.append(b)
    return found
