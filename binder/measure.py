"""Until SIGTERM, add up the memory of all of this user's processes (PSS); then print the most that it was."""

import contextlib
import os
import signal
import time

import psutil

EVERY = 0.5
MEBIBYTE = 1 << 20


def used() -> float:
    """MiB of every process of this user, pages that several share counted once."""
    total = 0
    for process in psutil.process_iter(["uids"]):
        with contextlib.suppress(psutil.Error):
            if process.info["uids"].real == os.getuid():
                total += process.memory_full_info().pss
    return total / MEBIBYTE


def main() -> None:
    """Look twice a second."""
    most, ended = 0.0, []
    signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
    while not ended:
        most = max(most, used())
        time.sleep(EVERY)
    print(f"memory of stack, Jupyter and a notebook: {most:.0f} MiB at most (sum of PSS)")


if __name__ == "__main__":
    main()
