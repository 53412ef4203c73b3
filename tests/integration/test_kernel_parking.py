"""A record that can't be handled waits with those of its key behind it, and all others go on."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from canvas_demo.kernel.database import Connection, open_pool
from canvas_demo.kernel.errors import Unavailable
from canvas_demo.kernel.kafka import Delivered
from canvas_demo.kernel.parking import QUERIES
from tests.integration.effects import Effects, headers_of, quick

ALWAYS = 1000


@pytest.fixture
async def effects(stack: Any) -> AsyncIterator[Effects]:
    settings = quick(stack.settings)
    async with open_pool(settings, "canvases") as pool:
        yield Effects(settings, pool)


def ids(number: int) -> list[str]:
    return [str(uuid4()) for _ in range(number)]


async def test_a_record_that_keeps_failing_is_parked_and_all_other_keys_go_on(effects: Effects) -> None:
    poison, behind, other, further = ids(4)
    effects.fail_at = {poison: ALWAYS}
    async with effects.running():
        effects.produce(poison, behind)
        effects.produce(other, key="b")
        await effects.until(other)
        rows = await effects.until_parked([(poison, 3), (behind, 0)])
        effects.produce(further, key="b")
        await effects.until(other, further)
    assert "the reaction failed" in rows[0]["reason"]
    assert "waits for an earlier record" in rows[1]["reason"]


async def test_one_that_succeeds_at_a_later_attempt_is_followed_by_those_behind_it_in_order(effects: Effects) -> None:
    first, second, third, fourth = ids(4)
    effects.fail_at = {first: 2, third: 1}
    async with effects.running():
        effects.produce(first, second, third, fourth)
        await effects.until(first, second, third, fourth)
        await effects.until_parked([])


async def test_a_record_that_is_no_event_is_parked_at_once_with_what_is_wrong(effects: Effects) -> None:
    good, behind, other = ids(3)
    whole = headers_of(str(uuid4()), f"{effects.type}/a")
    without_type = {name: value for name, value in whole.items() if name != "ce_type"}
    async with effects.running():
        effects.produce(good)
        await effects.until(good)
        effects.produce_record("a", without_type, b"{}")
        effects.produce_record("b", {**whole, "ce_id": "no uuid"}, b"{}")
        effects.produce_record("c", whole, b"{not json")
        effects.produce_record("d", whole, b"\xff\x00[]")
        effects.produce_record(None, {}, b"")
        effects.produce(behind)
        effects.produce(other, key="e")
        await effects.until(good, other)
    reasons = {row["key"]: row["reason"] for row in await effects.parked() if row["event_id"] != behind}
    assert reasons.keys() == {"a", "b", "c", "d", None}
    assert "no header ce_type" in reasons["a"]
    assert "make no sense" in reasons["b"]
    assert "no JSON" in reasons["c"]
    assert "no JSON" in reasons["d"]
    assert [row["event_id"] for row in await effects.parked() if row["position"] != row["head"]] == [behind]


@pytest.mark.parametrize(
    "error",
    [
        Unavailable("the module does not answer"),
        psycopg.OperationalError("the connection is gone"),
        psycopg.errors.AdminShutdown("the server stops"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_fails_because_its_surroundings_do_is_never_parked(effects: Effects, error: Exception) -> None:
    one, two = ids(2)
    effects.error = error
    effects.fail_at = {one: 6}  # twice as often as would park it
    effects.produce(one, two)
    async with effects.running():
        await effects.until(one, two)
        await effects.until_parked([])
        third, fourth = ids(2)
        effects.fail_at = {third: 6}
        effects.produce(third, fourth)
        await effects.until(one, two, third, fourth)
        await effects.until_parked([])


async def test_a_record_that_was_parked_and_comes_again_stays_parked_once(effects: Effects) -> None:
    poison, behind, last = ids(3)
    effects.fail_at = {poison: ALWAYS}
    async with effects.running():
        effects.produce(poison, behind, poison, behind)
        effects.produce(last, key="b")
        await effects.until(last)
        await effects.until_parked([(poison, 3), (behind, 0)])


async def test_an_error_of_postgresql_that_is_the_reactions_fault_parks(effects: Effects) -> None:
    (poison,) = ids(1)

    async def divide(connection: Connection, _: Delivered) -> None:
        await connection.execute("SELECT 1 / 0")

    async with effects.running(divide):
        effects.produce(poison)
        (row,) = await effects.until_parked([(poison, 3)])
    assert "division by zero" in row["reason"]


async def test_the_head_that_is_retried_by_hand_is_followed_by_those_behind_it(stack: Any, effects: Effects) -> None:
    poison, behind, later = ids(3)
    effects.fail_at = {poison: 3 + 1}
    async with effects.running():
        effects.produce(poison, behind)
        rows = await effects.until_parked([(poison, 3), (behind, 0)])
        head, second = (f"canvases/{row['position']}" for row in rows)
        assert "the reaction failed" in await cli(stack, "parked", "list")
        shown = json.loads(await cli(stack, "parked", "show", head, "--json"))
        assert (shown["event_id"], shown["key"], shown["attempts"]) == (poison, "a", 3)
        assert f"waits behind {head}" in await cli(stack, "parked", "retry", second, check=False)
        assert "failed again" in await cli(stack, "parked", "retry", head)
        assert await effects.effects() == []
        assert "is handled" in await cli(stack, "parked", "retry", head)
        effects.produce(later)
        await effects.until(poison, behind, later)
        await effects.until_parked([])


async def test_a_head_that_is_dropped_has_no_effect_ever_and_lets_the_rest_go_on(stack: Any, effects: Effects) -> None:
    poison, behind, later = ids(3)
    effects.fail_at = {poison: 3}
    async with effects.running():
        effects.produce(poison, behind)
        head, _ = await effects.until_parked([(poison, 3), (behind, 0)])
        assert "Dropped" in await cli(stack, "parked", "drop", f"canvases/{head['position']}", "--yes")
        await effects.until(behind)
        effects.produce(poison, later)  # Debezium may publish it again
        await effects.until(behind, later)


async def test_what_is_retried_while_no_consumer_runs_is_tried_when_one_starts(effects: Effects) -> None:
    poison, behind = ids(2)
    effects.fail_at = {poison: 3}
    async with effects.running():
        effects.produce(poison, behind)
        head, _ = await effects.until_parked([(poison, 3), (behind, 0)])
    async with effects.pool.connection() as connection:
        await connection.execute(QUERIES["retry"], [head["position"]])
    async with effects.running():
        await effects.until(poison, behind)


async def cli(stack: Any, *arguments: str, check: bool = True) -> str:
    """``canvas-demo ARGUMENT…``, while the consumer runs on in this process."""
    return str(await asyncio.to_thread(stack.cli, *arguments, check=check))
