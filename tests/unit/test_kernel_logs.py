"""Log lines tell their trace, and no secrets."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from canvas_demo.kernel.logs import HIDDEN, configure_logs
from canvas_demo.kernel.settings import Settings
from canvas_demo.kernel.trace import Trace, set_trace

SETTINGS = Settings(secret="a secret of some length", master_key="bWFzdGVyIGtleSBvZiB0aGUgdGVzdHM=")
TOKEN = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl"


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    root, written = logging.getLogger(), io.StringIO()
    before, level = root.handlers, root.level
    configure_logs(SETTINGS, written)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers = before
    root.setLevel(level)


@pytest.mark.parametrize(
    "facts",
    [
        {"token": "whatever"},
        {"headers": {"Authorization": "Bearer whatever"}},
        {"error": f"refused: {TOKEN}"},
        {"url": SETTINGS.database_url("canvases")},
        {"why": ["the secret is a secret of some length"]},
        {"row": {"key": SETTINGS.master_key.get_secret_value()}},
        {"reason": SETTINGS.derived_secret("postgres/keys")},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_a_secret_is_hidden_wherever_it_stands(lines: Any, facts: dict[str, Any]) -> None:
    structlog.get_logger().warning("something", **facts)
    (line,) = lines()
    text = json.dumps(line)
    assert HIDDEN in text
    for secret in ("whatever", TOKEN, "secret of some length", SETTINGS.master_key.get_secret_value()):
        assert secret not in text
    assert SETTINGS.derived_secret("postgres/canvases") not in text
    assert SETTINGS.derived_secret("postgres/keys") not in text


def test_what_other_libraries_log_is_told_and_cleaned_alike(lines: Any) -> None:
    logging.getLogger("psycopg.pool").warning("cannot connect to %s", SETTINGS.database_url("keys"))
    (line,) = lines()
    assert (line["level"], line["logger"]) == ("warning", "psycopg.pool")
    assert SETTINGS.derived_secret("postgres/keys") not in json.dumps(line)


def test_the_stack_of_an_error_is_cleaned_too(lines: Any) -> None:
    try:
        int(TOKEN)
    except ValueError:
        structlog.get_logger().exception("failed")
    (line,) = lines()
    assert "ValueError" in line["exception"]
    assert TOKEN not in line["exception"]


def test_a_line_tells_the_trace_that_it_belongs_to(lines: Any) -> None:
    trace = Trace.start()
    set_trace(trace)
    structlog.get_logger().info("something")
    (line,) = lines()
    assert (line["trace_id"], line["correlation_id"]) == (trace.traceparent.split("-")[1], trace.correlation_id)
