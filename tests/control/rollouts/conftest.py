"""Fleets for tests of rollouts."""

from __future__ import annotations

import pytest
from tests.control.rollouts.fleet import Fleet


@pytest.fixture
def make_fleet(tmp_path):
    made = []

    def make(count=8, **named):
        names = named.pop("names", [f"i{number}" for number in range(count)])
        made.append(Fleet(tmp_path, names, **named))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()
