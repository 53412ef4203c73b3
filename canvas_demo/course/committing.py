"""A notebook as it is committed: with the outputs of a real run, in which the parts that always change are replaced.

Ids, made-up names and ports are numbered in the order in which they appear; times and figures stay
those of the run, since they are what there is to read.
"""

import re
from collections.abc import Callable
from typing import Any

import nbformat

from canvas_demo.course.notebooks import Notebook

FIXED = "nbval-check-output"
"""Tag of the cells whose output is the same in every run (https://nbval.readthedocs.io)."""
CHANGING: tuple[tuple[str, Callable[[int], str]], ...] = (
    (
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
        lambda n: f"00000000-0000-7000-8000-{n:012x}",
    ),
    (r"\b[0-9a-f]{32}\b", lambda n: f"{n:032x}"),
    (r"(?:(?<=[-_])|(?<=garden ))[0-9a-f]{8}\b(?!-)", lambda n: f"{n:08x}"),
    (r"(?<=127\.0\.0\.1:)[0-9]{4,5}\b", lambda n: str(3000 + n)),
)
"""What differs in every run, and what stands there instead."""


def committed(notebook: Notebook, executed: Any) -> Any:
    """The notebook with the outputs of ``executed``, which papermill has run."""
    sources = {cell.id: cell for cell in notebook.content.cells}
    ran = {cell.id: cell for cell in executed.cells if cell.id in sources}
    outputs = {id_: cell.outputs for id_, cell in ran.items() if cell.cell_type == "code"}
    widgets = executed.metadata.get("widgets")
    found = with_parts_replaced({"outputs": outputs, "widgets": widgets})
    made = nbformat.from_dict(notebook.content)
    for number, cell in enumerate([cell for cell in made.cells if cell.cell_type == "code"], start=1):
        cell.execution_count = number
        cell.outputs = [_numbered(output, number) for output in _joined(nbformat.from_dict(found["outputs"][cell.id]))]
        _tag(cell)
    made.metadata.pop("widgets", None)
    if found["widgets"]:
        made.metadata["widgets"] = nbformat.from_dict(found["widgets"])
    return made


def with_parts_replaced(value: Any) -> Any:
    """The JSON value with what changes numbered in its texts, each the same everywhere."""
    known: dict[str, dict[str, str]] = {pattern: {} for pattern, _ in CHANGING}

    def in_text(text: str) -> str:
        for pattern, named in CHANGING:
            numbers = known[pattern]
            for found in re.findall(pattern, text):
                numbers.setdefault(found, named(len(numbers) + 1))
            text = re.sub(pattern, lambda match, numbers=numbers: numbers[match[0]], text)  # type: ignore[misc]
        return text

    def replaced(value: Any) -> Any:
        match value:
            case str():
                return in_text(value)
            case list():
                return [replaced(each) for each in value]
            case dict():
                return {in_text(key): replaced(each) for key, each in value.items()}
        return value

    return replaced(value)


def _joined(outputs: list[Any]) -> list[Any]:
    """Pieces of one stream as one: the kernel sends what is printed in as many as it likes."""
    made: list[Any] = []
    for output in outputs:
        before = made[-1] if made else {}
        if output.output_type == "stream" and before.get("name") == output.name:
            before["text"] += output.text
        else:
            made.append(output)
    return made


def _numbered(output: Any, number: int) -> Any:
    if output.output_type == "execute_result":
        output.execution_count = number
    return output


def _tag(cell: Any) -> None:
    """A cell that prints nothing but claims prints the same in every run."""
    lines = [line for output in cell.outputs for line in output.get("text", "?").splitlines()]
    tags = [tag for tag in cell.metadata.get("tags", []) if tag != FIXED]
    if lines and all(line.startswith("✓") for line in lines):
        tags.append(FIXED)
    cell.metadata["tags"] = tags
