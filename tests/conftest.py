"""The stack of a test run: real, on free ports, started by the first test that asks, ended with the run."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from canvas_demo.kernel.settings import Settings
from canvas_demo.stack.channel import is_running
from canvas_demo.stack.files import locked
from canvas_demo.stack.home import load_settings

SPLIT = "CANVAS_DEMO_TEST_SPLIT"
RUN_FOLDER = "CANVAS_DEMO_TEST_RUN"
START_SECONDS = 300
SPARING = {"CANVAS_DEMO_DEBEZIUM_POLL": "5"}
"""Tests need the processors that Debezium would spend on looking for changes every millisecond."""
APART = ("--split", "--instances", "canvases=2", "--instances", "notifications=2")
"""With CANVAS_DEMO_TEST_SPLIT each module runs apart, and two of them twice."""

# The same examples in every run, and no clock that decides; HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@dataclass(frozen=True)
class Stack:
    """A stack in a home, for tests."""

    home: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def cli(self, *arguments: str, check: bool = True, timeout: float = START_SECONDS) -> str:
        """Run ``canvas-demo ARGUMENT…`` on this stack; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "canvas_demo", *arguments],
            env=self.surroundings,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"canvas-demo {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout if check else done.stdout + done.stderr

    @property
    def surroundings(self) -> dict[str, str]:
        """The environment of this stack's commands: nothing of the caller's own stack, but its cache."""
        others = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CANVAS_DEMO_") or name == "CANVAS_DEMO_CACHE"
        }
        return {**others, "CANVAS_DEMO_HOME": str(self.home), "CANVAS_DEMO_PORTS": "auto", **self.variables}

    @property
    def env(self) -> dict[str, Any]:
        """The addresses, as ``env --json`` prints them."""
        found: dict[str, Any] = json.loads(self.cli("env", "--json"))
        return found

    @property
    def settings(self) -> Settings:
        return load_settings(self.home)

    def status(self) -> dict[str, dict[str, Any]]:
        """What ``status --json`` says, by component."""
        parts = json.loads(self.cli("status", "--json"))["components"]
        return {part["name"]: part for part in parts}


def pytest_configure(config: pytest.Config) -> None:
    """Name the folder that all workers of this run share."""
    if not hasattr(config, "workerinput"):
        os.environ[RUN_FOLDER] = tempfile.mkdtemp(prefix="canvas-demo-test-")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With the modules apart, run what asks the shared stack and needs no other; else what needs none of them apart."""
    split = bool(os.environ.get(SPLIT))

    def wanted(item: pytest.Item) -> bool:
        if split:
            return "stack" in getattr(item, "fixturenames", ()) and item.get_closest_marker("together") is None
        return item.get_closest_marker("apart") is None

    config.hook.pytest_deselected(items=[item for item in items if not wanted(item)])
    items[:] = [item for item in items if wanted(item)]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """End the run's stack, from the one process that outlives every worker."""
    if hasattr(session.config, "workerinput"):
        return
    folder = Path(os.environ[RUN_FOLDER])
    stack = Stack(folder / "home")
    if is_running(stack.home):
        stack.cli("down")
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack() -> Stack:
    """The stack that all tests of the run share; CANVAS_DEMO_TEST_HOME names one that runs already."""
    given = os.environ.get("CANVAS_DEMO_TEST_HOME")
    if given:
        return Stack(Path(given))
    folder = Path(os.environ[RUN_FOLDER])
    shared = Stack(folder / "home", SPARING)
    with locked(folder / "lock"):
        if not is_running(shared.home):
            shared.cli("up", "--detach", "--websocket-hosts", "2", *(APART if os.environ.get(SPLIT) else ()))
    return shared


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A home of the test's own, with nothing in it yet; what runs there is ended with the test."""
    own = Stack(tmp_path / "home")
    yield own
    if is_running(own.home):
        own.cli("down")
