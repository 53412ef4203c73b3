"""Bring the database to what the code expects: roles, schemas, and each module's migrations.

Every module's schema gets the kernel's tables (outbox, inbox) and then its own. The files are plain
SQL, applied once each, in the order of their names, by yoyo.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from yoyo import get_backend, read_migrations

from canvas_demo.kernel.settings import CDC_ROLE, Settings

SLOT = "canvas_demo_outbox"
"""The replication slot that keeps the WAL until Debezium has read it."""
KERNEL_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(settings: Settings, modules: Iterable[tuple[str, Path]]) -> Iterator[str]:
    """Migrate each ``(module, folder of its migrations)``; yields a line for each thing done."""
    admin = settings.database_url(settings.postgres_admin)
    with psycopg.connect(admin, autocommit=True) as connection:
        _create_role(connection, settings, CDC_ROLE, "REPLICATION")
    for module, folder in modules:
        with psycopg.connect(admin, autocommit=True) as connection:
            _create_schema(connection, settings, module)
        backend = get_backend(admin.replace("postgresql://", "postgresql+psycopg://", 1) + f"?schema={module}")
        with backend.lock():
            pending = backend.to_apply(read_migrations(str(KERNEL_MIGRATIONS), str(folder)))
            backend.apply_migrations(pending)
        with psycopg.connect(admin, autocommit=True) as connection:
            _let_outbox_be_read(connection, module)
        yield from (f"{module}: {migration.id}" for migration in pending)
    with psycopg.connect(admin, autocommit=True) as connection:
        yield from _create_slot(connection)


def _create_slot(connection: psycopg.Connection) -> Iterator[str]:
    """The slot, before the first event: the connector starts later, and reads what the slot has kept.

    After the publication: what was written before there was one can't be decoded with it.
    """
    try:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", [SLOT])
    except psycopg.errors.DuplicateObject:
        return
    yield f"slot: {SLOT}"


def _create_schema(connection: psycopg.Connection, settings: Settings, module: str) -> None:
    """A role with the module's name and a schema that it can use, but does not own."""
    _create_role(connection, settings, module, "")
    role = sql.Identifier(module)
    for statement in (
        "CREATE SCHEMA IF NOT EXISTS {role}",
        "GRANT USAGE ON SCHEMA {role} TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA {role} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        "ALTER ROLE {role} SET search_path = {role}",
    ):
        connection.execute(sql.SQL(statement).format(role=role))


def _let_outbox_be_read(connection: psycopg.Connection, module: str) -> None:
    """So that Debezium can fill the gap that a lost slot leaves."""
    names = {"module": sql.Identifier(module), "role": sql.Identifier(CDC_ROLE)}
    connection.execute(sql.SQL("GRANT USAGE ON SCHEMA {module} TO {role}").format(**names))
    connection.execute(sql.SQL("GRANT SELECT ON {module}.outbox TO {role}").format(**names))


def _create_role(connection: psycopg.Connection, settings: Settings, role: str, right: LiteralString) -> None:
    """The role, able to sign in with its derived password, and with ``right``."""
    exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None
    verb: LiteralString = "ALTER" if exists else "CREATE"
    connection.execute(
        sql.SQL(verb + " ROLE {role} LOGIN " + right + " PASSWORD {password}").format(
            role=sql.Identifier(role), password=sql.Literal(settings.database_password(role))
        )
    )
