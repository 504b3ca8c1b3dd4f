"""Seeded random sequences of faults on real servers: none may break a law. The whole run is a benchmark."""

from __future__ import annotations

import pytest
from tests.chaos.sequence import Result, play_all, slots
from tests.fix_postgresql import MAJORS

SEEDS = range(50)
SLOTS = 10


@pytest.fixture(scope="module")
def played(tmp_path_factory, _launch) -> dict[int, Result]:
    found: dict[int, Result] = {}
    with slots(_launch, tmp_path_factory.mktemp("slots"), list(MAJORS), SLOTS) as chosen:
        play_all(chosen, list(SEEDS), lambda result: found.update({result.seed: result}))
    return found


@pytest.mark.live
@pytest.mark.parametrize("seed", SEEDS)
def test_no_law_is_broken(played, seed):
    result = played[seed]
    assert not result.violations, "\n".join([f"seed {seed}", *result.violations, *result.story])


@pytest.mark.live
def test_most_sequences_have_an_override_to_end(played):
    """Laws that nothing came near would be no proof."""
    assert sum(result.reached for result in played.values()) >= len(SEEDS) / 2
