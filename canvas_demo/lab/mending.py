"""How what a killed lab has left is undone, kind by kind; each may have been undone in part, or not even been done."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from canvas_demo.lab import bugs, scratch
from canvas_demo.lab.faults import thaw
from canvas_demo.lab.leftovers import Note, undo_of_the_dead

if TYPE_CHECKING:
    from canvas_demo.lab.clients import Clients
    from canvas_demo.lab.session import Lab


class Kind(NamedTuple):
    """Of what is left: what undoes it, given a lab and what the note says, and that in words."""

    undo: Callable[..., object]
    said: str


def mend(lab: "Clients", kinds: Collection[str]) -> None:
    """Undo what killed labs have left on the stack of ``lab``, and say so. What can't be undone is kept for later."""
    undo_of_the_dead(lab.leftovers.folder, partial(_undo, lab), kinds)


def _undo(lab: "Clients", note: Note) -> bool:
    kind = KINDS[note.kind]
    said = kind.said.format(**note.what)
    try:
        kind.undo(lab, **note.what)
    except Exception as error:  # noqa: BLE001  (said, and kept: a stack that is broken can be connected to)
        print(f"A lab that was killed could not {said}, nor can this one ({error}). The next connect() tries again.")
        return False
    print(f"A lab that was killed could not {said}: done now.")
    return True


def _mend_bug(lab: "Lab", name: str, canvas_id: str) -> None:
    bugs.mend(lab.database, name)
    parked = lab.parked()
    for head in set(parked.loc[parked["key"] == canvas_id, "head"]):
        lab.command("parked", "retry", head)


URGENT: Mapping[str, Kind] = {
    "broken": Kind(lambda lab, name: lab.faults.mend_one(name), "start or resume {name}"),
    "frozen": Kind(lambda _lab, pid, began: thaw(pid, began), "let process {pid} go on, which it had frozen"),
    "settings": Kind(
        lambda lab, before: lab.connect_rest.change("outbox", **before), "set the connector back to {before}"
    ),
}
"""What has to be undone before anybody else has their turn, and by whoever has it: what they break may be the same."""
KINDS: Mapping[str, Kind] = {
    **URGENT,
    "connector": Kind(lambda lab, number: lab.connector_lab.remove(number), "remove its connector {number}"),
    "bug": Kind(_mend_bug, "take away its bug about canvas {canvas_id}"),
    "scratch": Kind(lambda lab, schema: scratch.drop_schema(lab.database, schema), "drop its schema {schema}"),
    "topic": Kind(lambda lab, name: lab.kafka.delete_topics(name), "delete its topic {name}"),
}
OTHERS = KINDS.keys() - URGENT.keys()
