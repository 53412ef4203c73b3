"""The exercise of 12, how fast, how far."""

import numpy as np

from canvas_demo.lab.exercises import Exercise
from canvas_demo.lab.slots import SlotHistory

TOLERANCE = 5.0
"""How many times too long or too short an answer may be: what is measured is a slope among few points."""


def time_until_full(history: SlotHistory, room_bytes: int) -> Exercise:
    """Read the rate at which an unread slot gathers log, and what it means for a disk."""

    def solve() -> object:
        seen = history.frame
        kept, behind = (seen[name].astype("int64") for name in ("retained_bytes", "lag_bytes"))
        top = (kept - kept.cummin()).idxmax()  # where the largest rise ends
        low = kept.loc[:top].idxmin()
        back = behind.loc[low + 1 : top].idxmax()  # where the reader came back
        rate = (kept[back] - kept[low]) / (seen["at"][back] - seen["at"][low]).total_seconds()
        return room_bytes / rate

    def judge(answer: object) -> str:
        if not isinstance(answer, int | float | np.number) or answer <= 0:
            return "the answer is a number of seconds."
        right = float(str(solve()))
        if right / TOLERANCE <= answer <= right * TOLERANCE:
            return ""
        return f"{float(answer):g} s is too {'long' if answer > right else 'short'} at the rate that the history shows."

    return Exercise(
        question=(
            f"There is room for {room_bytes:,} bytes of log. By `history.frame`, at the rate at which the slot took on "
            "log while its reader was paused, in how many seconds is it full? Assign them to `answer`."
        ),
        hints=(
            "history.frame has a column at, and a column retained_bytes.",
            "Its reader came back where lag_bytes was highest; retained_bytes stays for a while after that.",
            "From the lowest value before that to there: bytes gathered, divided by the seconds in between.",
            "room_bytes divided by that rate.",
        ),
        judge=judge,
        solve=solve,
        praise="so much time has whoever is to notice that the reader is gone.",
    )
