"""Every notebook runs from top to bottom on the real stack, and can fail."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
import pytest
from papermill.exceptions import PapermillExecutionError

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ARTIFACTS = ROOT / "artifacts" / "notebooks"
CELL_SECONDS = 180

MUTATIONS = {
    "00-start-here": ('record.key == canvas["id"]', 'record.key == "another"'),
    "08-journey-of-an-event": ('sealed.startswith("sealed:")', 'sealed == "plan.txt"'),
}
"""Notebook → what one of its claims says, and what it does not hold for."""


@pytest.fixture
def surroundings(stack: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The notebook's kernel is this interpreter, and finds the stack of the run."""
    for name in [name for name in os.environ if name.startswith("CANVAS_DEMO_")]:
        monkeypatch.delenv(name)
    for name, value in stack.surroundings.items():
        monkeypatch.setenv(name, value)
    kernel = tmp_path / "kernels" / "python3"
    kernel.mkdir(parents=True)
    (kernel / "kernel.json").write_text(
        f'{{"argv": ["{sys.executable}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"],'
        ' "display_name": "Python 3", "language": "python"}'
    )
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def run(notebook: Path, target: Path) -> Any:
    target.parent.mkdir(parents=True, exist_ok=True)
    return papermill.execute_notebook(
        notebook, target, execution_timeout=CELL_SECONDS, progress_bar=False, cwd=ROOT / "notebooks"
    )


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("surroundings")
def test_a_notebook_runs_and_its_placeholder_does_not_pass(notebook: Path) -> None:
    done = run(notebook, ARTIFACTS / notebook.name)
    checks = [cell for cell in done.cells if "exercise" in cell.metadata.get("tags", [])]
    assert checks
    assert all("Not yet" in str(cell.outputs) for cell in checks)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("surroundings")
def test_the_solution_of_an_exercise_passes_its_check(notebook: Path, tmp_path: Path) -> None:
    solved = rewritten(notebook, tmp_path, "answer = ...", "answer = exercise.solution()")
    done = run(solved, tmp_path / "solved.ipynb")
    checks = [cell for cell in done.cells if "exercise" in cell.metadata.get("tags", [])]
    assert all("✓" in str(cell.outputs) and "Not yet" not in str(cell.outputs) for cell in checks)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.usefixtures("surroundings")
def test_a_claim_that_does_not_hold_fails_the_notebook(notebook: Path, tmp_path: Path) -> None:
    mutated = rewritten(notebook, tmp_path, *MUTATIONS[notebook.stem])
    with pytest.raises(PapermillExecutionError, match="Unmet"):
        run(mutated, tmp_path / "mutated.ipynb")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_prose_stands_before_every_claim_and_no_output_tells_of_a_machine(notebook: Path) -> None:
    read = nbformat.read(notebook, as_version=4)
    nbformat.validate(read)
    assert read.cells[0].cell_type == "markdown"
    assert any("parameters" in cell.metadata.get("tags", []) for cell in read.cells)
    assert not re.search(r"/(root|home|work|Users)/", notebook.read_text())


def rewritten(notebook: Path, folder: Path, old: str, new: str) -> Path:
    """A copy of the notebook in which ``old``, which stands there once, is ``new``."""
    copy = folder / notebook.name
    shutil.copy(notebook, copy)
    read = nbformat.read(copy, as_version=4)
    cells = [cell for cell in read.cells if old in cell.source]
    assert len(cells) == 1, f"{old!r} stands in {len(cells)} cells"
    cells[0].source = cells[0].source.replace(old, new)
    nbformat.write(read, copy)
    return copy
