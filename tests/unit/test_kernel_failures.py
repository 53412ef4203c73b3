"""How long is waited between attempts."""

import pytest

from canvas_demo.kernel.failures import backoff

FIRST, LAST = 0.1, 10.0


@pytest.mark.parametrize(
    ("attempt", "most"), [(0, 0.1), (1, 0.2), (2, 0.4), (6, 6.4), (7, LAST), (31, LAST), (10**6, LAST)]
)
def test_each_wait_is_up_to_twice_as_long_as_the_one_before_with_jitter_of_a_half(attempt: int, most: float) -> None:
    waits = [backoff(attempt, FIRST, LAST) for _ in range(200)]
    assert most / 2 <= min(waits) < max(waits) <= most
    assert len(set(waits)) > 100, "those who failed together do not come back together"
