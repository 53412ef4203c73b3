"""The exercise of 00, start here."""

from canvas_demo.lab.api import Person
from canvas_demo.lab.checks import NotYet
from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.records import Record
from canvas_demo.lab.session import Lab


def rename_a_canvas(lab: Lab, person: Person, canvas: Record) -> Exercise:
    """Change something, and find the event that says so."""

    def judge(answer: object) -> str:
        events = lab.events(aggregate_id=canvas["id"], event_type="CanvasRenamed")
        if events.empty:
            return "the outbox holds no CanvasRenamed of your canvas."
        if answer not in set(events["event_id"]):
            return f"{answer!r} is not the id of a CanvasRenamed of your canvas."
        try:
            lab.kafka.record("canvas-demo.canvas", str(answer), since=events["occurred_at"].min())
        except NotYet:
            return "the event is in the outbox, but not in Kafka."
        return ""

    def solve() -> object:
        renamed = person.rename_canvas(canvas["id"], "Vegetables and herbs")
        return lab.events(correlation_id=renamed.correlation_id)["event_id"].iloc[0]

    return Exercise(
        question="Give your canvas another name, and assign the id of the event that tells of it to `answer`.",
        hints=(
            "person.rename_canvas(canvas_id, name) sends the command.",
            "Its answer has a correlation_id, as the answer to create_canvas had.",
            "lab.events(correlation_id=…) has a column event_id.",
        ),
        judge=judge,
        solve=solve,
        praise="the event is in the outbox, and in Kafka under the canvas's key.",
    )
