"""The stack's own commands, and the check of its imports, as somebody at a terminal runs them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
CHECKOUT = PACKAGE.parent
SECONDS = 300.0
PLAIN = {"NO_COLOR": "1", "FORCE_COLOR": "", "TERM": "dumb"}
"""For a program that would draw a bar where a notebook keeps its text: Jupyter asks for colours."""


@dataclass(frozen=True)
class Ran:
    """What a command printed, and its exit code: 0 where all is well."""

    code: int
    text: str

    def __repr__(self) -> str:
        return f"{self.text}\n(exit code {self.code})"


def run_command(home: Path, *arguments: str) -> Ran:
    """``canvas-demo ARGUMENT…`` on the stack in ``home``."""
    environment = {**os.environ, "CANVAS_DEMO_HOME": str(home)}
    return run_in(Path.cwd(), [sys.executable, "-m", "canvas_demo", *arguments], environment)


def check_imports(planted: Mapping[str, str] | None = None) -> Ran:
    """Check the import contracts of pyproject.toml on a copy of the package; ``planted``: file → a line more in it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / PACKAGE.name
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "node_modules", "static"))
        shutil.copy(CHECKOUT / "pyproject.toml", folder)
        for file, line in (planted or {}).items():
            with (copy / file).open("a") as source:
                source.write(f"\n{line}\n")
        code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as main; main()"
        command = [sys.executable, "-c", code, "--no-cache", "--no-logo"]
        return run_in(Path(folder), command, {**os.environ, **PLAIN})


def run_in(folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """One of our own commands, run in a folder."""
    done = subprocess.run(  # noqa: S603  (our own commands)
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    return Ran(done.returncode, "\n".join(filter(None, [done.stdout.strip(), done.stderr.strip()])))
