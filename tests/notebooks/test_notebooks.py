"""Every notebook runs from top to bottom on the real stack; its claims can fail, and its exercises hold."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat

from canvas_demo.course.committing import FIXED
from canvas_demo.course.contents import stale
from canvas_demo.course.notebooks import EXERCISE, LINKS, PARAMETERS, Notebook, all_notebooks, exercise_of
from canvas_demo.course.running import Outcome


def test_a_notebook_runs_with_every_claim_able_to_fail_and_every_exercise_solved(
    notebook: Notebook, outcomes: dict[str, Outcome]
) -> None:
    outcome = outcomes[notebook.name]
    assert not outcome.problem, outcome.problem
    assert outcome.claims == notebook.claims > 0
    assert outcome.exercises == len(notebook.tagged(EXERCISE)) > 0


def test_the_cells_whose_output_is_fixed_print_what_is_committed(notebook: Notebook, executed: Path) -> None:
    """The rule of ``nbval --nbval-lax``, held on the run that is there already."""
    ran = {cell.id: cell for cell in nbformat.read(executed, as_version=4).cells}
    fixed = notebook.tagged(FIXED)
    assert fixed
    for cell in fixed:
        assert _printed(ran[cell.id]) == _printed(cell), cell.source


def test_nbval_holds_the_first_notebook(stack: Any) -> None:
    first = all_notebooks()[0]
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "--nbval-lax", "--nbval-current-env"]
    command = [sys.executable, "-m", "pytest", *options, "-c", os.devnull, "--rootdir", str(first.path.parent)]
    done = subprocess.run(
        [*command, str(first.path)],
        env=stack.surroundings,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_notebook_is_a_lesson(notebook: Notebook) -> None:
    nbformat.validate(notebook.content)
    cells = notebook.content.cells
    assert re.match(r"# .+\n\n.+", cells[0].source), "a title and what it is about come first"
    assert "lab.assert_no_background_errors()" in cells[-1].source
    assert len(notebook.tagged(PARAMETERS)) == 1
    assert [cell.cell_type for cell in notebook.tagged(LINKS)] == ["markdown"]
    assert all(exercise_of(cell) for cell in notebook.tagged(EXERCISE))
    prose = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert {"Summary", "Exercise"} <= {section.split()[0].rstrip("s").rstrip(":") for section in notebook.sections}
    assert "**Predict:**" in prose
    assert "**Where the code is:**" in prose


def test_the_code_that_a_notebook_names_is_there(notebook: Notebook) -> None:
    prose = "\n".join(cell.source for cell in notebook.content.cells if cell.cell_type == "markdown")
    root = notebook.path.parents[1]
    named = re.findall(r"`((?:canvas_demo|connectors|proto|compose|tests|binder|docs)/[\w./-]+)`", prose)
    assert named
    assert [name for name in named if not (root / name).exists()] == []


def test_a_notebook_tells_nothing_of_the_machine_that_ran_it(notebook: Notebook) -> None:
    assert not re.search(r"/(root|home|work|Users|tmp)/\w", notebook.path.read_text())


def test_contents_and_links_are_those_of_the_notebooks_that_there_are() -> None:
    assert stale() == [], "run: make contents"


def _printed(cell: Any) -> list[str]:
    """What it printed, whole, for a kernel sends it in as many pieces as it likes; then each value that it showed."""
    streams = "".join(output["text"] for output in cell.outputs if output["output_type"] == "stream")
    return [streams, *(output["data"]["text/plain"] for output in cell.outputs if "data" in output)]
