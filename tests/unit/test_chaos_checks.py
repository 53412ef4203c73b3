"""What is judged after a chaos run: a good run passes, and each thing that can go wrong is seen by its check."""

import json
from dataclasses import replace
from typing import Any

import pytest

from canvas_demo.chaos.checks import CHECKS, judge
from canvas_demo.chaos.evidence import Evidence, Row
from canvas_demo.chaos.faults import DO
from canvas_demo.chaos.load import Command, Ledger
from canvas_demo.chaos.plan import FAULTS, NOTES, Choices, faults_of, moments
from canvas_demo.chaos.run import Happened, Outcome, Plan, as_json, await_accepted
from canvas_demo.chaos.subscriber import Gap, Seen, View
from canvas_demo.modules.notifications.store import KEEP

SUBJECT, FILE = "canvas/c", "file/f"
EVENTS = 6


def of_item(status: str) -> dict[str, Any]:
    return {"item_id": "i", "file_id": "f", "file": {"status": status}}


def good() -> Evidence:
    """A canvas with six events, of which a subscriber saw those after the first; and a file that was uploaded."""
    rows = [Row(f"e{at}", SUBJECT, at, "CanvasRenamed", f"command {at}", {}) for at in range(1, EVENTS - 1)]
    rows.append(Row("e5", SUBJECT, 5, "ItemPlaced", "command 5", of_item("PENDING")))
    rows.append(Row("e6", SUBJECT, 6, "ItemFileChanged", "upload", of_item("UPLOADED")))
    rows.append(Row("f1", FILE, 1, "FileDescriptorChanged", "upload", {"status": "PENDING"}))
    rows.append(Row("f2", FILE, 2, "FileDescriptorChanged", "upload", {"status": "UPLOADED"}))
    commands = [Command(f"command {at}", "rename", "accepted", "OK") for at in range(1, EVENTS)]
    commands += [Command("lost", "rename over HTTP", "unknown", "no answer"), Command("no", "rename", "refused", "why")]
    again = [("e1", 1), ("e2", 2), ("e3", 3), ("e2", 2), ("e3", 3), ("e4", 4), ("e5", 5), ("e6", 6)]
    view = View(first=1, cursor=EVENTS, seen=[Seen(at, f"e{at}", at) for at in range(2, EVENTS + 1)])
    return Evidence(
        commands=commands,
        uploads=["f"],
        rows=rows,
        records={SUBJECT: again, FILE: [("f1", 1), ("f2", 2)]},
        handled={"notifications": {row.event_id: 1 for row in rows}, "canvases": {"f1": 1, "f2": 1}},
        fed={row.event_id: 1 for row in rows},
        cursors={SUBJECT: EVENTS, FILE: 2},
        data_keys={"o": 1},
        views={"ada": {SUBJECT: view}},
    )


def seen(*cursors: int, gaps: tuple[tuple[int, ...], ...] = ()) -> Evidence:
    view = View(
        first=1,
        cursor=cursors[-1],
        seen=[Seen(at, f"e{at}", at) for at in cursors],
        told_gaps=[Gap(*gap) for gap in gaps],
    )
    return replace(good(), views={"ada": {SUBJECT: view}})


def without_row(event_id: str) -> Evidence:
    return replace(good(), rows=[row for row in good().rows if row.event_id != event_id])


def unchanged(*instead: Row) -> Evidence:
    """The item does not learn of its file, though canvases has taken the event in."""
    rows = [*without_row("e6").rows, *instead]
    return replace(good(), rows=rows, cursors={SUBJECT: 5 + len(instead), FILE: 2})


def with_events(*rows: Row) -> Evidence:
    told = {**good().handled["notifications"], **{row.event_id: 1 for row in rows}}
    cursors = {SUBJECT: EVENTS + len(rows), FILE: 2}
    handled = {**good().handled, "notifications": told}
    return replace(good(), rows=[*good().rows, *rows], handled=handled, cursors=cursors)


def handled(module: str, event_id: str, times: int) -> Evidence:
    found = good().handled
    return replace(good(), handled={**found, module: {**found[module], event_id: times}})


def records(*versions: int) -> Evidence:
    return replace(good(), records={**good().records, SUBJECT: [(f"e{at}", at) for at in versions]})


PLANTED: list[tuple[str, Evidence]] = [
    ("accepted commands are in the outbox once", without_row("e3")),
    (
        "accepted commands are in the outbox once",
        replace(good(), rows=[*good().rows, Row("e7", SUBJECT, 7, "CanvasRenamed", "command 3", {})]),
    ),
    (
        "accepted commands are in the outbox once",
        replace(good(), rows=[*good().rows, Row("e7", SUBJECT, 7, "CanvasRenamed", "no", {})]),
    ),
    ("outbox rows are in Kafka", records(1, 2, 3, 5, 6)),
    ("order of each key", records(1, 3, 2, 4, 5, 6)),
    ("order of each key", records(1, 2, 4, 5, 6)),
    ("each effect once", handled("notifications", "e2", 0)),
    ("each effect once", handled("notifications", "f2", 0)),
    ("each effect once", handled("canvases", "f2", 0)),
    ("each effect once", unchanged()),
    ("each effect once", replace(good(), cursors={SUBJECT: EVENTS + 1, FILE: 2})),
    ("each effect once", replace(good(), fed={**good().fed, "e2": 2})),
    ("each effect once", replace(good(), data_keys={"o": 2})),
    ("each effect once", unchanged(Row("e6", SUBJECT, 6, "ItemFileChanged", "upload", of_item("PENDING")))),
    (
        "each effect once",
        with_events(replace(good().rows[EVENTS - 1], event_id="e7", version=7)),
    ),
    ("accepted files are whole", without_row("f2")),
    ("subscribers saw each event once, in order", seen(2, 3, 5, 6)),
    ("subscribers saw each event once, in order", seen(2, 3, 3, 4, 5, 6)),
    ("subscribers saw each event once, in order", seen(2, 4, 3, 5, 6)),
    ("subscribers saw each event once, in order", seen(2, 3, 4)),
    ("subscribers saw each event once, in order", replace(good(), views={"ada": {SUBJECT: View()}})),
    (
        "subscribers saw each event once, in order",
        replace(good(), rows=[replace(row, event_id="other") if row.event_id == "e3" else row for row in good().rows]),
    ),
    ("verify", replace(good(), differences=["canvas c: the events say …"])),
    ("verify", replace(good(), parked=1)),
]


