"""The exercise of 02, events are the truth."""

import numpy as np

from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.streams import Stream


def furthest_right(stream: Stream, item_id: str) -> Exercise:
    """Find a moment of the past that no table holds."""

    def solve() -> object:
        moves = [event for event in stream.events.to_dict("records") if event["payload"].get("item_id") == item_id]
        placed = [event for event in moves if "x" in event["payload"]]
        return max(placed, key=lambda event: event["payload"]["x"])["aggregate_version"]

    def judge(answer: object) -> str:
        if not isinstance(answer, int | np.integer) or not 1 <= answer <= stream.version:
            return f"{answer!r} is no version of this canvas; they go from 1 to {stream.version}."
        x = next((item["x"] for item in stream.at(int(answer))["items"] if item["id"] == item_id), None)
        furthest = max(event["payload"].get("x", 0) for event in stream.events.to_dict("records"))
        if x is None:
            return f"at version {answer} the note was not on the canvas."
        return "" if x == furthest else f"at version {answer} it lay at x = {x:g}; it has been further right than that."

    return Exercise(
        question="Assign the version of the canvas at which the note lay furthest to the right to `answer`.",
        hints=(
            "stream.at(version)['items'] are the items as they were at a version.",
            "stream.versions() has a row a version, with its state.",
            "The payload of ItemPlaced and ItemMoved has x.",
        ),
        judge=judge,
        solve=solve,
        praise="no table keeps that; the events do.",
    )
