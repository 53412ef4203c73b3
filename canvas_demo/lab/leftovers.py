"""What a lab has yet to undo, written down, so that the next lab can do it where this one's process is killed."""

import fcntl
import json
import secrets
import threading
from collections.abc import Callable, Collection
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from canvas_demo.stack.files import lock_at_once

ENDING = ".session"


class Note(NamedTuple):
    """Something to undo: its kind, and what about it has to be known."""

    kind: str
    what: dict[str, Any]


class Leftovers:
    """The notes of one lab, a line each in a file that is locked while the lab lives (flock(2))."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._guard = threading.Lock()
        self._numbers = count()
        self._open: set[int] = set()
        self._path: Path | None = None
        self._file: TextIO | None = None

    def note(self, kind: str, **what: Any) -> Callable[[], None]:
        """Write down what will have to be undone, before it is done. Returns how to say that it is undone."""
        with self._guard:
            number = next(self._numbers)
            if self._file is None:
                self._path, self._file = _locked(self.folder)
            _append(self._file, [number, kind, what])
            self._open.add(number)
        return partial(self._forget, number)

    def close(self) -> None:
        """Forget the file where all is undone; else leave it to the next lab. A second time does nothing."""
        with self._guard:
            if self._path and not self._open:
                self._path.unlink(missing_ok=True)
            if self._file:
                self._file.close()
            self._path = self._file = None

    def _forget(self, number: int) -> None:
        with self._guard:
            if self._file is not None and number in self._open:
                _append(self._file, [number])
            self._open.discard(number)


def undo_of_the_dead(folder: Path, undo: Callable[[Note], bool], kinds: Collection[str]) -> None:
    """Have undone what labs left whose processes are dead, of these kinds, the newest of each lab first.

    A note stays where ``undo`` answers False.
    """
    for path in sorted(folder.glob(f"*{ENDING}")):
        with path.open("a+") as file:
            if not lock_at_once(file):
                continue  # it lives, or somebody undoes it just now
            notes = _open_notes(file)
            for number, note in sorted(notes.items(), reverse=True):
                if note.kind in kinds and undo(note):
                    _append(file, [number])
                    del notes[number]
            if not notes:
                path.unlink(missing_ok=True)


def _open_notes(file: TextIO) -> dict[int, Note]:
    file.seek(0)
    notes: dict[int, Note] = {}
    for line in filter(str.strip, file):
        try:
            number, *about = json.loads(line)
        except ValueError:
            continue  # its writer was killed within it, before it did what it says
        if about:
            notes[number] = Note(*about)
        else:
            notes.pop(number, None)
    return notes


def _locked(folder: Path) -> tuple[Path, TextIO]:
    """A new file, locked before anybody can see it."""
    folder.mkdir(parents=True, exist_ok=True)
    name = secrets.token_hex(8)
    draft = folder / f".{name}"
    file = draft.open("a")
    fcntl.flock(file, fcntl.LOCK_EX)
    return draft.rename(folder / f"{name}{ENDING}"), file


def _append(file: TextIO, line: list[Any]) -> None:
    file.write(f"\n{json.dumps(line)}\n")  # on a line of its own, wherever another writer was killed
    file.flush()
