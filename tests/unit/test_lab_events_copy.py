"""A copy of the events' contract, to change and to have checked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import canvas_demo.lab as labs

ACCEPTED = Path(__file__).parents[2] / "proto" / "accepted.json"
RENAMED = "canvas_demo.canvases.v1.CanvasRenamed"


@pytest.fixture
def copy() -> Iterator[labs.EventsCopy]:
    with labs.EventsCopy() as copy:
        yield copy


def test_a_change_that_breaks_readers_is_refused_in_the_copy_alone(copy: labs.EventsCopy) -> None:
    before = ACCEPTED.read_text()
    copy.edit("canvases", "string name = 2 [", "string title = 2 [")
    for refused in (copy.check(), copy.accept()):
        assert refused.code == 1
        assert refused.text.startswith(f"{RENAMED}.name became title.")
    assert "name" in copy.accepted[RENAMED]["fields"]
    read = copy.read("canvases", "CanvasRenamed", {"canvas_id": "c", "name": "Peas"})
    assert read == {"canvas_id": "c", "title": ""}
    assert ACCEPTED.read_text() == before


def test_a_change_that_breaks_nobody_is_accepted_and_may_not_be_taken_back(copy: labs.EventsCopy) -> None:
    copy.edit("canvases", "message CanvasRenamed {", "message CanvasRenamed {\n  string reason = 3;")
    assert copy.accept().code == 0
    assert copy.accepted[RENAMED]["fields"]["reason"] == {"number": 3, "type": "string"}
    copy.edit("canvases", "\n  string reason = 3;", "")
    assert copy.check().code == 1


def test_what_does_not_compile_is_refused_with_the_compilers_words(copy: labs.EventsCopy) -> None:
    copy.edit("canvases", "string name = 2 [", "strnig name = 2 [")
    refused = copy.check()
    assert refused.code
    assert "strnig" in refused.text


@pytest.mark.parametrize("text", ["string nothing = 2;", "string canvas_id = 1;"])
def test_a_text_that_is_not_there_once_is_not_replaced(copy: labs.EventsCopy, text: str) -> None:
    with pytest.raises(ValueError, match="times in proto/canvas_demo/canvases"):
        copy.edit("canvases", text, "")


def test_the_definition_of_an_event_is_what_its_file_says_of_it(copy: labs.EventsCopy) -> None:
    copy.edit("canvases", "string name = 2 [", "string title = 2 [")
    lines = copy.definition("canvases", "CanvasRenamed").splitlines()
    assert [lines[0], lines[-1]] == ["message CanvasRenamed {", "}"]
    assert "string title" in lines[2]
    with pytest.raises(ValueError, match="no message CanvasRe in"):
        copy.definition("canvases", "CanvasRe")
