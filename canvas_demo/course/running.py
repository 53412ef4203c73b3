"""One run of a notebook shows everything: that it goes through, that its claims can fail, that its exercises hold."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat

from canvas_demo.course.inside import REPORT
from canvas_demo.course.notebooks import EXERCISE, FOLDER, Notebook, exercise_of

CELL_SECONDS = 180
"""How long one cell may run. Only papermill's own limit holds, also for a cell that waits in C."""
ADDED = "course-harness"
"""Tag of the cells that the harness adds; they are removed from what it keeps."""
NOT_YET = "✗ Not yet"
WORKERS = 2


@dataclass(frozen=True)
class Outcome:
    """What a run showed; ``problem`` is empty where everything held."""

    name: str
    seconds: float
    cells: int = 0
    claims: int = 0
    exercises: int = 0
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return f"✗ {self.name} after {self.seconds:.0f} s"
        return f"✓ {self.name} in {self.seconds:.0f} s: {self.claims} claims, {self.exercises} exercises"


def run_all(
    notebooks: Sequence[Notebook],
    target: Path,
    environment: Mapping[str, str],
    tell: Callable[[Outcome], None],
    *,
    by_hand: bool = False,
) -> dict[str, Outcome]:
    """Run notebooks, two at a time: first on one stack, then those that break it, each on a stack of its own.

    ``environment`` names the stack that is shared; executed notebooks go to ``target``. ``by_hand``: one at a
    time, with the parameters that stand in them.
    """
    found = {}

    def run(notebook: Notebook) -> Outcome:
        if not notebook.about.breaks_stack:
            return run_apart(notebook, target, environment, by_hand=by_hand)
        with own_stack(notebook.about.stack) as own:
            return run_apart(notebook, target, own, by_hand=by_hand)

    for breaks in (False, True):
        with ThreadPoolExecutor(1 if by_hand else WORKERS) as pool:
            running = [pool.submit(run, notebook) for notebook in notebooks if notebook.about.breaks_stack == breaks]
            for done in as_completed(running):
                outcome = done.result()
                tell(outcome)
                found[outcome.name] = outcome
    return found


def run_apart(notebook: Notebook, target: Path, environment: Mapping[str, str], *, by_hand: bool = False) -> Outcome:
    """Run a notebook from a process of its own, since the environment of its kernel is the process's."""
    began = time.monotonic()
    command = [sys.executable, "-m", "canvas_demo.course", "one", str(notebook.path), str(target / notebook.path.name)]
    command += ["--by-hand"] if by_hand else []
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)  # noqa: S603
    try:
        return Outcome(**json.loads(done.stdout.rpartition("\n")[2] or done.stdout.splitlines()[-1]))
    except (ValueError, IndexError, TypeError):
        problem = f"{done.stdout}\n{done.stderr}"
        return Outcome(notebook.name, time.monotonic() - began, problem=problem)


@contextmanager
def shared_stack() -> Iterator[dict[str, str]]:
    """The stack in the home that CANVAS_DEMO_TEST_HOME names, else one for the block."""
    given = os.environ.get("CANVAS_DEMO_TEST_HOME")
    if given:
        yield {**os.environ, "CANVAS_DEMO_HOME": given}
        return
    with own_stack(["--websocket-hosts", "2"]) as environment:
        yield environment


