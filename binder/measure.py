"""Until SIGTERM, add up the memory of this user's processes (PSS); then print the most that it was, and of what."""

import contextlib
import os
import signal
import time
from collections import Counter

import psutil

EVERY = 0.5
MEBIBYTE = 1 << 20
WORDS = {
    "kafka.Kafka": "Kafka",
    "ConnectDistributed": "Connect",
    "postgres": "PostgreSQL",
    "ipykernel": "kernel",
    "serve": "modules",
    "up": "supervisor",
    "jupyter": "Jupyter",
}
"""What stands in a command line, and what the process is called then; the first that is found."""


def name_of(process: psutil.Process) -> str:
    """What a person calls it."""
    words = " ".join(process.cmdline()).replace("/", " ").replace(":", " ").split()
    return next((name for word, name in WORDS.items() if any(each.endswith(word) for each in words)), "others")


def used() -> Counter[str]:
    """MiB of every process of this user by what it is, pages that several share counted once."""
    parts: Counter[str] = Counter()
    for process in psutil.process_iter(["uids"]):
        with contextlib.suppress(psutil.Error):
            if process.info["uids"].real == os.getuid():
                parts[name_of(process)] += round(process.memory_full_info().pss / MEBIBYTE)
    return parts


def main() -> None:
    """Look twice a second."""
    most: Counter[str] = Counter()
    ended: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    while not ended:
        most = max(most, used(), key=Counter.total)
        time.sleep(EVERY)
    print(f"memory of stack, Jupyter and a notebook: {most.total()} MiB at most (sum of PSS)")
    print("of it", ", ".join(f"{name} {size}" for name, size in most.most_common()))


if __name__ == "__main__":
    main()
