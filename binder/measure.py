"""Until SIGTERM, add up the memory of this user's processes (PSS); then print the most that it was, and of what.

Exits with 1 where a session, which has none of what is here to run and to measure it, takes more than it may.
"""

import contextlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence

import psutil

EVERY = 0.5
MEBIBYTE = 1 << 20
ALLOWED = 1.3e9
"""Bytes: Binder gives 1 to 2 GB, and a learner's own cells need some."""
OF_THE_CHECK = ("what runs the notebooks here", "this measuring")
NAMES = {
    "kafka.Kafka": "Kafka",
    "org.apache.kafka.connect.cli.ConnectDistributed": "Connect",
    "postgres": "PostgreSQL",
    "ipykernel_launcher": "kernel",
    "jupyter-lab": "Jupyter",
    "serve": "modules",
    "up": "supervisor",
    "canvas_demo.course": "what runs the notebooks here",
    "measure.py": "this measuring",
}
"""A word of a command line, without folders, and what the process is called then; the first that is found."""


def name_of(command: Sequence[str]) -> str:
    """What a person calls the process with this command line."""
    words = {word.rpartition("/")[2].partition(":")[0] for argument in command for word in argument.split()}
    return next((name for word, name in NAMES.items() if word in words), "others")


def used() -> Counter[str]:
    """Bytes of every process of this user by what it is, pages that several share counted once."""
    parts: Counter[str] = Counter()
    for process in psutil.process_iter(["uids"]):
        with contextlib.suppress(psutil.Error):
            if process.info["uids"].real == os.getuid():
                parts[name_of(process.cmdline())] += process.memory_full_info().pss
    return parts


def of_session(parts: Mapping[str, int]) -> int:
    """Bytes that are there without the check too."""
    return sum(size for name, size in parts.items() if name not in OF_THE_CHECK)


def main() -> None:
    """Look twice a second."""
    most: Counter[str] = Counter()
    ended: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    while not ended:
        most = max(most, used(), key=of_session)
        time.sleep(EVERY)
    session = of_session(most)
    print(
        f"memory of stack, Jupyter and a notebook: {session / MEBIBYTE:.0f} MiB at most (sum of PSS), "
        f"of the {ALLOWED / MEBIBYTE:.0f} that it may take; and this check {(most.total() - session) / MEBIBYTE:.0f}"
    )
    print("of it", ", ".join(f"{name} {size / MEBIBYTE:.0f}" for name, size in most.most_common()))
    sys.exit(session > ALLOWED)


if __name__ == "__main__":
    main()
