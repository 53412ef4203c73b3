"""The exercise of 03, from the write-ahead log to Debezium."""

import secrets
from typing import Any

from canvas_demo.lab.checks import NotYet, until
from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.session import Lab

SECONDS = 5.0


def outlive_a_rollback(lab: Lab) -> Exercise:
    """Write something into the log that the decoder tells of though its transaction was rolled back."""
    wal = lab.wal()

    def judge(answer: object) -> str:
        def look() -> list[Any]:
            messages = wal.peek().query("kind == 'message'")["values"]
            return [values for values in messages if values["prefix"] == answer]

        try:
            said = until(look, "the message is there", SECONDS)  # a rollback does not wait for the log to be flushed
        except NotYet:
            return f"the decoder tells of no message with the prefix {answer!r}."
        if said[0]["transactional"]:
            return "that message belongs to its transaction: rolled back, it would not have been told of."
        return ""

    def solve() -> object:
        prefix = f"outlives-{secrets.token_hex(4)}"
        with lab.database.connection() as connection:
            connection.execute("SELECT pg_logical_emit_message(false, %s, 'still here')", [prefix])
            connection.rollback()
        return prefix

    return Exercise(
        question=(
            "Write a message into the log from a transaction that you roll back, so that a decoder tells of it all the "
            "same. Assign the message's prefix to `answer`."
        ),
        hints=(
            "The first argument of pg_logical_emit_message says whether the message belongs to the transaction.",
            "lab.database.connection() gives a connection; execute a statement on it, then rollback().",
            "pg_logical_emit_message(false, 'a prefix of yours', 'a text')",
        ),
        judge=judge,
        solve=solve,
        praise="the decoder tells of it, though its transaction never came to be.",
    )
