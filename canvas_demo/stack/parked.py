"""The commands ``canvas-demo parked``: what waits in the modules' consumers, and what becomes of it."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from canvas_demo.kernel.parking import ENDED, QUERIES, channel
from canvas_demo.kernel.settings import MODULES, Settings
from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import load_settings

WAIT = 30.0
"""Seconds to wait for what comes of a retry."""

Row = dict[str, Any]


def print_parked(modules: list[str], *, as_json: bool) -> None:
    """Print the heads, each with how many wait behind it, or as JSON every record."""
    rows = [row for module in _checked(modules) for row in _rows(load_settings(), module)]
    if as_json:
        print(json.dumps([_facts(row) for row in rows], indent=2))
        return
    if not rows:
        print("Nothing is parked.")
    for head in (row for row in rows if row["position"] == row["head"]):
        behind = sum((row["module"], row["head"]) == (head["module"], head["head"]) for row in rows) - 1
        line = f"{_name(head):18} {_type(head):24} {head['topic']} {head['key'] or '(no key)'}  {_state(head)}"
        print(f"{line}, {behind} behind it\n    {head['reason']}")


def print_one(name: str, *, as_json: bool) -> None:
    """Print all of one parked record."""
    facts = _facts(_find(name))
    if as_json:
        print(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        if key != "headers":
            print(f"{key:14} {value}")
    for key, value in facts["headers"].items():
        print(f"  {key:28} {value}")


def retry(names: list[str], *, every: bool) -> None:
    """Have the consumers try heads once more, and say what came of it."""
    settings = load_settings()
    if every:
        heads = [row for module in MODULES for row in _rows(settings, module) if row["position"] == row["head"]]
    else:
        heads = [_head(name) for name in names]
    for head in heads:
        _retry(settings, head)
    if not heads:
        print("Nothing is parked.")


def drop(name: str, *, sure: bool) -> None:
    """Discard a head for good; those behind it go on."""
    settings, head = load_settings(), _head(name)
    question = f"Drop {_name(head)} ({_type(head)} {head['key']}) for good? Its effect is then missing. [y/N] "
    if not sure and input(question).strip().lower() not in ("y", "yes"):
        print("Nothing was dropped")
        return
    with _connection(settings, head["module"]) as connection:
        dropped = connection.execute(QUERIES["drop"], [head["position"]]).rowcount
        connection.execute(QUERIES["announce"], [channel(head["consumer"])])
    print(f"Dropped {_name(head)}" if dropped else f"{_name(head)} was handled meanwhile; nothing was dropped")


def _retry(settings: Settings, head: Row) -> None:
    """Set it due, wake its consumer, and wait until it is gone or has failed again."""
    with _connection(settings, head["module"]) as connection:
        listen = sql.SQL("LISTEN {}").format(sql.Identifier(channel(head["consumer"])))
        connection.execute(listen)
        connection.execute(QUERIES["retry"], [head["position"]])
        connection.execute(QUERIES["announce"], [channel(head["consumer"])])
        end = time.monotonic() + WAIT
        while (row := connection.execute(QUERIES["outcome"], [head["position"]]).fetchone()) is not None:
            if row["due_at"] is None and row["reason"] != ENDED:
                print(f"{_name(head)} failed again: {row['reason']}")
                return
            if time.monotonic() > end:
                message = f"{_name(head)} is due, but its consumer has not tried it yet; does {head['module']} run?"
                raise StackError(message)
            for _ in connection.notifies(timeout=end - time.monotonic(), stop_after=1):
                break
    print(f"{_name(head)} is handled, and those behind it go on")


def _checked(modules: list[str]) -> list[str]:
    if unknown := sorted(set(modules) - set(MODULES)):
        raise StackError(f"No module is called {', '.join(unknown)}; there are: {', '.join(MODULES)}.")
    return modules or list(MODULES)


def _head(name: str) -> Row:
    """The head of this name. Raises StackError for one that waits behind another."""
    row = _find(name)
    if row["position"] != row["head"]:
        first = f"{row['module']}/{row['head']}"
        raise StackError(f"{name} waits behind {first}, an earlier record of its key; retry or drop that one first.")
    return row


def _find(name: str) -> Row:
    module, _, position = name.partition("/")
    if module in MODULES:
        for row in _rows(load_settings(), module):
            if str(row["position"]) == position:
                return row
    raise StackError(f"Nothing called {name!r} is parked; `canvas-demo parked list` says what is.")


def _rows(settings: Settings, module: str) -> list[Row]:
    with _connection(settings, module) as connection:
        rows = connection.execute(QUERIES["list"], {"consumer": None}).fetchall()
    return [{"module": module, **row} for row in rows]


@contextmanager
def _connection(settings: Settings, module: str) -> Iterator[psycopg.Connection[DictRow]]:
    """A connection as the module's role, on which each statement is a transaction. Raises StackError."""
    try:
        url = settings.database_url(module)
        with psycopg.connect(url, autocommit=True, row_factory=dict_row, connect_timeout=5) as connection:
            yield connection
    except psycopg.OperationalError as error:
        where = f"{settings.postgres_host}:{settings.port_postgres}"
        raise StackError(f"The database at {where} does not answer; is the stack up? {error}") from error


def _name(row: Row) -> str:
    return f"{row['module']}/{row['position']}"


def _type(row: Row) -> str:
    return str(row["headers"].get("ce_type", "(not an event)"))


def _state(row: Row) -> str:
    """Whether it is tried again by itself."""
    attempts = f"{row['attempts']} attempt{'' if row['attempts'] == 1 else 's'}"
    return f"parked after {attempts}" if row["due_at"] is None else f"to be tried again after {attempts}"


def _facts(row: Row) -> dict[str, Any]:
    """A row as JSON can hold it."""
    return {
        "name": _name(row),
        "head": f"{row['module']}/{row['head']}",
        "consumer": row["consumer"],
        "event_id": row["event_id"],
        "type": row["headers"].get("ce_type"),
        "topic": row["topic"],
        "partition": row["partition"],
        "offset": row["record_offset"],
        "key": row["key"],
        "attempts": row["attempts"],
        "reason": row["reason"],
        "due_at": row["due_at"] and row["due_at"].isoformat(),
        "parked_at": row["parked_at"].isoformat(),
        "headers": row["headers"],
        "value": bytes(row["value"]).decode(errors="replace"),
    }
