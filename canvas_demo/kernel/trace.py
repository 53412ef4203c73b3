"""What belongs together: correlation, causation and the W3C trace context of the work at hand.

It comes with an HTTP request, goes on in gRPC metadata, into the outbox row, into the Kafka
headers, and into the reaction to the event.
"""

import re
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

from uuid_utils.compat import uuid7

_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace_id>(?!0{32})[0-9a-f]{32})-(?P<parent_id>(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_SAMPLED = 0x01
"""The one flag that version 00 defines."""
_ID = re.compile(r"[\x21-\x7e]{1,128}")
"""What can stand in a header, in gRPC metadata and in a row alike."""


def new_id() -> str:
    """A UUID of version 7 (RFC 9562): ids made later sort later."""
    return str(uuid7())


def new_traceparent() -> str:
    """A trace of its own, as in https://www.w3.org/TR/trace-context/."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


@dataclass(frozen=True)
class Trace:
    """``correlation_id``: the conversation; ``causation_id``: the event that led here, or the conversation itself."""

    correlation_id: str
    causation_id: str
    traceparent: str

    @classmethod
    def start(
        cls, traceparent: str | None = None, correlation_id: str | None = None, causation_id: str | None = None
    ) -> "Trace":
        """The trace of a request from outside; what the caller sent is kept where it is well formed."""
        if correlation_id is None or not _ID.fullmatch(correlation_id):
            correlation_id = new_id()
        if causation_id is None or not _ID.fullmatch(causation_id):
            causation_id = correlation_id
        return cls(correlation_id, causation_id, _taken_over(traceparent or "") or new_traceparent())

    def child(self, causation_id: str) -> "Trace":
        """The trace of what ``causation_id`` leads to: the same trace, a span of its own."""
        match = _TRACEPARENT.fullmatch(self.traceparent)
        trace_id, flags = match.group("trace_id", "flags") if match else (secrets.token_hex(16), "01")
        return Trace(self.correlation_id, causation_id, f"00-{trace_id}-{secrets.token_hex(8)}-{flags}")


def _taken_over(traceparent: str) -> str | None:
    """``traceparent`` in version 00, the one known here; None where it is invalid and a new trace begins.

    https://www.w3.org/TR/trace-context/#versioning-of-traceparent: of a later version, what 00 has too.
    """
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or (match["version"] == "00" and match["more"]):
        return None
    return f"00-{match['trace_id']}-{match['parent_id']}-{int(match['flags'], 16) & _SAMPLED:02x}"


_current: ContextVar[Trace | None] = ContextVar("trace", default=None)


def current_trace() -> Trace:
    """The trace of the work at hand; a new one where none came with it."""
    trace = _current.get()
    if trace is None:
        trace = Trace.start()
        _current.set(trace)
    return trace


def trace_or_none() -> Trace | None:
    """The trace of the work at hand, where it has one."""
    return _current.get()


def set_trace(trace: Trace) -> None:
    """From here on, in this task and those it starts, the work belongs to ``trace``."""
    _current.set(trace)
