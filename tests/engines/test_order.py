"""Who of a replication group goes first, by each engine's own account."""

from __future__ import annotations

import pytest

from setpoint.engines.registry import get_engine


@pytest.mark.parametrize(
    "parameter",
    [
        "max_connections",
        "MAX_WORKER_PROCESSES",
        "max_wal_senders",
        "max_prepared_transactions",
        "max_locks_per_transaction",
    ],
)
def test_what_a_standby_must_not_have_less_of_is_raised_there_first(parameter):
    engine = get_engine("postgresql")
    assert engine.order(parameter, is_growing=True) == "standbys first"
    assert engine.order(parameter, is_growing=False) == "primary first"


@pytest.mark.parametrize("engine", ["postgresql", "simulated"])
def test_what_no_replay_depends_on_has_no_order(engine):
    for is_growing in (True, False):
        assert get_engine(engine).order("work_mem", is_growing=is_growing) == "any"
