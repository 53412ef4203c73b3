"""Log lines tell their trace, and no secrets."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from canvas_demo.kernel.logs import HIDDEN, configure_logs, own_secrets
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


@pytest.mark.parametrize(
    ("told", "secret"),
    [
        ({"postgres_password": "longword"}, "longword"),
        ({"cdc_password": "a password of debezium"}, "a password of debezium"),
        ({"files_options": {"access_key_id": "an id that is known", "secret_access_key": "8_chars!"}}, "8_chars!"),
        ({"files_options": {"account_key": "YSBrZXkgb2YgYW4gYWNjb3VudA=="}}, "YSBrZXkgb2YgYW4gYWNjb3VudA=="),
        ({"files_options": {"session_token": "of a session"}}, "of a session"),
        ({"secret": "a secret"}, "a secret"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_the_settings_hold_in_secret_is_known(told: dict[str, Any], secret: str) -> None:
    assert secret in own_secrets(Settings(**told))


def test_a_master_key_of_a_file_is_known_and_of_a_file_that_is_not_there_nothing(tmp_path: Path) -> None:
    file = tmp_path / "key"
    without = own_secrets(Settings(master_key_file=file))
    file.write_text("bWFzdGVyIGtleSBvZiB0aGUgdGVzdHM=\n")
    assert own_secrets(Settings(master_key_file=file)) - without == {"bWFzdGVyIGtleSBvZiB0aGUgdGVzdHM="}


def test_what_is_no_secret_may_be_read_in_logs() -> None:
    options = {"endpoint": "http://localhost:9000", "region": "eu-central-1", "access_key_id": "an id that is known"}
    known = own_secrets(Settings(secret="canvas-demo", postgres_password="short", files_options=options))
    assert not known & {"canvas-demo", "short", *options.values()}


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
