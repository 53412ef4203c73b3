"""What a notebook of the course says of itself: title, sections, parameters, claims and exercises."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.inputtransformer2 import TransformerManager

from canvas_demo.course.proofs import claims_in

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks"
EXERCISE, LINKS, PARAMETERS = "exercise", "course-links", "parameters"
"""Tags of cells."""


class NotebookError(ValueError):
    """A notebook is not of the course's form; says which, and what to do."""


@dataclass(frozen=True)
class About:
    """What ``metadata.canvas_demo`` of a notebook says.

    ``breaks_stack``: it runs alone, on a stack of its own; ``stack``: options of that stack's
    ``canvas-demo up``; ``ci``: values of parameters where tests run it; ``minutes``: of a learner.
    """

    minutes: int
    breaks_stack: bool = False
    stack: tuple[str, ...] = ()
    ci: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Notebook:
    """A notebook on disk."""

    path: Path

    @property
    def name(self) -> str:
        """Its file's name without the ending."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The two digits in front of its name."""
        return self.name.partition("-")[0]

    @cached_property
    def content(self) -> Any:
        """As nbformat reads it."""
        return nbformat.read(self.path, as_version=4)

    @cached_property
    def about(self) -> About:
        """Raises `NotebookError` where the metadata have other keys."""
        said = self.content.metadata.get("canvas_demo", {})
        try:
            return About(**{**said, "stack": tuple(said.get("stack", ()))})
        except TypeError as error:
            raise NotebookError(f"{self.path.name}, metadata.canvas_demo: {error}") from error

    @property
    def title(self) -> str:
        """The heading of the first cell."""
        return str(self.content.cells[0].source).partition("\n")[0].lstrip("# ")

    @property
    def lead(self) -> str:
        """The first paragraph, on one line."""
        return " ".join(str(self.content.cells[0].source).split("\n\n")[1].split())

    @property
    def sections(self) -> list[str]:
        """The headings of the second level."""
        lines = [
            line for cell in self.content.cells if cell.cell_type == "markdown" for line in cell.source.split("\n")
        ]
        return [line.removeprefix("## ") for line in lines if line.startswith("## ")]

    def tagged(self, tag: str) -> list[Any]:
        """The cells with a tag."""
        return [cell for cell in self.content.cells if tag in cell.metadata.get("tags", [])]

    @cached_property
    def claims(self) -> int:
        """How many claims stand in it."""
        return sum(len(claims_in(tree)) for tree in self.trees())

    def trees(self) -> Iterator[ast.Module]:
        """The code cells, parsed; magics as IPython calls them."""
        for cell in self.content.cells:
            if cell.cell_type == "code":
                yield ast.parse(TransformerManager().transform_cell(cell.source))


def all_notebooks(folder: Path = FOLDER) -> list[Notebook]:
    """The course, in its order."""
    return [Notebook(path) for path in sorted(folder.glob("[0-9][0-9]-*.ipynb"))]


def exercise_of(cell: Any) -> str:
    """The name of the exercise that a cell checks: it ends with ``NAME.check(answer)``. Raises `NotebookError`."""
    tree = ast.parse(cell.source)
    match tree.body[-1] if tree.body else None:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "check"), [_])):
            return name
    raise NotebookError(f"a cell tagged {EXERCISE!r} ends with NAME.check(answer), not with:\n{cell.source}")
