"""What a live table keeps of more rows than it shows."""

import pytest

from canvas_demo.lab.widgets.live_table import KEPT, LiveTable, Row


@pytest.fixture
def come() -> list[Row]:
    return []


@pytest.fixture
def table(come: list[Row]) -> LiveTable:
    def more() -> list[Row]:
        rows = list(come)
        come.clear()
        return rows

    table = LiveTable("Rows", ["number"], more)
    table.stop()  # looks when it is told to
    return table


def rows(key: str, count: int) -> list[Row]:
    return [Row(f"{key}-{number}", key, "Happened", [str(number)], "", {}) for number in range(count)]


def keys(table: LiveTable) -> list[str]:
    return list(table.frame["filter_key"])


def test_the_newest_are_kept(table: LiveTable, come: list[Row]) -> None:
    come += [*rows("old", 10), *rows("new", KEPT)]
    table.look()
    assert keys(table) == ["new"] * KEPT
    assert [row["key"] for row in table.rows] == keys(table)


def test_the_view_is_told_of_each_that_comes(table: LiveTable, come: list[Row]) -> None:
    told: list[int] = []
    table.observe(lambda change: told.append(len(change["new"])), "rows")
    for _ in range(3):
        come += rows("one", 1)
        table.look()
    assert told == [1, 2, 3]


def test_what_others_do_takes_nothing_that_fits_the_filter(table: LiveTable, come: list[Row]) -> None:
    table.filter_key = "mine"
    come += [*rows("mine", 3), *rows("others", 2 * KEPT)]
    table.look()
    assert keys(table) == ["mine"] * 3


@pytest.mark.parametrize("by_the_button", [True, False])
def test_what_is_held_stays_however_much_comes(table: LiveTable, come: list[Row], *, by_the_button: bool) -> None:
    come += rows("held", 5)
    table.look()
    if by_the_button:
        table.set_state({"paused": True})
    else:
        table.pause()
    come += rows("new", 2 * KEPT)
    table.look()
    assert keys(table) == ["held"] * 5 + ["new"] * KEPT
    assert table.waiting == KEPT
    table.go_on()
    come += rows("newer", 1)
    table.look()
    assert keys(table) == ["new"] * (KEPT - 1) + ["newer"]
