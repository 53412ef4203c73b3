"""Which failures pass by themselves, and how long to wait before the next attempt."""

import random

import psycopg
from grpc import StatusCode
from grpc.aio import AioRpcError
from psycopg_pool import PoolClosed, PoolTimeout

from canvas_demo.kernel.errors import TimedOut, Unavailable

PASSING_STATES = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE that say nothing of the statement: the connection, a deadlock, no room, a shutdown.

https://www.postgresql.org/docs/18/errcodes-appendix.html
"""
LEFT_ALONE = "25P03"
"""The transaction was ended because its process had left it alone: it was frozen, or had too much to do."""
PASSING_CODES = frozenset({StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED})


def passes(error: BaseException) -> bool:
    """Whether the surroundings failed, not the work: the same attempt may succeed once they are back."""
    if isinstance(error, psycopg.Error):
        lost = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        state = error.sqlstate
        return lost if state is None else state[:2] in PASSING_STATES or state == LEFT_ALONE
    if isinstance(error, AioRpcError):
        return error.code() in PASSING_CODES
    return isinstance(error, PoolTimeout | PoolClosed | Unavailable | TimedOut | ConnectionError | TimeoutError)


def backoff(attempt: int, first: float, last: float) -> float:
    """Seconds to wait after attempt 0, 1, …: twice as long each time, up to ``last``, with jitter of a half."""
    return min(last, first * 2.0 ** min(attempt, 30)) * random.uniform(0.5, 1)  # noqa: S311  (jitter)
