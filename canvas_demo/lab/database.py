"""SQL, as the superuser: the lab may look at every module's tables."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd
import psycopg
from psycopg import sql

from canvas_demo.kernel.settings import MODULES
from canvas_demo.kernel.sql import Queries

QUERIES = Queries(__package__)
CONNECT_SECONDS = 10


class Database:
    """The database of the stack; each call opens a connection of its own."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __repr__(self) -> str:
        return f"Database({self._url.rpartition('@')[2]})"

    @property
    def url(self) -> str:
        """The libpq URL, password and all: for a program of one's own, not for showing."""
        return self._url

    def connection(self) -> psycopg.Connection:
        """A connection for whoever wants to hold a transaction open; close it."""
        return psycopg.connect(self._url, connect_timeout=CONNECT_SECONDS)

    def frame(
        self, query: str | sql.Composable, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """The rows that a statement answers with; the transaction is committed."""
        statement = query.encode() if isinstance(query, str) else query
        with self.connection() as connection:
            cursor = connection.execute(cast("bytes", statement), parameters)
            columns = [column.name for column in cursor.description or ()]
            return pd.DataFrame(cursor.fetchall() if columns else [], columns=columns, dtype=object)

    def of_every_module(self, name: str, parameters: Mapping[str, Any]) -> pd.DataFrame:
        """The rows of the query ``name``, asked of each module's schema, with a column ``module`` before."""
        part = sql.SQL(QUERIES[name])
        parts = [part.format(name=sql.Literal(module), schema=sql.Identifier(module)) for module in MODULES]
        return self.frame(sql.SQL("\nUNION ALL\n").join(parts), parameters)