@contextmanager
def own_stack(options: Sequence[str] = ()) -> Iterator[dict[str, str]]:
    """A stack for the block, in a folder that goes with it; the environment that names it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CANVAS_DEMO_")}
    cache = {name: value for name, value in os.environ.items() if name == "CANVAS_DEMO_CACHE"}
    with tempfile.TemporaryDirectory(prefix="canvas-demo-course-") as home:
        environment = {**kept, **cache, "CANVAS_DEMO_HOME": home, "CANVAS_DEMO_PORTS": "auto"}
        command = [sys.executable, "-m", "canvas_demo"]
        subprocess.run([*command, "up", "--detach", *options], env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        try:
            yield environment
        finally:
            subprocess.run([*command, "down"], env=environment, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


# --- in the process of its own -----------------------------------------------------------------------------


def run_here(notebook: Notebook, target: Path, *, by_hand: bool = False) -> Outcome:
    """Run it on the stack that the environment names, and keep it as it was executed in ``target``."""
    from papermill.exceptions import PapermillExecutionError

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="canvas-demo-notebook-") as folder:
        prepared = Path(folder) / notebook.path.name
        nbformat.write(with_proofs(notebook), prepared)
        _use_this_interpreter(Path(folder))
        try:
            executed = _execute(prepared, target, {} if by_hand else notebook.about.ci)
            report = _report_of(executed)
            problem = _problem_of(notebook, executed, report)
        except PapermillExecutionError as error:
            return Outcome(notebook.name, time.monotonic() - began, problem=_without_colours(str(error)))
    seconds = time.monotonic() - began
    executed.cells = [cell for cell in executed.cells if not _is(cell, ADDED)]
    nbformat.write(executed, target)
    cells = sum(cell.cell_type == "code" for cell in executed.cells)
    return Outcome(notebook.name, round(seconds, 1), cells, **report, problem=problem)


def with_proofs(notebook: Notebook) -> Any:
    """The notebook with the harness's cells: at its beginning, after each exercise, and at its end."""
    copy = nbformat.from_dict(notebook.content)
    cells = [_added("from canvas_demo.course.inside import course\ncourse.begin()")]
    for cell in copy.cells:
        cells.append(cell)
        if _is(cell, EXERCISE):
            cells.append(_added(f"course.solve({exercise_of(cell)})"))
    closing = cells.pop() if cells[-1].cell_type == "code" else None  # it closes the lab: solutions want it open
    copy.cells = [*cells, *([closing] if closing else []), _added("course.report()")]
    return copy


def _execute(prepared: Path, target: Path, parameters: Mapping[str, Any]) -> Any:
    import papermill

    target.parent.mkdir(parents=True, exist_ok=True)
    return papermill.execute_notebook(
        prepared,
        target,
        parameters=dict(parameters),
        execution_timeout=CELL_SECONDS,
        progress_bar=False,
        kernel_name="python3",
        cwd=FOLDER,
    )


def _use_this_interpreter(folder: Path) -> None:
    """Have the kernel python3 be this interpreter's, whatever kernels the machine has."""
    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "Python 3", "language": "python"}))
    os.environ.update({"JUPYTER_PATH": str(folder), "IPYTHONDIR": str(folder / "ipython")})


def _problem_of(notebook: Notebook, executed: Any, report: Mapping[str, int]) -> str:
    """What does not hold though every cell went through."""
    taken = [cell.source for cell in executed.cells if _is(cell, EXERCISE) and NOT_YET not in str(cell.outputs)]
    if taken:
        return "The check takes the placeholder:\n" + "\n".join(taken)
    if report["claims"] != notebook.claims:
        return (
            f"{notebook.claims} claims stand in the notebook, {report['claims']} were made: give each a cell that runs."
        )
    return ""


def _report_of(executed: Any) -> dict[str, int]:
    text: str = executed.cells[-1].outputs[0]["text"]
    found: dict[str, int] = json.loads(text.removeprefix(REPORT))
    return found


def _added(source: str) -> Any:
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata["tags"] = [ADDED]
    return cell


def _is(cell: Any, tag: str) -> bool:
    return tag in cell.metadata.get("tags", [])


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def as_json(outcome: Outcome) -> str:
    """One line for the process that asked."""
    return json.dumps(asdict(outcome))


def table_of(outcomes: Sequence[Outcome]) -> list[str]:
    """The summary: notebook, seconds, cells, claims, exercises."""
    lines = [f"{'notebook':34} {'seconds':>8} {'cells':>6} {'claims':>7} {'exercises':>10}"]
    lines += [
        f"{one.name:34} {one.seconds:8.1f} {one.cells:6} {one.claims:7} {one.exercises:10}"
        + ("  FAILED" if one.problem else "")
        for one in sorted(outcomes, key=lambda one: one.name)
    ]
    total = (sum(getattr(one, name) for one in outcomes) for name in ("seconds", "cells", "claims", "exercises"))
    seconds, cells, claims, exercises = total
    lines.append(f"{'':34} {seconds:8.1f} {cells:6} {claims:7} {exercises:10}")
    return lines
