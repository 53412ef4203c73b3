"""Until SIGINT, add up the memory of all of this user's processes (PSS); then print the most that it was."""

import contextlib
import os
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
    most = 0.0
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            most = max(most, used())
            time.sleep(EVERY)
    print(f"memory of stack, Jupyter and a notebook: {most:.0f} MiB at most (sum of PSS)")


if __name__ == "__main__":
    main()
