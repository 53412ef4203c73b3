"""Components are kept as they are wanted: on a stack of PostgreSQL alone, which is up in a moment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.conftest import Stack

ONLY = ("--only", "postgres")
DEADLINE = 30.0


def until(holds: Callable[[], Any], seen: Callable[[], object] = lambda: "nothing") -> Any:
    """What ``holds`` returns once it is true; with the deadline passed, an error that shows ``seen()``."""
    deadline = time.monotonic() + DEADLINE
    while not (found := holds()):
        assert time.monotonic() < deadline, f"waited {DEADLINE:.0f} s; seen last: {seen()}"
        time.sleep(0.02)
    return found


def family(stack: Stack) -> list[psutil.Process]:
    """Every process that works in this home."""
    found = []
    for process in psutil.process_iter():
        try:
            told = process.environ().get("CANVAS_DEMO_HOME", "")
            if str(stack.home) in (told, *process.cmdline()) or str(stack.home / "postgres") in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return found


def query(stack: Stack, statement: str) -> Any:
    with psycopg.connect(stack.env["DATABASE_URL"], autocommit=True, connect_timeout=5) as connection:
        found = connection.execute(statement.encode())
        return found.fetchone() if found.description else None


@pytest.fixture
def postgres(own_stack: Stack) -> Stack:
    own_stack.cli("up", "--detach", *ONLY)
    return own_stack


def test_what_is_up_says_so_and_what_is_down_too(own_stack: Stack) -> None:
    assert "No stack runs" in own_stack.cli("down")
    assert "canvas-demo up" in own_stack.cli("status", check=False)
    own_stack.cli("up", "--detach", *ONLY)
    assert "already" in own_stack.cli("up", "--detach", *ONLY)
    own_stack.cli("down")
    assert family(own_stack) == []


def test_a_killed_component_is_started_again_and_counted(postgres: Stack) -> None:
    before = postgres.status()["postgres"]
    postgres.cli("kill", "postgres")
    after = until(lambda: postgres.status()["postgres"]["state"] == "running" and postgres.status()["postgres"])
    assert after["pid"] != before["pid"]
    assert after["restarts"] == 1
    assert "SIGKILL" in after["last_exit"]
    assert query(postgres, "SELECT 1") == (1,)


def test_a_component_that_dies_by_itself_is_started_again(postgres: Stack) -> None:
    psutil.Process(postgres.status()["postgres"]["pid"]).send_signal(signal.SIGQUIT)
    until(lambda: postgres.status()["postgres"]["restarts"] == 1)
    until(lambda: postgres.status()["postgres"]["state"] == "running")


def test_a_stopped_component_stays_down_until_it_is_started(postgres: Stack) -> None:
    assert "stopped" in postgres.cli("stop", "postgres")
    report = postgres.status()["postgres"]
    assert (report["state"], report["pid"], report["restarts"]) == ("stopped", None, 0)
    assert "running" in postgres.cli("start", "postgres")
    assert query(postgres, "SELECT 1") == (1,)


def test_a_paused_component_is_frozen_whole_until_it_is_resumed(postgres: Stack) -> None:
    leader = psutil.Process(postgres.status()["postgres"]["pid"])
    postgres.cli("pause", "postgres")
    assert postgres.status()["postgres"]["state"] == "paused"
    states = {process.status() for process in (leader, *leader.children(recursive=True))}
    assert states == {psutil.STATUS_STOPPED}
    postgres.cli("resume", "postgres")
    assert postgres.status()["postgres"]["state"] == "running"
    assert query(postgres, "SELECT 1") == (1,)


def test_a_paused_component_can_be_killed_and_the_stack_stopped(postgres: Stack) -> None:
    postgres.cli("pause", "postgres")
    postgres.cli("kill", "postgres")
    until(lambda: postgres.status()["postgres"]["state"] == "running")
    postgres.cli("pause", "postgres")
    postgres.cli("down")
    assert family(postgres) == []


@pytest.mark.parametrize("order", ["stop", "start", "kill", "pause", "resume"])
def test_an_unknown_component_is_named_with_those_there_are(postgres: Stack, order: str) -> None:
    said = postgres.cli(order, "oracle", check=False)
    assert "oracle" in said
    assert "postgres" in said


def test_after_everything_was_killed_it_comes_up_with_its_data(postgres: Stack) -> None:
    query(postgres, "CREATE TABLE kept AS SELECT 42 AS answer")
    supervisor = Path(postgres.home / "processes.json").read_text()
    everyone = [psutil.Process(int(pid)) for pid in _pids(supervisor)]
    for process in everyone:
        process.kill()
    psutil.wait_procs(everyone, timeout=DEADLINE)
    postgres.cli("up", "--detach", *ONLY)
    assert query(postgres, "SELECT answer FROM kept") == (42,)


def test_the_children_of_a_supervisor_that_was_killed_end_too(postgres: Stack) -> None:
    leader = psutil.Process(postgres.status()["postgres"]["pid"])
    psutil.Process(_pids((postgres.home / "processes.json").read_text())[0]).kill()
    leader.wait(DEADLINE)
    postgres.cli("up", "--detach", *ONLY)


def test_what_a_killed_supervisor_left_is_ended_by_the_next(own_stack: Stack) -> None:
    """As if the kernel had not told the child that its parent died."""
    own_stack.cli("up", "--detach", *ONLY)
    own_stack.cli("down")
    left = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    born = psutil.Process(left.pid).create_time()
    (own_stack.home / "processes.json").write_text(f'{{"kafka": {{"pid": {left.pid}, "created": {born}}}}}')
    own_stack.cli("up", "--detach", *ONLY)
    assert left.wait(DEADLINE) == -signal.SIGKILL
    assert "kafka" in own_stack.cli("status")


def test_a_process_that_only_has_a_number_of_ours_is_let_live(own_stack: Stack) -> None:
    own_stack.home.mkdir()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (own_stack.home / "processes.json").write_text(f'{{"kafka": {{"pid": {other.pid}, "created": 1.0}}}}')
    own_stack.cli("up", "--detach", *ONLY)
    assert other.poll() is None
    other.kill()
    other.wait()


def _pids(text: str) -> list[int]:
    import json

    return [each["pid"] for each in json.loads(text).values()]


def watch(stack: Stack, *arguments: str) -> subprocess.Popen[str]:
    """``canvas-demo up`` in the foreground, as at a prompt: Ctrl-C goes to all of its process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "canvas_demo", "up", *arguments],
        env=stack.surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        # Who runs the tests in the background ignores SIGINT, and what they start would inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )


