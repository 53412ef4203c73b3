"""The exercise of 06, modules over gRPC."""

from typing import Any

from canvas_demo.lab.api import Person
from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.records import Record
from canvas_demo.lab.session import Lab


def put_a_note(lab: Lab, person: Person, canvas: Record) -> Exercise:
    """Find a method by reflection, and call it in one's own name."""

    def notes() -> dict[str, Any]:
        items = lab.grpc.call("canvases", "GetCanvas", {"canvas_id": canvas["id"]}, person.token).get("items", [])
        return {item["id"]: item.get("text", "") for item in items if not item.get("file_id")}

    def judge(answer: object) -> str:
        found = notes()
        if not found:
            return "no note lies on the canvas."
        if answer not in found:
            return f"{answer!r} is the id of no note on the canvas."
        return "" if found[str(answer)] == "Water daily" else f"that note says {found[str(answer)]!r}."

    def solve() -> object:
        request = {"canvas_id": canvas["id"], "text": "Water daily", "x": 10, "y": 20}
        answered = lab.grpc.call("canvases", "PlaceItem", request, person.token)
        return answered["items"][-1]["id"]

    return Exercise(
        question=(
            "Put a note that says 'Water daily' on the canvas, in your own name; its module can do it. "
            "Assign the id of the item to `answer`."
        ),
        hints=(
            "lab.grpc.methods() lists what canvases can do; a note is an item that has no file.",
            "lab.grpc.fields('PlaceItemRequest') says what it takes.",
            "The answer is the canvas; its items have an id and a text.",
        ),
        judge=judge,
        solve=solve,
        praise="whoever asks, and by whichever way: the module checked your token itself.",
    )
