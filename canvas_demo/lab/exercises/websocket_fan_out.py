"""The exercise of 07, websocket fan-out."""

from canvas_demo.lab.api import Person
from canvas_demo.lab.checks import NotYet, until
from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.session import Lab
from canvas_demo.lab.sockets import Socket

RENAMES = 5
HAD = 2
SECONDS = 60.0
FEED = "SELECT cursor, event_id::text FROM notifications.feed WHERE subject = %s ORDER BY cursor"


def come_back(lab: Lab, person: Person) -> Exercise:
    """Be a client that was away, and get exactly what it missed."""
    canvas = person.create_canvas("Meadow")
    subject = f"canvas/{canvas['id']}"
    for number in range(RENAMES):
        person.rename_canvas(canvas["id"], f"Meadow {number}")
    feed = until(lambda: rows if len(rows := lab.sql(FEED, [subject])) > RENAMES else [], "the feed is there", SECONDS)
    missed = [cursor for cursor in feed["cursor"] if cursor > HAD]

    def judge(answer: object) -> str:
        if not isinstance(answer, Socket):
            return "the answer is the open websocket itself."
        frames = answer.frames[answer.frames["subject"] == subject]
        if "subscribed" not in frames["type"].tolist():
            return "it is not subscribed to that canvas."
        got = frames[frames["type"] == "event"]["cursor"].tolist()
        if not got:
            return "it was sent no event; without a cursor, only what happens from now on is sent."
        return "" if got == missed else f"it was sent the cursors {got}; after {HAD}, these were missed: {missed}."

    def solve() -> object:
        def back_again() -> Socket | None:
            socket = lab.websocket(person, "back again", host=1)
            try:
                socket.subscribe(subject, after=HAD)
                socket.event(feed["event_id"].iloc[-1])
            except NotYet:  # closed meanwhile: a client comes back as often as it has to
                return None
            return socket

        return until(back_again, "it was sent what it had missed", SECONDS)

    return Exercise(
        question=(
            f"A client has seen the events of {subject} up to cursor {HAD}, and was then away for some renames. Come "
            "back as that client, on whichever host you like, and assign the open websocket to `answer` when it has "
            "everything."
        ),
        hints=(
            "lab.websocket(ada, 'back again', host=1) opens one on the second host.",
            "socket.subscribe(subject, after=…) says what it has already.",
            "Wait for the last of them: socket.until(lambda frame: …), or look at socket.frames.",
        ),
        judge=judge,
        solve=solve,
        praise="it got what it had missed, in order, from a host that had never seen it before.",
    )
