"""Turns: one process after the other, and within a process as deep as one likes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from canvas_demo.lab import NotYet
from canvas_demo.lab.turns import Turn, Turns, turns_on

HOLDS = """
import sys
from pathlib import Path
from canvas_demo.lab.turns import Turns
with Turns(Path(sys.argv[1])).alone():
    print("mine", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another(path: Path) -> Iterator[int]:
    """Another process that has the turn; its pid."""
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "mine\n"
        yield holder.pid
        assert holder.stdin
        holder.stdin.close()


def test_who_waits_is_told_for_whom_and_not_for_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turns = Turns(tmp_path / "faults")
    with another(tmp_path / "faults") as pid:
        assert f"(process {pid})" in turns.other()
        with pytest.raises(NotYet, match=f"process {pid}"), turns.alone(timeout=0.3):
            pass
        assert f"process {pid}" in capsys.readouterr().out
    assert turns.other() == ""
    with turns.alone(timeout=0):
        assert turns.other() == ""


def test_a_turn_of_a_killed_process_is_over(tmp_path: Path) -> None:
    turns = Turns(tmp_path / "faults")
    with another(tmp_path / "faults") as pid:
        subprocess.run(["kill", "-9", str(pid)], check=True)
        with turns.alone():
            assert turns.other() == ""


def test_turns_nest_within_a_process_whichever_lab_takes_them(tmp_path: Path) -> None:
    outer = Turn(turns_on(tmp_path))
    with turns_on(tmp_path).alone(), turns_on(tmp_path).alone():
        outer.end()
        outer.end()
        assert seen_by_another(tmp_path / "lab" / "faults") != ""
    assert seen_by_another(tmp_path / "lab" / "faults") == ""


def seen_by_another(path: Path) -> str:
    """Whose turn it is, as another process sees it."""
    return Turns(path).other()
