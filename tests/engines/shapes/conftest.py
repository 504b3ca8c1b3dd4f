from __future__ import annotations

import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def count_steps() -> Callable[[Callable[[], object]], int]:
    """Count the lines of Python that a call runs: its work, whatever the machine does beside."""

    def count(call: Callable[[], object]) -> int:
        steps = 0

        def step(frame, event, argument):
            nonlocal steps
            steps += event == "line"
            return step

        before = sys.gettrace()
        sys.settrace(step)
        try:
            call()
        finally:
            sys.settrace(before)
        return steps

    return count
