"""What may happen to a canvas."""

import math
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from canvas_demo.contracts.canvases.v1.canvases_pb2 import ItemFile
from canvas_demo.contracts.canvases.v1.events_pb2 import (
    CanvasArchived,
    CanvasCreated,
    CanvasRenamed,
    CanvasRestored,
    ItemFileChanged,
    ItemMoved,
    ItemPlaced,
    ItemRemoved,
    ItemReordered,
    ItemResized,
    NoteEdited,
)
from canvas_demo.kernel.errors import AlreadyExists, DomainError, Invalid, NotFound, Rejected
from canvas_demo.kernel.events import event_of, payload_of
from canvas_demo.modules.canvases.domain import (
    ITEMS_LIMIT,
    LAYER_LIMIT,
    ArchiveCanvas,
    ChangeFile,
    CreateCanvas,
    EditNote,
    File,
    MoveItem,
    PlaceItem,
    RemoveItem,
    RenameCanvas,
    ReorderItem,
    ResizeItem,
    RestoreCanvas,
    decide,
    evolve,
    message_of,
)
from canvas_demo.modules.canvases.store import CANVAS
from tests.unit.given_when_then import given

PENDING = File("PENDING", "plan.pdf", "application/pdf", 0, 1)
UPLOADED = File("UPLOADED", "plan.pdf", "application/pdf", 1234, 2)
DELETED = File("DELETED", "plan.pdf", "application/pdf", 1234, 3)

created = CanvasCreated(canvas_id="c", organization_id="o", name="Plan", created_by="u")
renamed = CanvasRenamed(canvas_id="c", name="Garden")
archived = CanvasArchived(canvas_id="c")
placed = ItemPlaced(
    canvas_id="c",
    item_id="i",
    kind="FILE",
    file_id="f",
    x=1,
    y=2,
    file=ItemFile(status="PENDING", name="plan.pdf", media_type="application/pdf", version=1),
)


def test_a_canvas_is_created_with_its_name_trimmed() -> None:
    given(CANVAS).when(CreateCanvas("c", "o", "  Plan ", "u")).then(created)


def test_a_canvas_is_created_once() -> None:
    given(CANVAS, created).when(CreateCanvas("c", "o", "Plan", "u")).raises(AlreadyExists)


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\x00b", "a\nb", "\ud800"])
def test_a_name_that_is_none_is_refused_and_the_field_named(name: str) -> None:
    error = given(CANVAS).when(CreateCanvas("c", "o", name, "u")).raises(Invalid)
    assert error.value.metadata == {"field": "name"}  # type: ignore[attr-defined]


def test_a_name_may_hold_any_script_and_200_characters() -> None:
    name = "カンバス🎨 é" + "x" * 190
    given(CANVAS, created).when(RenameCanvas("c", name)).then(CanvasRenamed(canvas_id="c", name=name))


def test_renaming_to_the_same_name_changes_nothing() -> None:
    given(CANVAS, created, renamed).when(RenameCanvas("c", "Garden")).then()


def test_what_does_not_exist_is_not_renamed() -> None:
    given(CANVAS).when(RenameCanvas("c", "Garden")).raises(NotFound)


def test_an_archived_canvas_takes_no_changes_but_may_be_archived_again() -> None:
    given(CANVAS, created, archived).when(RenameCanvas("c", "Garden")).raises(Rejected)
    given(CANVAS, created, archived).when(ArchiveCanvas("c")).then()


def test_an_item_is_placed_with_what_is_known_of_its_file() -> None:
    given(CANVAS, created).when(PlaceItem("c", "i", "f", 1, 2, PENDING)).then(placed)


def test_an_item_is_placed_once() -> None:
    given(CANVAS, created, placed).when(PlaceItem("c", "i", "f", 1, 2, PENDING)).raises(AlreadyExists)


