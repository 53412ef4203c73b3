"""Where the stack's own files lie, and locks between processes."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


def remove_tree(path: Path) -> None:
    """Remove the folder, if it is there."""
    shutil.rmtree(path, ignore_errors=False) if path.exists() else None