@pytest.mark.parametrize("moment", ["supervisor.log", "postgres.log", "postgres/postmaster.pid"])
def test_ctrl_c_at_any_moment_of_the_start_leaves_nothing_running_and_nothing_broken(
    own_stack: Stack, moment: str
) -> None:
    foreground = watch(own_stack, *ONLY)
    marks = (own_stack.home / "logs" / moment, own_stack.home / moment)
    until(lambda: any(mark.exists() for mark in marks))
    os.killpg(foreground.pid, signal.SIGINT)
    foreground.communicate(timeout=DEADLINE)
    until(lambda: family(own_stack) == [], lambda: family(own_stack))
    own_stack.cli("up", "--detach", *ONLY)
    assert query(own_stack, "SELECT 1") == (1,)


def test_the_stack_goes_down_when_the_terminal_it_was_started_in_does(own_stack: Stack) -> None:
    foreground = watch(own_stack, *ONLY)
    until(lambda: own_stack.cli("status", check=False).count("running"))
    foreground.kill()
    foreground.communicate(timeout=DEADLINE)
    until(lambda: family(own_stack) == [], lambda: family(own_stack))


def test_a_start_that_fails_says_why_with_the_end_of_the_log_and_leaves_nothing(own_stack: Stack) -> None:
    own_stack.cli("up", "--detach", *ONLY)
    own_stack.cli("down")
    (own_stack.home / "postgres" / "PG_VERSION").write_text("9\n")
    said = own_stack.cli("up", "--detach", *ONLY, check=False)
    assert "postgres did not start" in said
    assert "database files are incompatible with server" in said
    assert family(own_stack) == []


def test_a_port_in_use_is_named_before_anything_starts(postgres: Stack, tmp_path: Path) -> None:
    port = postgres.settings.port_postgres
    other = Stack(tmp_path / "other", {"CANVAS_DEMO_PORT_POSTGRES": str(port)})
    said = other.cli("up", "--detach", *ONLY, check=False)
    assert f"port {port}" in said
    assert str(postgres.status()["postgres"]["pid"]) in said
    assert not (other.home / "postgres").exists()


def test_two_stacks_run_side_by_side(postgres: Stack, tmp_path: Path) -> None:
    other = Stack(tmp_path / "other")
    other.cli("up", "--detach", *ONLY)
    try:
        query(other, "CREATE TABLE mine ()")
        assert query(postgres, "SELECT to_regclass('mine')") == (None,)
    finally:
        other.cli("down")
    assert query(postgres, "SELECT 1") == (1,)


def test_reset_removes_the_data_of_this_home_alone(postgres: Stack, tmp_path: Path) -> None:
    (tmp_path / "not ours").mkdir()
    assert "left alone" in Stack(tmp_path / "not ours").cli("reset", "--yes", check=False)
    postgres.cli("reset", "--yes")
    assert not postgres.home.exists()
    assert (tmp_path / "not ours").exists()


def test_logs_show_what_a_component_wrote(postgres: Stack) -> None:
    assert "database system is ready" in postgres.cli("logs", "postgres")
    assert "no log of oracle" in postgres.cli("logs", "oracle", check=False)
