"""What many integration tests begin with."""

from collections.abc import Iterator
from typing import Any

import pytest

import canvas_demo.lab as labs


@pytest.fixture
def lab(stack: Any) -> Iterator[labs.Lab]:
    """The lab of the shared stack, in whose background nothing may fail."""
    with labs.connect(stack.home) as lab:
        yield lab
        lab.assert_no_background_errors()
