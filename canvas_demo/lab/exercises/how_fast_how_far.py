"""The exercise of 12, how fast, how far."""

from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.slots import SlotHistory

TOLERANCE = 2.0
"""How many times too long or too short an answer may be: what is measured is a slope among few points."""


def time_until_full(history: SlotHistory, room_bytes: int) -> Exercise:
    """Read the rate at which an unread slot gathers log, and what it means for a disk."""

    def solve() -> object:
        seen = history.frame
        seen = seen.loc[: seen["retained_bytes"].astype("int64").idxmax()]
        first, last = seen.loc[seen["retained_bytes"].astype("int64").idxmin()], seen.iloc[-1]
        gathered = last["retained_bytes"] - first["retained_bytes"]
        rate = gathered / (last["at"] - first["at"]).total_seconds()
        return room_bytes / rate

    def judge(answer: object) -> str:
        if not isinstance(answer, int | float) or answer <= 0:
            return "the answer is a number of seconds."
        right = float(str(solve()))
        if right / TOLERANCE <= answer <= right * TOLERANCE:
            return ""
        return f"{answer:g} s is too {'long' if answer > right else 'short'} at the rate that the history shows."

    return Exercise(
        question=(
            f"There is room for {room_bytes:,} bytes of log. By `history.frame`, at the rate at which the slot took on "
            "log while its reader was paused, in how many seconds is it full? Assign them to `answer`."
        ),
        hints=(
            "history.frame has a column at, and a column retained_bytes.",
            "Between the lowest value before the peak and the peak: bytes gathered, divided by the seconds in between.",
            "room_bytes divided by that rate.",
        ),
        judge=judge,
        solve=solve,
        praise="so much time has whoever is to notice that the reader is gone.",
    )
