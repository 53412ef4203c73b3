"""The exercise of 08, the journey of an event."""

from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.records import Record
from canvas_demo.lab.session import Lab


def find_the_cause(lab: Lab, upload: Record) -> Exercise:
    """Follow a causation id to its event."""

    def solve() -> object:
        events = lab.events(correlation_id=upload.correlation_id)
        return events.loc[events["event_type"] == "ItemFileChanged", "causation_id"].iloc[0]

    def judge(answer: object) -> str:
        events = lab.events(correlation_id=upload.correlation_id)
        changed = events[events["event_type"] == "ItemFileChanged"]
        if answer in set(changed["event_id"]):
            return "that is the ItemFileChanged itself; which event led to it?"
        if answer == upload.correlation_id:
            return "that is the conversation that all these events belong to; which event led to it?"
        return "" if answer in set(changed["causation_id"]) else f"{answer!r} did not lead to the ItemFileChanged."

    return Exercise(
        question=(
            "Soon after ItemPlaced, an ItemFileChanged follows, which nobody sent a command for. Assign the id of the "
            "event that led to it to `answer`."
        ),
        hints=(
            "All events of the upload share its correlation id: lab.events(correlation_id=upload.correlation_id).",
            "Each event says in causation_id what led to it.",
            "Look at causation_id in the row whose event_type is ItemFileChanged.",
        ),
        judge=judge,
        solve=solve,
        praise="the module files published it, and the module canvases reacted.",
    )
