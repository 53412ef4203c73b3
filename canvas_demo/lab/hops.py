"""Hops of an event, timed by the stamps that its evidence bears; no I/O.

A stamp of coarse resolution is rounded down: the instant lies in [at, at + resolution). So what a hop
took is an interval, which is a point where both its stamps are fine. All clocks are this machine's one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

COLUMNS = ("hop", "after", "at", "took_ms", "took_ms_at_most", "since_commit_ms", "resolution_ms", "stamp")


@dataclass(frozen=True)
class Hop:
    """One instant of the journey: ``after`` which hop it comes, and whose ``stamp`` says when it was."""

    name: str
    after: str
    at: datetime
    stamp: str
    resolution_ms: float = 0.001
    evidence: Mapping[str, Any] = field(default_factory=dict)


def milliseconds(later: datetime, earlier: datetime) -> float:
    """From ``earlier`` to ``later``, in milliseconds."""
    return (later - earlier).total_seconds() * 1000


def took(hop: Hop, before: Hop) -> tuple[float, float]:
    """At least and at most how many milliseconds lie between two hops; a cause is never after its effect."""
    least = milliseconds(hop.at, before.at) - _blur(before)
    most = milliseconds(hop.at, before.at) + _blur(hop)
    return max(0.0, least), max(0.0, most)


def _blur(hop: Hop) -> float:
    """By how many milliseconds the instant may be later than its stamp, as far as that is worth a word."""
    return hop.resolution_ms if hop.resolution_ms >= 1 else 0.0


def table(hops: Sequence[Hop], origin: str) -> pd.DataFrame:
    """The hops as rows; ``since_commit_ms`` counts from the hop ``origin``."""
    by_name = {hop.name: hop for hop in hops}
    rows = []
    for hop in hops:
        least, most = took(hop, by_name[hop.after]) if hop.after in by_name else (0.0, 0.0)
        since = milliseconds(hop.at, by_name[origin].at)
        rows.append(
            (
                hop.name,
                hop.after,
                hop.at,
                round(least, 3),
                round(most, 3),
                round(since, 3),
                hop.resolution_ms,
                hop.stamp,
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))
