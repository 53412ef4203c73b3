"""``python -m canvas_demo.course``: what ``make course`` and the tests run."""

import sys
from pathlib import Path
from typing import Annotated

import nbformat
import typer

from canvas_demo.course import contents as table
from canvas_demo.course.committing import committed
from canvas_demo.course.notebooks import ROOT, Notebook, all_notebooks
from canvas_demo.course.pages import write_pages
from canvas_demo.course.running import Outcome, as_json, run_all, run_here, shared_stack, table_of

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
ARTIFACTS = ROOT / "artifacts"

Which = Annotated[list[str] | None, typer.Argument(help="Beginnings of the notebooks' names; all when left out.")]
Target = Annotated[Path, typer.Option(help="Where the executed notebooks go.")]


@app.command()
def run(which: Which = None, target: Target = ARTIFACTS / "notebooks") -> None:
    """Run notebooks as the tests do, on a stack that goes with them, and say what they showed."""
    with shared_stack() as environment:
        outcomes = run_all(_chosen(which), target, environment, _tell)
    print("\n".join(table_of([*outcomes.values()])))
    sys.exit(any(outcome.problem for outcome in outcomes.values()))


@app.command(hidden=True)
def one(path: Path, target: Path, *, by_hand: bool = False) -> None:
    """Run one notebook on the stack that the environment names; print its outcome as JSON."""
    print(as_json(run_here(Notebook(path), target, by_hand=by_hand)))


@app.command()
def contents() -> None:
    """Write notebooks/README.md, and each notebook's links to its neighbours."""
    for path in table.write():
        print(path.relative_to(ROOT))


@app.command()
def pages(target: Target = ARTIFACTS / "notebooks", pages: Path = ARTIFACTS / "course") -> None:
    """Make the HTML of the course from the executed notebooks."""
    print(f"The course: {write_pages(all_notebooks(), target, pages)}")


@app.command()
def keep(which: Which = None, target: Target = ARTIFACTS / "by-hand") -> None:
    """Run notebooks with the parameters that stand in them, and write what they print into notebooks/."""
    notebooks = _chosen(which)
    with shared_stack() as environment:
        outcomes = run_all(notebooks, target, environment, _tell, by_hand=True)
    for notebook in notebooks:
        if not outcomes[notebook.name].problem:
            executed = nbformat.read(target / notebook.path.name, as_version=4)
            nbformat.write(committed(notebook, executed), notebook.path)
    sys.exit(any(outcome.problem for outcome in outcomes.values()))


def _tell(outcome: Outcome) -> None:
    print(outcome, outcome.problem, sep="\n" if outcome.problem else "", flush=True)


def _chosen(which: list[str] | None) -> list[Notebook]:
    return [each for each in all_notebooks() if not which or each.name.startswith(tuple(which))]


app()
