"""The peer: the same canvases with the package `eventsourcing` (https://eventsourcing.readthedocs.io).

Its aggregate, application and PostgreSQL recorder, as its documentation has them, on the same PostgreSQL,
in a schema that is dropped in the end. Called in this process, without gRPC and tokens in between.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict


class Canvas(Aggregate):
    """A canvas that has a name."""

    @event("Created")
    def __init__(self, name: str) -> None:
        self.name = name

    @event("Renamed")
    def rename(self, name: str) -> None:
        """Another name."""
        self.name = name


class Canvases(Application[UUID]):
    """The application: load, decide, save."""

    def create(self, name: str) -> UUID:
        """A new canvas: one event."""
        canvas = Canvas(name)
        self.save(canvas)
        return canvas.id

    def rename(self, canvas_id: UUID, name: str) -> None:
        """Load and append: one event."""
        canvas: Canvas = self.repository.get(canvas_id)
        canvas.rename(name)
        self.save(canvas)


@contextmanager
def peer(database_url: str, connections: int) -> Iterator[Canvases]:
    """The application, with as many connections as there are callers."""
    where, schema = conninfo_to_dict(database_url), f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(database_url, autocommit=True) as database:
        database.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema)))
    application = Canvases(
        {
            "PERSISTENCE_MODULE": "eventsourcing.postgres",
            "POSTGRES_DBNAME": str(where["dbname"]),
            "POSTGRES_HOST": str(where["host"]),
            "POSTGRES_PORT": str(where["port"]),
            "POSTGRES_USER": str(where["user"]),
            "POSTGRES_PASSWORD": str(where["password"]),
            "POSTGRES_SCHEMA": schema,
            "POSTGRES_POOL_SIZE": str(connections),
            "POSTGRES_MAX_OVERFLOW": "0",
            "POSTGRES_MAX_WAITING": "1000",
        }
    )
    try:
        yield application
    finally:
        application.close()
        with psycopg.connect(database_url, autocommit=True) as database:
            database.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
