"""The exercise of 10, changing events."""

from canvas_demo.lab.events_copy import EventsCopy
from canvas_demo.lab.exercises import Exercise

EVENT = "canvas_demo.canvases.v1.CanvasRenamed"
LINE = "string name = 2 [(canvas_demo.kernel.v1.personal) = true];"


def call_it_title() -> Exercise:
    """Give a field another name without breaking whoever reads the old one."""

    def judge(answer: object) -> str:
        match answer:
            case (str(before), str(after)):
                pass
            case _:
                return "the answer is two texts: what stands in events.proto, and what shall stand there instead."
        with EventsCopy() as copy:
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
            return "a title is a text that a person wrote: without the mark `personal` it is stored for all to read."
        return ""

    def solve() -> tuple[str, str]:
        beside = "string title = 3 [(canvas_demo.kernel.v1.personal) = true];"
        return LINE, f"{LINE}\n  {beside}"

    return Exercise(
        question=(
            "Change proto/canvas_demo/canvases/v1/events.proto so that CanvasRenamed has the canvas's name in a field "
            "`title`, and `make accept-events` accepts it. Assign (a text that stands there once, the text instead) "
            "to `answer`."
        ),
        hints=(
            f"The line to begin with is: {LINE}",
            "Nothing that was accepted may go: the new field stands beside the old one, under a number of its own.",
            "What a person wrote is marked personal, or it lies readable in every outbox, topic and backup.",
        ),
        judge=judge,
        solve=solve,
        praise=(
            "it stands beside the old field. Writers fill both for as long as somebody reads the old one, and an "
            "upcaster fills title from name in the events that were there before."
        ),
    )
