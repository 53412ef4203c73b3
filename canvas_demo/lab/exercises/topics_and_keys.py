"""The exercise of 04, topics, keys, partitions."""

from collections.abc import Sequence

from canvas_demo.lab.api import Person
from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.partitions import partition_of
from canvas_demo.lab.session import Lab

TOPIC = "canvas-demo.canvas"


def share_a_partition(lab: Lab, person: Person) -> Exercise:
    """Find two canvases whose events lie in one partition, though they have different keys."""

    def judge(answer: object) -> str:
        if not isinstance(answer, Sequence) or isinstance(answer, str) or len(set(answer)) != 2:
            return "the answer is the ids of two different canvases, in a list."
        found = []
        for id_ in answer:
            events = lab.events(aggregate_id=str(id_), event_type="CanvasCreated")
            if events.empty:
                return f"there is no canvas {id_!r}."
            event = events.iloc[0]
            record = lab.kafka.record(TOPIC, event["event_id"], since=event["occurred_at"])
            found.append(record.partition)
        return "" if found[0] == found[1] else f"their events lie in partitions {found[0]} and {found[1]}."

    def solve() -> object:
        seen: dict[int, str] = {}
        for number in range(7):  # six partitions: of seven canvases, two share one
            id_ = person.create_canvas(f"Pigeon {number}")["id"]
            other = seen.setdefault(partition_of(id_, 6), id_)
            if other != id_:
                return [other, id_]
        raise AssertionError("seven keys lie in seven of six partitions")

    return Exercise(
        question=(
            "Create canvases until two of them share a partition, and assign their two ids, in a list, to `answer`."
        ),
        hints=(
            "partition_of(canvas_id, 6) tells where a canvas's events lie.",
            "There are six partitions. Seven canvases can't all lie apart.",
            "Keep a dictionary from partition to canvas id, and stop when a partition is there already.",
        ),
        judge=judge,
        solve=solve,
        praise="two keys, one partition: their events lie in one order, though nobody asked for it.",
    )
