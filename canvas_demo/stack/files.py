"""Where the stack's own files lie, what is kept as JSON, and locks between processes."""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from canvas_demo.stack.errors import StackError

PACKAGE = Path(__file__).parents[1]


def connectors() -> Path:
    """The folder connectors/: beside the package in a checkout, inside it when installed."""
    installed = PACKAGE / "_connectors"
    return installed if installed.is_dir() else PACKAGE.parent / "connectors"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path``, waiting for whoever has it (flock(2): freed when its holder dies)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def lock_at_once(file: TextIO, how: int = fcntl.LOCK_EX) -> bool:
    """Hold the lock of an open file, without waiting, until it is closed; False where somebody else has it."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def recall(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; empty where there is none."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        message = f"cannot read {path}: {error}. Check who owns it; to begin anew, remove {path.parent}."
        raise StackError(message) from error
    return found


def remember(path: Path, what: dict[str, Any], mode: int = 0o644) -> None:
    """Write the JSON object to ``path`` as a whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.touch(mode)
    draft.write_text(json.dumps(what, indent=2))
    draft.replace(path)


def own_temporary_folder() -> Path:
    """A folder of this user alone, which all stacks of this user on this machine share until it is restarted.

    Raises StackError where somebody else has taken its name.
    """
    folder = Path(tempfile.gettempdir()) / f"canvas-demo-{os.getuid()}"
    advice = "Name another folder for temporary files with TMPDIR."
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StackError(f"cannot make {folder}: {error.strerror}. {advice}") from error
    if folder.lstat().st_uid != os.getuid() or folder.is_symlink():
        raise StackError(f"{folder} is somebody else's. {advice}")
    return folder


def remove_tree(path: Path) -> None:
    """Remove the folder, if it is there."""
    shutil.rmtree(path, ignore_errors=False) if path.exists() else None
