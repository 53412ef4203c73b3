"""The exercise of 03, from the write-ahead log to Debezium."""

import secrets
from typing import Any

import psycopg

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
        if said[-1]["transactional"]:
            return "that message belongs to its transaction: rolled back, it would not have been told of."
        text = said[-1]["content"]
        if not text.isdecimal():
            return f"the message says {text!r}; let it say the number of its transaction, so that we can look it up."
        try:
            status = lab.sql("SELECT pg_xact_status(%s::text::xid8) AS status", [text])["status"].iloc[0]
        except psycopg.DataError as error:
            return f"{text} is the number of no transaction: {error}."
        return "" if status == "aborted" else f"transaction {text} is {status}, and was to be rolled back."

    def solve() -> object:
        prefix = f"outlives-{secrets.token_hex(4)}"
        with lab.database.connection() as connection:
            connection.execute("SELECT pg_logical_emit_message(false, %s, pg_current_xact_id()::text)", [prefix])
            connection.rollback()
        return prefix

    return Exercise(
        question=(
            "Write a message into the log from a transaction that you roll back, so that a decoder tells of it all the "
            "same. Let its text be the number of that transaction, `pg_current_xact_id()::text`, as evidence that it "
            "was rolled back. Assign the message's prefix to `answer`."
        ),
        hints=(
            "The first argument of pg_logical_emit_message says whether the message belongs to the transaction.",
            "lab.database.connection() gives a connection; execute a statement on it, then rollback().",
            "pg_logical_emit_message(false, 'a prefix of yours', pg_current_xact_id()::text)",
        ),
        judge=judge,
        solve=solve,
        praise="the decoder tells of it, though its transaction never came to be.",
    )