def test_a_good_run_passes() -> None:
    assert {name: verdict.faults for name, verdict in judge(good()).items()} == {name: [] for name in CHECKS}


@pytest.mark.parametrize(("check", "evidence"), PLANTED)
def test_what_went_wrong_is_seen(check: str, evidence: Evidence) -> None:
    assert CHECKS[check](evidence).faults


def test_each_check_was_seen_to_fail() -> None:
    assert {name for name, _ in PLANTED} == set(CHECKS)


def long_away(*gap: int) -> Evidence:
    """Of more events than a feed holds a subscriber saw the first and the last, and was told of a gap between."""
    last = KEEP + 10
    rows = [Row(f"e{at}", SUBJECT, at, "CanvasRenamed", f"command {at}", {}) for at in range(1, last + 1)]
    view = View(1, last, [Seen(at, f"e{at}", at) for at in (2, last)], [Gap(*gap)])
    return replace(good(), rows=rows, cursors={SUBJECT: last}, views={"ada": {SUBJECT: view}})


def test_a_gap_that_the_feed_no_longer_held_and_that_was_told_is_none() -> None:
    assert CHECKS["subscribers saw each event once, in order"](long_away(2, KEEP + 9)).faults == []


@pytest.mark.parametrize(
    "evidence", [seen(2, 5, 6, gaps=((2, 4),)), seen(2, 3, gaps=((3, 6),)), seen(2, 3, 4, 5, 6, gaps=((6, 6),))]
)
def test_a_gap_of_what_the_feed_held_is_one_though_it_was_told(evidence: Evidence) -> None:
    (fault,) = CHECKS["subscribers saw each event once, in order"](evidence).faults
    assert "which the feed held" in fault


def test_a_gap_that_an_undone_attempt_left_open_is_none() -> None:
    evidence = seen(2, 5, 6, gaps=((2, 4, True),))
    assert CHECKS["subscribers saw each event once, in order"](evidence).faults == []


def test_a_seed_decides_all_choices() -> None:
    assert faults_of(7, 20) == faults_of(7, 20)
    assert faults_of(7, 20) != faults_of(8, 20)
    assert [Choices(7, 1).action(3) for _ in range(9)] == [Choices(7, 1).action(3) for _ in range(9)]
    assert [action(Choices(7, 1)) for action in [_ten] * 2] != [_ten(Choices(7, 2))] * 2


def _ten(choices: Choices) -> list[str]:
    return [choices.action(3) for _ in range(10)]


def test_each_fault_comes_before_one_comes_again() -> None:
    assert set(faults_of(1, len(FAULTS))) == set(FAULTS)


def test_each_fault_can_be_done() -> None:
    assert set(DO) == set(FAULTS)


def test_faults_are_spread_over_the_run() -> None:
    assert [moment.accepted for moment in moments(1, 600, 5)] == [100, 200, 300, 400, 500]


@pytest.mark.parametrize(("notes", "never"), [(0, "move note"), (NOTES, "place note")])
def test_notes_are_moved_where_there_are_some_and_not_too_many(notes: int, never: str) -> None:
    choices = Choices(1, 1)
    assert never not in {choices.action(notes) for _ in range(200)}


def test_an_outcome_says_of_each_check_whether_it_holds() -> None:
    happened = [Happened("kafka", "killed kafka", 3.2)]
    fine = json.loads(as_json(Outcome(Plan(1, 10, 1, 5), good(), 12.34, happened)))
    assert fine["holds"] is True
    assert fine["faults"] == [{"fault": "kafka", "what": "killed kafka", "recovered_after": 3.2}]
    assert set(fine["checks"]) == set(CHECKS)
    lost = json.loads(as_json(Outcome(Plan(1, 10, 1, 5), without_row("e3"), 12.34)))
    assert lost["holds"] is False


async def test_a_run_in_which_nothing_is_accepted_any_more_is_given_up_and_says_what_came_last() -> None:
    ledger = Ledger()
    ledger.note(Command("first", "rename", "accepted", "OK"))
    await await_accepted(ledger, 1, stalled_after=0)
    ledger.note(Command("second", "rename over HTTP", "unknown", "nobody answered"))
    with pytest.raises(TimeoutError, match=r"1 of 2 were before.*nobody answered"):
        await await_accepted(ledger, 2, stalled_after=0)
