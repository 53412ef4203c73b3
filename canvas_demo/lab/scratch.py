"""A schema of a notebook's own in the stack's database, and transactions that are held open on purpose."""

import secrets
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import pandas as pd
import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from canvas_demo.kernel.settings import CDC_ROLE
from canvas_demo.lab.database import QUERIES, Database
from canvas_demo.lab.leftovers import Leftovers

Parameters = Sequence[Any] | Mapping[str, Any] | None


class Transaction:
    """An open transaction on a connection of its own: `commit` it, or `roll_back`."""

    def __init__(self, database: Database, schema: str = "public") -> None:
        self._connection = database.connection()
        self._connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
        self._connection.commit()
        self.state = "open"
        row = self._connection.execute("SELECT pg_current_xact_id()::text::bigint, pg_backend_pid()").fetchone()
        self.id, self.backend_pid = row or (0, 0)

    def __repr__(self) -> str:
        return f"Transaction {self.id}: {self.state}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        if self.state == "open":
            self.roll_back() if kind else self.commit()

    def sql(self, query: str, parameters: Parameters = None) -> pd.DataFrame:
        """The rows that a statement answers with, inside this transaction."""
        return frame_of(self._connection.execute(query.encode(), parameters))

    def commit(self) -> None:
        """Make it last, and visible to others."""
        self._end("committed", self._connection.commit)

    def roll_back(self) -> None:
        """Leave nothing of it."""
        self._end("rolled back", self._connection.rollback)

    def close(self) -> None:
        """Roll back what is open still; where the server has cut the connection, it has done so already."""
        if self.state != "open":
            return
        try:
            self.roll_back()
        except psycopg.OperationalError:
            self._connection.close()
            self.state = "cut"

    def _end(self, state: str, finish: Any) -> None:
        if self.state != "open":
            raise RuntimeError(f"transaction {self.id} is {self.state} already")
        finish()
        self._connection.close()
        self.state = state


class Scratch:
    """A schema with a random name; dropped with `close`, or the lab's."""

    def __init__(self, database: Database, leftovers: Leftovers) -> None:
        self._database = database
        self.schema = f"lab_{secrets.token_hex(4)}"
        self._open: list[Transaction] = []
        self._publications = 0
        self._forget = leftovers.note("scratch", schema=self.schema)
        self.sql(QUERIES["make_scratch"].replace("{schema}", self.schema).replace("{reader}", CDC_ROLE))

    def __repr__(self) -> str:
        return f"Scratch: schema {self.schema}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Roll back what is open, and drop the schema with all that is in it; a second time does nothing."""
        for transaction in self._open:
            transaction.close()
        drop_schema(self._database, self.schema)
        self._forget()

    def sql(self, query: str, parameters: Parameters = None) -> pd.DataFrame:
        """The rows that a statement answers with, in a transaction of its own; names are of this schema first."""
        with self._session() as connection:
            return frame_of(connection.execute(query.encode(), parameters))

    def transaction(self) -> Transaction:
        """A transaction that stays open until it is ended."""
        self._open.append(Transaction(self._database, self.schema))
        return self._open[-1]

    # --- an outbox, as the modules have one, and nobody relays ----------------------------------------------

    def outbox(self, name: str = "outbox") -> str:
        """Make a table of the outboxes' columns; its name, with the schema's."""
        self.sql(QUERIES["make_scratch_outbox"].replace("{name}", name))
        return f"{self.schema}.{name}"

    def append(self, to: "Transaction | None" = None, /, **columns: Any) -> pd.DataFrame:
        """Append a row to the scratch outbox, in the transaction ``to`` or one of its own; the row.

        Columns that are not given are made up: a fresh aggregate, version 1, the type ``Happened``.
        """
        given = {"aggregate_id": secrets.token_hex(4), "event_type": "Happened", "aggregate_version": 1} | columns
        payload = Jsonb(given.pop("payload", {}))
        values = {**given, "payload": payload}
        names = sql.SQL(", ").join(map(sql.Identifier, values))
        places = sql.SQL(", ").join(map(sql.Placeholder, values))
        statement = sql.SQL("INSERT INTO outbox ({}) VALUES ({}) RETURNING *").format(names, places).as_string()
        return to.sql(statement, values) if to else self.sql(statement, values)

    def publication(self, *tables: str) -> str:
        """A publication of inserts into ``tables`` of this schema (all of them where none is named); its name."""
        self._publications += 1
        name = f"{self.schema}_{self._publications}"
        what = (
            sql.SQL("TABLE ") + sql.SQL(", ").join(sql.Identifier(self.schema, table) for table in tables)
            if tables
            else sql.SQL("TABLES IN SCHEMA {}").format(sql.Identifier(self.schema))
        )
        make = sql.SQL("CREATE PUBLICATION {} FOR {} WITH (publish = 'insert')")
        with self._database.connection() as connection:
            connection.execute(make.format(sql.Identifier(name), what))
        return name

    def _session(self) -> psycopg.Connection:
        connection = self._database.connection()
        connection.execute(sql.SQL("SET search_path TO {}, public").format(sql.Identifier(self.schema)))
        return connection


def drop_schema(database: Database, schema: str) -> None:
    """Drop a scratch schema with all that is in it, and its publications; those that are not there: nothing."""
    with database.connection() as connection:
        found = connection.execute("SELECT pubname FROM pg_publication WHERE starts_with(pubname, %s)", [f"{schema}_"])
        for (name,) in found.fetchall():
            connection.execute(sql.SQL("DROP PUBLICATION {}").format(sql.Identifier(name)))
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def frame_of(cursor: psycopg.Cursor[Any]) -> pd.DataFrame:
    """The rows of a cursor; none for a statement that answers with none."""
    columns = [column.name for column in cursor.description or ()]
    return pd.DataFrame(cursor.fetchall() if columns else [], columns=columns, dtype=object)
