"""The table of contents, and each notebook's links to the one before and the one after: written here, never by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat

from canvas_demo.course.notebooks import FOLDER, LINKS, Notebook, NotebookError, all_notebooks

README = """\
# The course

Each notebook is a lesson of its own: predict, run, explain, break, an exercise, a summary. Run the cells from top to
bottom with **Shift+Enter**. All of them work on one stack, which `connect()` finds, or starts; what a notebook makes is
its own, so they can be run in any order, twice, and side by side. Those that freeze a part, or write everybody's tables
anew, take turns for that. Nobody else should be at work on it for 11 and 12, which break and change it throughout.

{rows}

To see what the stack does meanwhile: the launcher's tiles *Canvas Demo* and *Stack status*, or `canvas-demo status`.
"""


def readme(notebooks: Sequence[Notebook]) -> str:
    """notebooks/README.md."""
    rows = ["| | lesson | minutes |", "|---|---|---|"]
    rows += [
        f"| {each.number} | [{each.title}]({each.path.name})<br>{each.lead} | {each.about.minutes} |"
        for each in notebooks
    ]
    return README.format(rows="\n".join(rows))


def links(notebooks: Sequence[Notebook], at: int) -> str:
    """The text of the cell tagged ``course-links`` in the notebook number ``at``."""
    parts = ["[Contents](README.md)"]
    if at > 0:
        before = notebooks[at - 1]
        parts.insert(0, f"← [{before.number}, {before.title}]({before.path.name})")
    if at + 1 < len(notebooks):
        after = notebooks[at + 1]
        parts.append(f"[{after.number}, {after.title}]({after.path.name}) →")
    return " · ".join(parts)


def stale(folder: Path = FOLDER) -> list[Path]:
    """The files whose contents or links are not those of the notebooks that there are."""
    notebooks = all_notebooks(folder)
    found = [each.path for at, each in enumerate(notebooks) if _cell(each).source != links(notebooks, at)]
    page = folder / "README.md"
    if not page.exists() or page.read_text() != readme(notebooks):
        found.append(page)
    return found


def write(folder: Path = FOLDER) -> list[Path]:
    """Bring contents and links up to date; the files that were changed."""
    notebooks = all_notebooks(folder)
    changed = stale(folder)
    for at, each in enumerate(notebooks):
        _cell(each).source = links(notebooks, at)
        if each.path in changed:
            nbformat.write(each.content, each.path)
    (folder / "README.md").write_text(readme(notebooks))
    return changed


def _cell(notebook: Notebook) -> Any:
    found = notebook.tagged(LINKS)
    if len(found) != 1:
        raise NotebookError(
            f"{notebook.path.name} has {len(found)} cells tagged {LINKS!r}; one markdown cell is wanted."
        )
    return found[0]
