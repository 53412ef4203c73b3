"""What a lab has to undo is known to the next one, if and only if its own process is dead."""

import subprocess
import sys
from pathlib import Path

from canvas_demo.lab.leftovers import Leftovers, Note, undo_of_the_dead

KILLED = """
import os, signal, sys
from pathlib import Path
from canvas_demo.lab.leftovers import Leftovers
leftovers = Leftovers(Path(sys.argv[1]))
leftovers.note("topic", name="one")
undone = leftovers.note("topic", name="two")
leftovers.note("scratch", schema="three")
undone()
os.kill(os.getpid(), signal.SIGKILL)
"""
BOTH = ("topic", "scratch")


def killed(folder: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(folder)], check=False)


def undone(folder: Path, *kinds: str, works: bool = True) -> list[Note]:
    asked: list[Note] = []
    undo_of_the_dead(folder, lambda note: asked.append(note) or works, kinds)  # type: ignore[func-returns-value]
    return asked


def test_what_a_killed_process_left_is_undone_once_the_newest_first(tmp_path: Path) -> None:
    killed(tmp_path)
    assert undone(tmp_path, *BOTH) == [Note("scratch", {"schema": "three"}), Note("topic", {"name": "one"})]
    assert undone(tmp_path, *BOTH) == []
    assert not list(tmp_path.iterdir())


def test_what_could_not_be_undone_and_other_kinds_are_kept(tmp_path: Path) -> None:
    killed(tmp_path)
    assert [note.kind for note in undone(tmp_path, "scratch", works=False)] == ["scratch"]
    assert [note.kind for note in undone(tmp_path, "scratch")] == ["scratch"]
    assert [note.kind for note in undone(tmp_path, *BOTH)] == ["topic"]


def test_what_a_living_lab_notes_is_its_own(tmp_path: Path) -> None:
    leftovers = Leftovers(tmp_path)
    forget = leftovers.note("topic", name="one")
    assert undone(tmp_path, *BOTH) == []
    forget()
    leftovers.close()
    assert not list(tmp_path.iterdir())


def test_what_a_closed_lab_could_not_undo_is_left_to_the_next(tmp_path: Path) -> None:
    leftovers = Leftovers(tmp_path)
    leftovers.note("topic", name="one")
    leftovers.close()
    assert undone(tmp_path, *BOTH) == [Note("topic", {"name": "one"})]


def test_a_line_within_which_its_writer_was_killed_is_passed_over(tmp_path: Path) -> None:
    killed(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(path.read_text() + '[7, "topic", {"na')
    assert len(undone(tmp_path, *BOTH, works=False)) == 2
    assert len(undone(tmp_path, *BOTH)) == 2
