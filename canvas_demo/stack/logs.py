"""``canvas-demo logs``: the files in home/logs."""

import sys
import time
from pathlib import Path

from canvas_demo.stack.errors import StackError
from canvas_demo.stack.home import load_settings

FOLLOW_SECONDS = 0.2


def print_logs(name: str, *, follow: bool) -> None:
    """Print the component's log, or all of them with their names before each line."""
    folder = load_settings().home / "logs"
    files = sorted(path for path in folder.glob("*.log") if not path.stem.endswith(".old"))
    if name:
        files = [path for path in files if path.stem == name]
    if not files:
        what = f"no log of {name}" if name else "no logs"
        message = f"there are {what} in {folder}"
        raise StackError(message)
    places = {path: _print_from(path, 0, with_name=not name) for path in files}
    while follow:
        time.sleep(FOLLOW_SECONDS)
        places = {path: _print_from(path, place, with_name=not name) for path, place in places.items()}


def _print_from(path: Path, place: int, *, with_name: bool) -> int:
    """Print what was written after ``place``; where it ends now."""
    if path.stat().st_size < place:
        place = 0
    with path.open(errors="replace") as file:
        file.seek(place)
        for line in file:
            sys.stdout.write(f"{path.stem:<12} {line}" if with_name else line)
        sys.stdout.flush()
        return file.tell()
