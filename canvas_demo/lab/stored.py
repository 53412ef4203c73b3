"""A file's content as it lies on the disk, for whoever has the disk and not the keys."""

from pathlib import Path
from typing import Self

from canvas_demo.lab.database import QUERIES, Database


class StoredContent:
    """The objects that hold the content of one file; what was damaged in them is mended by `close`."""

    def __init__(self, database: Database, folder: Path, file_id: str) -> None:
        self.file_id = file_id
        self.parts = database.frame(QUERIES["stored_parts"], [file_id])
        self._paths = [folder / name for name in self.parts["object"]]
        self._before: dict[Path, bytes] = {}
        if not self._paths or not all(path.exists() for path in self._paths):
            raise FileNotFoundError(
                f"the content of file {file_id} is not on this disk: none was stored, or CANVAS_DEMO_FILES_URL has "
                "contents stored elsewhere"
            )

    def __repr__(self) -> str:
        return f"Content of file {self.file_id}: {len(self._paths)} objects, {len(self.bytes)} bytes on the disk"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def bytes(self) -> bytes:
        """What the disk holds, one object after the other."""
        return b"".join(path.read_bytes() for path in self._paths)

    def flip(self, at: int) -> None:
        """Flip a bit of the byte number ``at``, as a bad disk does, or somebody who has it in hand."""
        for path in self._paths:
            found = path.read_bytes()
            if at < len(found):
                self._before.setdefault(path, found)
                path.write_bytes(found[:at] + bytes([found[at] ^ 1]) + found[at + 1 :])
                return
            at -= len(found)
        raise IndexError("the content has fewer bytes")

    def close(self) -> None:
        """Write back what was there before; what was deleted meanwhile stays deleted."""
        for path, found in self._before.items():
            if path.exists():
                path.write_bytes(found)
        self._before.clear()
