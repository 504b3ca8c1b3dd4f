"""Which of the counters tells how many transactions were committed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.mysql.answers import answer, seen, variable

HANDLED = {"handler_commit": "4000", "handler_prepare": "4000", "handler_rollback": "600"}


def commits(told, status=None, engine="mysql"):
    body = json.loads(answer(variable("max_connections", "151"), status=status or HANDLED))
    version = "9.7.4" if engine == "mysql" else "10.11.19"
    metrics = seen(json.dumps({**body, "transactions": told}), engine=engine, version=version)[0].metrics
    return metrics.get("txn.commit")


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"ended": 1000, "rollbacks": 0}, 1000),
        ({"ended": 1000, "rollbacks": 100}, 900),
        ({"ended": 1000, "rollbacks": 5000}, 400),
        ({"ended": 1, "rollbacks": 5000}, 0),
        ({"committed": 1000}, 1000),
        ({"ended": None, "rollbacks": 7}, 2000),
        ({}, 2000),
    ],
)
def test_what_counts_transactions_goes_before_what_counts_statements(told, wanted):
    assert commits(told) == wanted


def test_what_no_counter_tells_is_absent():
    assert commits({}, status={"uptime": "7"}) is None


@given(alone=st.integers(0, 10**6), together=st.integers(0, 10**6), has_log=st.booleans())
def test_a_binary_log_changes_nothing(alone, together, has_log):
    handled = alone + together
    status = {
        "handler_commit": str(handled * (2 if has_log else 1)),
        "handler_prepare": str(handled * (2 if has_log else 0)),
    }
    assert commits({}, status=status) == handled
