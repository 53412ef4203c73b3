"""The exercise of 05, consumers."""

import secrets
import uuid

import pandas as pd

from canvas_demo.lab.api import Person
from canvas_demo.lab.checks import until
from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.session import Lab

TOPIC = "canvas-demo.canvas"
SECONDS = 60.0
HANDLED = "SELECT event_id::text FROM notifications.feed WHERE event_id = %s::uuid"


def let_it_through(lab: Lab, person: Person) -> Exercise:
    """A record that is no event has been parked, and a rename behind it; have the rename arrive.

    What is parked still when the lab is closed is dropped then: it would be found by whoever counts what is parked.
    """
    canvas = person.create_canvas("Hemlock")
    created = lab.events(aggregate_id=canvas["id"]).iloc[0]
    sound = lab.kafka.record(TOPIC, created["event_id"], since=created["occurred_at"])
    lab.repeat(sound, f"{{ no JSON {secrets.token_hex(4)}", event_id=str(uuid.uuid4()))
    renamed = person.rename_canvas(canvas["id"], "Water hemlock")
    behind = str(lab.events(correlation_id=renamed.correlation_id)["event_id"].iloc[0])

    def parked() -> pd.DataFrame:
        found = lab.parked()
        return found[found["key"] == canvas["id"]]

    both = until(lambda: found if len(found := parked()) == 2 else pd.DataFrame(), "both are parked", SECONDS)

    def judge(answer: object) -> str:
        if answer not in set(both["name"]):
            return f"{answer!r} is the name of no record of this canvas that was parked."
        if answer not in set(both["head"]):
            return "that one waits behind another; it is the other that is broken."
        if answer in set(parked()["name"]):
            return "it is parked still."
        return "" if len(lab.sql(HANDLED, [behind])) == 1 else "the rename behind it has not been handled."

    def solve() -> object:
        name = parked()["head"].iloc[0]  # the other waits behind this one
        lab.command("parked", "drop", name, "--yes")
        until(lambda: lab.sql(HANDLED, [behind]), "the rename has been handled", SECONDS)
        return name

    def leave_nothing_parked() -> None:
        if both["head"].iloc[0] in set(parked()["name"]):
            solve()

    lab.on_close(leave_nothing_parked)
    return Exercise(
        question=(
            f"A record of the canvas {canvas['id']} has been parked that is no event at all, and behind it the event "
            "that the canvas was renamed. No retry will help the first. Have the second handled, and assign the name "
            "of the record that stood in its way to `answer`."
        ),
        hints=(
            "lab.parked() lists what is parked; head says behind which record another waits.",
            "lab.command('parked', 'retry', name) shows that trying again does not help. Read the reason.",
            "lab.command('parked', 'drop', name, '--yes') discards a record for good; those behind it go on.",
        ),
        judge=judge,
        solve=solve,
        praise="the broken record is gone, by decision of a person, and the rename has arrived.",
    )
