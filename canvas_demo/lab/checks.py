"""Claims that raise where they do not hold, waiting with a deadline, and errors of background threads."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import pandas as pd

T = TypeVar("T")
Refusal = TypeVar("Refusal", bound=Exception)


class Unmet(AssertionError):
    """A claim does not hold; says which, and what was seen."""


class NotYet(AssertionError):
    """What was waited for did not come before the deadline; says what was seen last."""


class BackgroundErrors(AssertionError):
    """Threads of the lab have failed."""


def expect(holds: object, claim: str, **seen: object) -> None:
    """Print the claim where it holds; raise `Unmet` with what was ``seen`` where it does not.

    ``holds`` is a truth value, or a Series or list of them: then each must be true, and there must be
    one at least. Anything else raises TypeError: an object that merely is not empty shows nothing.
    """
    if not _all_true(holds):
        raise Unmet("\n".join([f"✗ {claim}", *(f"{name}:\n{_shown(value)}" for name, value in seen.items())]))
    print(f"✓ {claim}")


def refused(call: Callable[[], object], kind: type[Refusal]) -> Refusal:
    """The error of this kind with which a call was refused. Raises `Unmet` where it was not."""
    try:
        answer = call()
    except kind as error:
        return error
    raise Unmet(f"✗ it was not refused; it answered:\n{_shown(answer)}")


def until(look: Callable[[], T], claim: str = "it is there", timeout: float = 60.0, every: float = 0.02) -> T:
    """What ``look`` returns, once that is true, or not empty; seconds.

    Raises `NotYet` with the last thing seen.
    """
    end = time.monotonic() + timeout
    while not _is_there(seen := look()):
        if time.monotonic() > end:
            raise NotYet(f"✗ {claim}: not within {timeout:g} s; seen last:\n{_shown(seen)}")
        time.sleep(every)
    return seen


def expect_none(look: Callable[[], object], claim: str, during: float = 1.0, every: float = 0.02) -> None:
    """Print the claim where ``look`` keeps finding nothing, for so many seconds; else raise `Unmet`."""
    end = time.monotonic() + during
    while time.monotonic() < end:
        if _is_there(seen := look()):
            raise Unmet(f"✗ {claim}; seen:\n{_shown(seen)}")
        time.sleep(every)
    print(f"✓ {claim}")


def _all_true(holds: object) -> bool:
    if isinstance(holds, bool | np.bool_):
        return bool(holds)
    if isinstance(holds, pd.Series):
        holds = holds.tolist()
    if isinstance(holds, list | tuple) and all(isinstance(each, bool | np.bool_) for each in holds):
        return bool(holds) and all(holds)
    raise TypeError(f"expect takes a truth value, or a list of them, not {type(holds).__name__}")


def _is_there(seen: object) -> bool:
    return not seen.empty if isinstance(seen, pd.DataFrame | pd.Series) else bool(seen)


def _shown(value: object) -> str:
    return value.to_string() if isinstance(value, pd.DataFrame | pd.Series) else repr(value)


# --- errors of threads -------------------------------------------------------------------------------------

_errors: list[tuple[str, BaseException]] = []
_lock = threading.Lock()


@contextmanager
def collecting(where: str) -> Iterator[None]:
    """Keep an error of this block, which runs where nobody sees it raise, for `assert_no_background_errors`."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  (kept, and raised at the end of the notebook)
        with _lock:
            _errors.append((where, error))


def assert_no_background_errors() -> None:
    """Raise `BackgroundErrors` where a thread, or a widget's callback, has failed since the last call.

    An exception outside the cell that runs does not fail a notebook: its last cell has to ask.
    """
    with _lock:
        found, _errors[:] = list(_errors), []
    if found:
        raise BackgroundErrors("\n".join(f"✗ {where}: {error!r}" for where, error in found)) from found[0][1]
    print("✓ no errors in the background")
