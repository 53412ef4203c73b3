"""The notebooks of a test run: each is run once, several at a time, before the first test that asks for one."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from canvas_demo.course.notebooks import ROOT, Notebook, all_notebooks
from canvas_demo.course.running import Outcome, run_all, table_of
from canvas_demo.stack.files import locked

ARTIFACTS = ROOT / "artifacts" / "notebooks"
OUTCOMES = pytest.StashKey[dict[str, Outcome]]()


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, stack: Any) -> dict[str, Outcome]:
    """What the run of each notebook showed, by its name; only those are run that a chosen test is about."""
    folder = Path(os.environ["CANVAS_DEMO_TEST_RUN"])
    kept = folder / "outcomes.json"
    with locked(folder / "notebooks.lock"):
        if not kept.exists():
            kept.write_text(json.dumps([asdict(each) for each in _run(request, stack).values()]))
    found = {each["name"]: Outcome(**each) for each in json.loads(kept.read_text())}
    request.config.stash[OUTCOMES] = found
    return found


def _run(request: pytest.FixtureRequest, stack: Any) -> dict[str, Outcome]:
    asked = {item.callspec.params.get("notebook") for item in request.session.items if hasattr(item, "callspec")}
    notebooks = [each for each in all_notebooks() if each in asked]
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")

    def tell(outcome: Outcome) -> None:
        if reporter:
            reporter.write_line(str(outcome))

    return run_all(notebooks, ARTIFACTS, stack.surroundings, tell)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The table of the notebooks that were run."""
    if found := config.stash.get(OUTCOMES, {}):
        terminalreporter.section("notebooks")
        terminalreporter.write_line("\n".join(table_of([*found.values()])))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``notebook`` is run for each."""
    if "notebook" in metafunc.fixturenames:
        metafunc.parametrize("notebook", all_notebooks(), ids=lambda notebook: notebook.name)


@pytest.fixture
def executed(notebook: Notebook, outcomes: dict[str, Outcome]) -> Path:
    """The notebook as it was executed, whole."""
    outcome = outcomes[notebook.name]
    assert not outcome.problem, outcome.problem
    return ARTIFACTS / notebook.path.name
