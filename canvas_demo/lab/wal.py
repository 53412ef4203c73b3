"""The write-ahead log as a logical decoder reads it: a replication slot of the lab's own, and what pgoutput says in it.

Message formats: https://www.postgresql.org/docs/18/protocol-logicalrep-message-formats.html
"""

import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import pandas as pd

from canvas_demo.lab.database import QUERIES, Database

PUBLICATION = "canvas_demo_outbox"
"""What of the log is published: inserts into the outboxes."""
KINDS = {"B": "begin", "R": "relation", "I": "insert", "U": "update", "D": "delete", "T": "truncate"}
KINDS |= {"C": "commit", "M": "message", "Y": "type", "O": "origin"}
COLUMNS = ["lsn", "transaction_id", "kind", "relation", "values"]


class Wal:
    """A temporary slot: it sees what is committed from now on, and is gone with its session, however that ends."""

    def __init__(self, database: Database, publication: str = PUBLICATION) -> None:
        self.slot = f"canvas_demo_lab_wal_{secrets.token_hex(4)}"
        self._publication = publication
        self._session = database.connection()
        self._session.autocommit = True
        self._session.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', true)", [self.slot])

    def __repr__(self) -> str:
        return f"Wal: temporary slot {self.slot}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Drop the slot."""
        self._session.close()

    @property
    def position(self) -> pd.Series:
        """Where the slot stands: ``restart_lsn``, ``confirmed_flush_lsn``, ``retained_bytes``."""
        cursor = self._session.execute(QUERIES["slots"])
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        return pd.Series(next(row for row in rows if row["slot_name"] == self.slot), dtype=object)

    def peek(self) -> pd.DataFrame:
        """What pgoutput says of everything committed since the slot's place; it stays there.

        A row a message: lsn, transaction, kind, the table, and the values of the row that was inserted.
        """
        return self._read("peek_changes")

    def confirm(self) -> pd.DataFrame:
        """As `peek`, and the slot moves on behind it: PostgreSQL need not keep that log for this slot any more."""
        return self._read("confirm_changes")

    def _read(self, name: str) -> pd.DataFrame:
        rows = self._session.execute(QUERIES[name], [self.slot, self._publication]).fetchall()
        decoder = Decoder()
        said = [(lsn, xid, *decoder.read(bytes(data))) for lsn, xid, data in rows]
        return pd.DataFrame(said, columns=COLUMNS, dtype=object)


@dataclass
class Decoder:
    """Reads messages in their order: a relation is described once, and then named by its number."""

    relations: dict[int, tuple[str, list[str]]] = field(default_factory=dict)

    def read(self, data: bytes) -> tuple[str, str, dict[str, Any]]:
        """(kind, table, values) of one message."""
        message = Message(data[1:])
        kind = KINDS.get(chr(data[0]), chr(data[0]))
        match kind:
            case "relation":
                number, table = message.number("I"), f"{message.text()}.{message.text()}"
                message.number("B")  # replica identity
                self.relations[number] = (table, list(message.columns()))
                return kind, table, {}
            case "insert":
                table, columns = self.relations[message.number("I")]
                message.number("B")  # "N": a new row follows
                return kind, table, dict(zip(columns, message.row(), strict=True))
            case "message":
                transactional = bool(message.number("B") & 1)
                message.number("Q")  # its lsn
                text, content = message.text(), message.block().decode(errors="replace")
                return kind, "", {"prefix": text, "content": content, "transactional": transactional}
            case _:
                return kind, "", {}


class Message:
    """The fields of a message, one after the other, in network byte order."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, kind: str) -> int:
        """A number of a `struct` format."""
        (value,) = struct.unpack_from(f">{kind}", self._data, self._at)
        self._at += struct.calcsize(f">{kind}")
        return int(value)

    def text(self) -> str:
        """A text that ends with a zero byte."""
        end = self._data.index(0, self._at)
        text = self._data[self._at : end].decode()
        self._at = end + 1
        return text

    def block(self) -> bytes:
        """Bytes, their length before them."""
        length = self.number("I")
        self._at += length
        return self._data[self._at - length : self._at]

    def columns(self) -> Iterator[str]:
        """The names of a relation's columns."""
        for _ in range(self.number("H")):
            self.number("B")  # whether it is part of the key
            yield self.text()
            self.number("I")  # type
            self.number("i")  # type modifier

    def row(self) -> Iterator[str | None]:
        """A row's values as text; None for NULL."""
        for _ in range(self.number("H")):
            yield self.block().decode() if chr(self.number("B")) == "t" else None