def test_a_canvas_has_room_for_so_many_items() -> None:
    items = [ItemPlaced(canvas_id="c", item_id=str(number), kind="NOTE", text="x") for number in range(ITEMS_LIMIT)]
    assert given(CANVAS, created, *items[1:]).when(PlaceItem("c", "i", "f", 1, 2, PENDING)).decide()
    given(CANVAS, created, *items).when(PlaceItem("c", "i", "f", 1, 2, PENDING)).raises(Rejected)


@pytest.mark.parametrize("x", [math.nan, math.inf, -math.inf, 1e10])
def test_an_item_lies_at_a_place_that_exists(x: float) -> None:
    error = given(CANVAS, created, placed).when(MoveItem("c", "i", x, 0)).raises(Invalid)
    assert error.value.metadata == {"field": "x"}  # type: ignore[attr-defined]


def test_an_item_moves_and_moving_it_nowhere_changes_nothing() -> None:
    moved = ItemMoved(canvas_id="c", item_id="i", x=3, y=4)
    given(CANVAS, created, placed).when(MoveItem("c", "i", 3, 4)).then(moved)
    given(CANVAS, created, placed, moved).when(MoveItem("c", "i", 3, 4)).then()


def test_an_item_is_removed_once() -> None:
    removed = ItemRemoved(canvas_id="c", item_id="i")
    given(CANVAS, created, placed).when(RemoveItem("c", "i")).then(removed)
    given(CANVAS, created, placed, removed).when(RemoveItem("c", "i")).raises(NotFound)


def test_an_uploaded_file_changes_each_item_that_names_it() -> None:
    other = ItemPlaced(canvas_id="c", item_id="j", kind="FILE", file_id="another", file=placed.file)
    changed = ItemFileChanged(
        canvas_id="c",
        item_id="i",
        file_id="f",
        file=ItemFile(status="UPLOADED", name="plan.pdf", media_type="application/pdf", size=1234, version=2),
    )
    given(CANVAS, created, placed, other).when(ChangeFile("c", "f", UPLOADED)).then(changed)
    given(CANVAS, created, placed, other, changed).when(ChangeFile("c", "f", UPLOADED)).then()


def test_what_is_heard_late_of_a_file_changes_nothing() -> None:
    uploaded = ItemPlaced(canvas_id="c", item_id="i", kind="FILE", file_id="f", file=message_of(UPLOADED))
    given(CANVAS, created, uploaded).when(ChangeFile("c", "f", PENDING)).then()


def test_an_item_of_before_files_told_their_version_takes_whatever_is_heard() -> None:
    old = ItemPlaced(canvas_id="c", item_id="i", kind="FILE", file_id="f", file=ItemFile(status="PENDING"))
    (changed,) = given(CANVAS, created, old).when(ChangeFile("c", "f", UPLOADED)).decide()
    assert changed.file == message_of(UPLOADED)  # type: ignore[attr-defined]


def test_a_deleted_file_takes_its_items_along_even_from_an_archived_canvas() -> None:
    removed = ItemRemoved(canvas_id="c", item_id="i")
    given(CANVAS, created, placed, archived).when(ChangeFile("c", "f", DELETED)).then(removed)


def test_an_archived_canvas_comes_back_once() -> None:
    given(CANVAS, created, archived).when(RestoreCanvas("c")).then(CanvasRestored(canvas_id="c"))
    given(CANVAS, created).when(RestoreCanvas("c")).then()


note = ItemPlaced(canvas_id="c", item_id="n", kind="NOTE", text="Buy seeds\nand soil", layer=1)


def test_a_note_is_placed_before_what_lies_there() -> None:
    given(CANVAS, created, placed).when(PlaceItem("c", "n", "", 0, 0, None, "Buy seeds\nand soil")).then(note)


def test_what_is_placed_where_no_higher_layer_is_left_has_the_others_make_room_in_their_order() -> None:
    top = ItemReordered(canvas_id="c", item_id="i", layer=LAYER_LIMIT)
    asked = given(CANVAS, created, placed, note, top).when(PlaceItem("c", "o", "", 0, 0, None, "Last"))
    asked.then(
        ItemReordered(canvas_id="c", item_id="n", layer=0),
        ItemReordered(canvas_id="c", item_id="i", layer=1),
        ItemPlaced(canvas_id="c", item_id="o", kind="NOTE", text="Last", layer=2),
    )


