"""Until SIGTERM, add up the memory of this user's processes (PSS); then print the most that it was, and of what."""

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence

import psutil

EVERY = 0.5
MEBIBYTE = 1 << 20
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


def main() -> None:
    """Look twice a second."""
    most: Counter[str] = Counter()
    ended: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    while not ended:
        most = max(most, used(), key=Counter.total)
        time.sleep(EVERY)
    print(f"memory of stack, Jupyter and a notebook: {most.total() / MEBIBYTE:.0f} MiB at most (sum of PSS)")
    print("of it", ", ".join(f"{name} {size / MEBIBYTE:.0f}" for name, size in most.most_common()))


if __name__ == "__main__":
    main()
