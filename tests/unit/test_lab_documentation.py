"""Everything that a notebook can call is written down in docs/lab.md."""

import re
from pathlib import Path

import pytest

import canvas_demo.lab as labs

PAGE = (Path(__file__).parents[2] / "docs" / "lab.md").read_text()
CALLS = sorted(name for name in dir(labs.Lab) if not name.startswith("_"))


@pytest.mark.parametrize("name", CALLS)
def test_every_public_call_of_the_lab_is_documented(name: str) -> None:
    assert re.search(rf"`[^`]*\blab\.{name}\b[^`]*`", PAGE), f"docs/lab.md does not tell of lab.{name}"


def test_no_call_is_documented_that_there_is_not() -> None:
    told = {name for code in re.findall(r"`([^`]+)`", PAGE) for name in re.findall(r"\blab\.([a-z_]+)", code)}
    assert told - {"environment"} <= set(CALLS)
