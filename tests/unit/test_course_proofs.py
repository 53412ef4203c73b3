"""A claim is proven where another value makes it fail, and refused where none does."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from canvas_demo.course.proofs import PROVE, Proofs, Proving, Unproven
from canvas_demo.lab.checks import expect, expect_none

SEEN = {
    "name": "Vegetables",
    "count": 3,
    "frame": pd.DataFrame({"state": ["running", "done"], "lag": [0, 2]}),
    "events": [{"id": "e1"}, {"id": "e2"}],
    "at": datetime(2026, 1, 1, tzinfo=UTC),
    "record": {"key": "k", "headers": {"ce_id": "e1"}},
    "nothing": None,
}


@pytest.fixture
def proofs() -> Iterator[Proofs]:
    return Proofs()


def run(source: str, proofs: Proofs, **more: Any) -> None:
    tree = Proving().visit(ast.parse(source))
    exec(
        compile(tree, "cell", "exec"),
        {**SEEN, "expect": expect, "expect_none": expect_none, PROVE: proofs.prove, **more},
    )


@pytest.mark.parametrize(
    "condition",
    [
        'name == "Vegetables"',
        "count > 2",
        'frame["state"].isin(["running", "done"])',
        'frame["lag"] >= 0',
        '[event["id"].startswith("e") for event in events]',
        'set(event["id"] for event in events) == {"e1", "e2"}',
        "at <= at.replace(year=2027)",
        'record["headers"]["ce_id"] == "e1"',
        "nothing is None",
        'not name == "Herbs" and count == 3',
        '"running" in set(frame["state"])',
        "[len(events) == 2, count < 4]",
        "len(frame) == 2",
        "frame.empty is False",
        "len(frame.iloc[:0]) == 0",
        'frame["lag"].iloc[:0].empty',
        "len(record) == 2",
        "len(frame.iloc[:0, :0]) == 0",
        'any(event["id"] == "e2" for event in events)',
    ],
)
def test_a_claim_about_what_was_seen_can_fail(condition: str, proofs: Proofs) -> None:
    run(f'expect({condition}, "it holds")', proofs)
    assert proofs.proven == {1}


@pytest.mark.parametrize(
    "condition",
    [
        "True",
        "name == name",
        "len(events) >= 0",
        "1 + 1 == 2",
        'name == "Vegetables" or True',
        'name == "Vegetables" and 2 > 1',
        "[count == 3, True]",
    ],
)
def test_a_claim_that_always_holds_is_refused(condition: str, proofs: Proofs) -> None:
    with pytest.raises(Unproven, match="can't fail"):
        run(f'expect({condition}, "it holds")', proofs)


def test_a_claim_in_a_block_is_proven_in_it(proofs: Proofs) -> None:
    run('for event in events:\n    if event:\n        expect(event["id"] != "e3", "it holds")', proofs)
    assert proofs.proven == {1}


def test_a_claim_that_nothing_comes_is_proven(proofs: Proofs) -> None:
    come: list[str] = []
    run('expect_none(lambda: come, "nothing comes yet", during=0.01)', proofs, come=come)
    come.append("e1")
    proofs.prove_looks()
    assert proofs.proven == {1}


def test_a_claim_that_nothing_comes_is_refused_where_its_look_finds_nothing_to_the_end(proofs: Proofs) -> None:
    run('expect_none(lambda: [], "nothing comes", during=0.01)', proofs)
    with pytest.raises(Unproven, match="can't fail"):
        proofs.prove_looks()


def test_a_call_of_the_system_is_made_with_what_stands_there(proofs: Proofs) -> None:
    asked = []

    def ask(id_: str) -> str:
        asked.append(id_)
        return "Vegetables"

    run('expect(ask("e1") == name, "it holds")', proofs, ask=ask)
    assert set(asked) == {"e1"}


def test_each_claim_has_a_number(proofs: Proofs) -> None:
    run('expect(count == 3, "a")\nif count > 5:\n    expect(count == 6, "b")\nexpect(count < 4, "c")', proofs)
    assert proofs.proven == {1, 3}
