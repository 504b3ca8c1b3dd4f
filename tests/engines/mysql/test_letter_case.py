"""Words whose case a server makes its own mean the same in any case; names of files and schemas do not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engines.mysql.answers import answer, seen, variable

from setpoint.config.drift import DriftClass, judge


def told(engine, name, value, wanted, data_type="string"):
    version = "9.7.4" if engine == "mysql" else "11.8.9"
    row = variable(name, value, data_type=data_type, low=None, high=None, source="SQL")
    observation, catalog = seen(answer(row), engine=engine, version=version)
    return judge(name, wanted, observation.settings[name], catalog).drift_class


@given(bits=st.lists(st.booleans(), min_size=6, max_size=6), engine=st.sampled_from(["mysql", "mariadb"]))
def test_an_engine_in_any_case_is_the_one_that_runs(bits, engine):
    word = "".join(c.upper() if up else c.lower() for c, up in zip("memory", bits, strict=True))
    assert told(engine, "default_storage_engine", "MEMORY", word) is DriftClass.IN_SYNC


@pytest.mark.parametrize(
    ("engine", "name", "value", "wanted", "data_type"),
    [
        ("mariadb", "collation_server", "latin1_bin", "LATIN1_BIN", "enum"),
        ("mysql", "collation_server", "latin1_bin", "LATIN1_BIN", "string"),
        ("mariadb", "lc_messages", "de_DE", "de_de", "enum"),
        ("mariadb", "enforce_storage_engine", "InnoDB", "INNODB", "string"),
        ("mysql", "time_zone", "SYSTEM", "system", "string"),
        ("mysql", "innodb_flush_method", "O_DIRECT", "o_direct", "string"),
    ],
)
def test_a_word_in_another_case_is_no_drift(engine, name, value, wanted, data_type):
    assert told(engine, name, value, wanted, data_type) is DriftClass.IN_SYNC


@pytest.mark.parametrize(
    ("engine", "name"), [("mariadb", "slow_query_log_file"), ("mysql", "ssl_ca"), ("mariadb", "init_connect")]
)
def test_a_text_that_the_server_keeps_as_it_is_written_drifts_with_its_case(engine, name):
    assert told(engine, name, "a", "A") is DriftClass.DRIFTED


def test_another_word_is_drift_in_any_case():
    assert told("mariadb", "default_storage_engine", "MEMORY", "aria") is DriftClass.DRIFTED
