"""What is taken over from a caller's trace headers, and what is not."""

import pytest

from canvas_demo.kernel.trace import Trace

TRACE_ID, PARENT_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAME = f"00-{TRACE_ID}-{PARENT_ID}-01"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (SAME, SAME),
        (f"00-{TRACE_ID}-{PARENT_ID}-00", f"00-{TRACE_ID}-{PARENT_ID}-00"),
        (f"00-{TRACE_ID}-{PARENT_ID}-ff", SAME),  # of the flags, the one that version 00 defines
        (f"01-{TRACE_ID}-{PARENT_ID}-01", SAME),  # of a later version, what this one knows
        (f"fe-{TRACE_ID}-{PARENT_ID}-03-what-comes-after", SAME),
    ],
)
def test_a_traceparent_is_taken_over_in_the_version_that_is_known(sent: str, kept: str) -> None:
    assert Trace.start(sent).traceparent == kept


@pytest.mark.parametrize(
    "sent",
    [
        f"00-{'0' * 32}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{'0' * 32}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-{PARENT_ID}-01",
        f"00-{TRACE_ID.upper()}-{PARENT_ID}-01",
        f"00-{TRACE_ID}-{PARENT_ID}-0A",
        f"00-{TRACE_ID}-{PARENT_ID}-01-what-comes-after",
        f"01-{TRACE_ID}-{PARENT_ID}-01what-comes-after",
        f"00-{TRACE_ID}-{PARENT_ID}",
        f" {SAME}",
        "",
    ],
)
def test_a_traceparent_that_the_specification_calls_invalid_begins_a_trace_of_our_own(sent: str) -> None:
    version, trace_id, parent_id, flags = Trace.start(sent).traceparent.split("-")
    assert (version, flags) == ("00", "01")
    assert trace_id not in {TRACE_ID, TRACE_ID.upper(), "0" * 32}
    assert parent_id not in {PARENT_ID, "0" * 16}


@pytest.mark.parametrize("id_", ["", "with a space", "x" * 129, "umlaut-\u00fc", "line\nbreak"])
def test_an_id_that_fits_no_header_is_not_taken_over(id_: str) -> None:
    assert Trace.start(correlation_id=id_).correlation_id != id_
    assert Trace.start(correlation_id="conversation", causation_id=id_).causation_id == "conversation"


def test_what_led_to_a_request_is_what_its_caller_says_or_else_the_conversation() -> None:
    assert Trace.start(correlation_id="conversation", causation_id="event").causation_id == "event"
    assert Trace.start(correlation_id="conversation").causation_id == "conversation"
