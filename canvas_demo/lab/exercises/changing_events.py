"""The exercise of 10, changing events."""

import secrets
from collections.abc import Callable, Mapping

from canvas_demo.lab.events_copy import EventsCopy
from canvas_demo.lab.exercises import Exercise

EVENT = "canvas_demo.canvases.v1.CanvasRenamed"
LINE = "string name = 2 [(canvas_demo.kernel.v1.personal) = true];"
LAST_YEAR = {"canvas_id": "c", "name": "Peas"}
"""A canvas that was renamed, as the outbox has it."""
Upcaster = Callable[[dict[str, str]], Mapping[str, str]]


def call_it_title() -> Exercise:
    """Give a field another name without breaking whoever reads the old one."""

    def judge(answer: object) -> str:
        match answer:
            case (str(before), str(after), upcaster) if callable(upcaster):
                with EventsCopy() as copy:
                    return _refused(copy, before, after) or _misread(copy, upcaster)
            case _:
                return (
                    "the answer is two texts and a function: what stands in events.proto, what shall stand there "
                    "instead, and what makes the new form of an old event, JSON in, JSON out."
                )

    def solve() -> tuple[str, str, Upcaster]:
        beside = "string title = 3 [(canvas_demo.kernel.v1.personal) = true];"

        def titled(old: dict[str, str]) -> dict[str, str]:
            return {**old, "title": old["name"]}

        return LINE, f"{LINE}\n  {beside}", titled

    return Exercise(
        question=(
            "Change proto/canvas_demo/canvases/v1/events.proto so that CanvasRenamed has the canvas's name in a field "
            "`title`, `make accept-events` accepts it, and a canvas that was renamed last year has its title too. "
            "Assign three things to `answer`: a text that stands in that file once, the text that shall stand there "
            "instead, and an upcaster, a function from the JSON of an old event to that of a new one."
        ),
        hints=(
            f"The line to begin with is: {LINE}",
            "Nothing that was accepted may go: the new field stands beside the old one, under a number of its own.",
            "What a person wrote is marked personal, or it lies readable in every outbox, topic and backup.",
            "The upcaster is like the one of part 3: {**old, …}. What does an old event say that is its title?",
        ),
        judge=judge,
        solve=solve,
        praise=(
            "it stands beside the old field, and events that were there before have it too. Writers fill both for as "
            "long as somebody reads the old one."
        ),
    )


def _refused(copy: EventsCopy, before: str, after: str) -> str:
    """What is wrong with the new form."""
    try:
        copy.edit("canvases", before, after)
    except ValueError as error:
        return f"{error}; it must be there once."
    done = copy.accept()
    if done.code:
        return f"that is refused: {done.text}"
    title = copy.accepted[EVENT]["fields"].get("title")
    if title is None:
        return f"that is accepted, but {EVENT} has no field title."
    if title["type"] != "string" or not title.get("personal"):
        return "a title is a text that a person wrote: without the mark `personal`, it is stored for all to read."
    return ""


def _misread(copy: EventsCopy, upcaster: Upcaster) -> str:
    """What is wrong with an old event when it is read in the new form."""
    for name in (LAST_YEAR["name"], secrets.token_hex(4)):
        before = {**LAST_YEAR, "name": name}
        stored = dict(before)
        read = copy.read("canvases", "CanvasRenamed", upcaster(stored))
        if stored != before:
            return "the upcaster has changed what was stored; it has to answer with another dictionary."
        if read["title"] != name:
            return f"a canvas that was renamed to {name!r} last year has the title {read['title']!r} now."
        if read["name"] != name:
            return f"whoever still reads `name` now reads {read['name']!r}."
    return ""
