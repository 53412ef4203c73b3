"""What Prometheus is told, at ``/metrics`` of every process; each metric is described in docs/metrics.md.

A counter is raised where the thing happens. A gauge of what is stored (`refreshed`) is read when
somebody asks.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

log = structlog.get_logger(__name__)

COMMANDS = Counter("canvas_demo_commands", "gRPC methods answered, by status.", ["service", "method", "status"])
COMMAND_SECONDS = Histogram("canvas_demo_command_seconds", "How long gRPC methods took.", ["service", "method"])
OUTBOX_ROWS = Gauge("canvas_demo_outbox_rows", "Position of the newest row of the module's outbox.", ["module"])
CONSUMED = Counter("canvas_demo_records_consumed", "Records handled or parked, duplicates among them.", ["consumer"])
REACTION_SECONDS = Histogram("canvas_demo_reaction_seconds", "How long reactions took.", ["consumer", "event_type"])
REACTION_FAILURES = Counter("canvas_demo_reaction_failures", "Attempts that failed.", ["consumer"])
CONSUMER_LAG = Gauge("canvas_demo_consumer_lag", "Records of this process's partitions not committed.", ["consumer"])
PARKED = Gauge("canvas_demo_parked_records", "Records that wait in `parked`, those to be tried again too.", ["module"])
SLOT_LAG = Gauge("canvas_demo_slot_lag_bytes", "WAL written that Debezium has not confirmed.")
SLOT_RETAINED = Gauge("canvas_demo_slot_retained_bytes", "WAL that the slot keeps from being removed.")
SLOT_LIMIT = Gauge("canvas_demo_slot_limit_bytes", "WAL that a slot may keep before it is lost; -1: no limit.")
SLOT_INTACT = Gauge(
    "canvas_demo_slot_intact", "Whether the slot was there at the last look, and kept all that it should."
)
SLOT_LOSSES = Counter("canvas_demo_slot_losses", "Times that the slot was found missing or lost.")
SOCKETS = Gauge("canvas_demo_sockets", "Websockets that are open on this host.")
FRAMES = Counter("canvas_demo_frames_sent", "Frames sent to websockets.")

Refresh = Callable[[], Awaitable[None]]
_refreshes: list[Refresh] = []


@asynccontextmanager
async def refreshed(refresh: Refresh) -> AsyncIterator[None]:
    """Have ``refresh`` set its gauges whenever the metrics are read, until the block ends."""
    _refreshes.append(refresh)
    try:
        yield
    finally:
        _refreshes.remove(refresh)


async def exposition() -> tuple[bytes, str]:
    """All metrics of this process, and their media type; what can't be read now keeps its last value."""
    results = await asyncio.gather(*(refresh() for refresh in _refreshes), return_exceptions=True)
    for error in results:
        if isinstance(error, Exception):
            log.warning("metric not read", error=repr(error))
    return generate_latest(), CONTENT_TYPE_LATEST
