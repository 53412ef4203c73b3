"""A bug, planted in what one module does about the events of one canvas, and mended again.

It is a trigger on the table that notifications writes: where it concerns the canvas, the statement is refused
with an error that waiting does not mend, as it would be by a bug in the module's own code.
"""

import secrets
from typing import Self

from psycopg import sql

from canvas_demo.lab.database import Database
from canvas_demo.lab.leftovers import Leftovers

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

    def __init__(self, database: Database, leftovers: Leftovers, canvas_id: str) -> None:
        self._database = database
        self._name = f"lab_bug_{secrets.token_hex(4)}"
        self.subject = f"canvas/{canvas_id}"
        self.is_mended = False
        self._forget = leftovers.note("bug", name=self._name, canvas_id=canvas_id)
        plant = sql.SQL(PLANT).format(name=sql.Identifier(self._name), subject=sql.Literal(self.subject))
        database.frame(plant)

    def __repr__(self) -> str:
        return f"Bug in notifications with {self.subject}: {'mended' if self.is_mended else 'there'}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.mend()

    def mend(self) -> None:
        """Take it away; a second time does nothing."""
        if not self.is_mended:
            mend(self._database, self._name)
            self._forget()
        self.is_mended = True


def mend(database: Database, name: str) -> None:
    """Take the bug of this name away, if it is there."""
    database.frame(sql.SQL(MEND).format(name=sql.Identifier(name)))