def test_an_item_is_either_a_file_or_a_note() -> None:
    error = given(CANVAS, created).when(PlaceItem("c", "i", "f", 1, 2, PENDING, "Both")).raises(Invalid)
    assert error.value.metadata == {"field": "text"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", ["", " \n", "x" * 10_001, "a\x00b"])
def test_a_note_says_something(text: str) -> None:
    error = given(CANVAS, created).when(PlaceItem("c", "n", "", 0, 0, None, text)).raises(Invalid)
    assert error.value.metadata == {"field": "text"}  # type: ignore[attr-defined]


def test_a_note_is_edited_and_a_file_is_not() -> None:
    edited = NoteEdited(canvas_id="c", item_id="n", text="Done")
    given(CANVAS, created, placed, note).when(EditNote("c", "n", "Done")).then(edited)
    given(CANVAS, created, placed, note, edited).when(EditNote("c", "n", "Done")).then()
    given(CANVAS, created, placed).when(EditNote("c", "i", "Done")).raises(Invalid)


def test_an_item_is_resized_to_a_size_that_exists() -> None:
    resized = ItemResized(canvas_id="c", item_id="i", width=10, height=20)
    given(CANVAS, created, placed).when(ResizeItem("c", "i", 10, 20)).then(resized)
    given(CANVAS, created, placed, resized).when(ResizeItem("c", "i", 10, 20)).then()
    given(CANVAS, created, placed).when(ResizeItem("c", "i", 10, -1)).raises(Invalid)


def test_an_item_is_laid_behind_others() -> None:
    reordered = ItemReordered(canvas_id="c", item_id="n", layer=-1)
    given(CANVAS, created, placed, note).when(ReorderItem("c", "n", -1)).then(reordered)
    given(CANVAS, created, placed, note, reordered).when(ReorderItem("c", "n", -1)).then()
    given(CANVAS, created, placed, note).when(ReorderItem("c", "n", 1_000_001)).raises(Invalid)


ids = st.sampled_from(["i", "j", "k"])
numbers = st.floats()
commands = st.one_of(
    st.builds(CreateCanvas, st.just("c"), st.just("o"), st.text(), st.just("u")),
    st.builds(RenameCanvas, st.just("c"), st.text()),
    st.builds(ArchiveCanvas, st.just("c")),
    st.builds(RestoreCanvas, st.just("c")),
    st.builds(PlaceItem, st.just("c"), ids, ids, numbers, numbers, st.sampled_from([PENDING, UPLOADED])),
    st.builds(PlaceItem, st.just("c"), ids, st.just(""), numbers, numbers, st.none(), st.text()),
    st.builds(ResizeItem, st.just("c"), ids, numbers, numbers),
    st.builds(ReorderItem, st.just("c"), ids, st.integers(-5, 5)),
    st.builds(EditNote, st.just("c"), ids, st.text()),
    st.builds(MoveItem, st.just("c"), ids, numbers, numbers),
    st.builds(ChangeFile, st.just("c"), ids, st.sampled_from([PENDING, UPLOADED, DELETED])),
    st.builds(RemoveItem, st.just("c"), ids),
)


@for_all(st.lists(commands, max_size=30))
def test_whatever_is_asked_the_stored_events_fold_to_the_same_state(asked: list[Any]) -> None:
    """Every command is refused or leads to events; their JSON, read again, folds to the same canvas."""
    state, events = None, []
    for command in [CreateCanvas("c", "o", "Plan", "u"), *asked]:
        try:
            decided = decide(state, command)
        except DomainError:
            continue
        events += decided
        for event in decided:
            state = evolve(state, event)
    stored = [event_of(type(event), payload_of(event)) for event in events]
    assert CANVAS.fold(stored) == state


def test_an_event_of_a_later_version_is_read_without_its_new_fields() -> None:
    payload = {**payload_of(renamed), "colour": str(uuid4())}
    assert event_of(CanvasRenamed, payload) == renamed
