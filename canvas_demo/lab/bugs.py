"""A bug, planted in what one module does about the events of one canvas, and mended again.

It is a trigger on the table that notifications writes: where it concerns the canvas, the statement is refused
with an error that waiting does not mend, as it would be by a bug in the module's own code.
"""

import secrets
from typing import Self

from psycopg import sql

from canvas_demo.lab.database import Database

PLANT = """
CREATE FUNCTION notifications.{name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a bug: nobody thought of this event';
END $$;
CREATE TRIGGER {name} BEFORE INSERT ON notifications.feed
FOR EACH ROW WHEN (NEW.subject = {subject}) EXECUTE FUNCTION notifications.{name}()
"""
MEND = "DROP FUNCTION IF EXISTS notifications.{name}() CASCADE"


class Bug:
    """Notifications can handle no event of one canvas, until `mend`."""

    def __init__(self, database: Database, canvas_id: str) -> None:
        self._database = database
        self._names = {"name": sql.Identifier(f"lab_bug_{secrets.token_hex(4)}")}
        self.subject = f"canvas/{canvas_id}"
        self.is_mended = False
        database.frame(sql.SQL(PLANT).format(**self._names, subject=sql.Literal(self.subject)))

    def __repr__(self) -> str:
        return f"Bug in notifications with {self.subject}: {'mended' if self.is_mended else 'there'}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.mend()

    def mend(self) -> None:
        """Take it away; a second time does nothing."""
        if not self.is_mended:
            self._database.frame(sql.SQL(MEND).format(**self._names))
        self.is_mended = True
