from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setpoint.errors import LabError
from setpoint.lab.counters import MYSQL_COUNTERS, POSTGRESQL_COUNTERS, Counters, CounterSource
from setpoint.lab.mysql_client import ask_with_mysql
from setpoint.lab.trial import ask_with_psql

DEADLINE_S = 30
SOURCE = CounterSource("what?", {"blocks_read": ("missed",), "blocks_hit": ("asked", "-missed")})
counters = st.builds(Counters, **dict.fromkeys(Counters.__struct_fields__, st.integers(0, 2**63)))


def test_a_counter_is_the_sum_of_its_terms():
    assert SOURCE.read(lambda _: "asked|10\nmissed|3\nother|9") == Counters(blocks_read=3, blocks_hit=7)


def test_a_counter_that_is_not_kept_is_told_from_one_that_is():
    assert SOURCE.counts("blocks_hit")
    assert not SOURCE.counts("temp_bytes")


@pytest.mark.parametrize("answer", ["", "asked|1", "asked|1\nmissed|many", "1|2|3"])
def test_counters_that_are_missing_or_no_numbers_are_refused(answer):
    with pytest.raises(LabError, match="cannot be read"):
        SOURCE.read(lambda _: answer)


@given(counters, counters)
def test_what_was_added_and_what_was_there_make_what_is(before, after):
    added = after.since(before)
    names = Counters.__struct_fields__
    assert all(getattr(added, name) + getattr(before, name) == getattr(after, name) for name in names)


def test_a_load_without_transactions_is_no_fault():
    assert Counters(blocks_read=4).per(0).blocks_read == 4


def test_every_postgresql_tells_all_its_counters(postgresql_each):
    ask = ask_with_psql(postgresql_each.binaries, postgresql_each.client_variables)
    before = POSTGRESQL_COUNTERS.read(ask)
    ask("set work_mem = '64kB'; select count(*) from (select generate_series(1, 200000) n order by n desc) t")
    assert before.wal_bytes > 0
    # Sessions report to the statistics late, some versions after they ended.
    end = time.monotonic() + DEADLINE_S
    while (added := POSTGRESQL_COUNTERS.read(ask).since(before)).temp_files == 0:
        assert time.monotonic() < end
    assert added.temp_bytes > 0


def test_every_mariadb_and_mysql_tells_its_counters(mysql_family_each):
    ask = ask_with_mysql(mysql_family_each.binaries, mysql_family_each.connection)
    source = MYSQL_COUNTERS[mysql_family_each.binaries.kind]
    ask("create database counted; create table counted.t (n int primary key, filler char(200))")
    before = source.read(ask)
    ask("; ".join(f"insert into counted.t values ({number}, 'x')" for number in range(10)))
    added = source.read(ask).since(before)
    assert added.commits >= 10
    assert added.wal_bytes > 10 * 200
    assert added.blocks_hit >= 10
