"""What a server takes for itself, against what the memory budget says it may."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.live.mysql.scene import by_hand, target_of

from setpoint.config.budget import compile_claims, judge, typed_values
from setpoint.engines.registry import get_engine
from setpoint.engines.session import observe

pytestmark = pytest.mark.live
MB = 2**20
SMALL = "innodb_buffer_pool_size = 8M\ninnodb_log_buffer_size = 2M\nkey_buffer_size = 64K\n"
OF_SESSIONS = ("sessions", "temporary tables")


@pytest.fixture
def start(mysql_family_each, start_mariadb, start_mysql):
    """Start a server whose buffers are so small that what it takes besides is seen."""
    binaries = mysql_family_each.binaries
    is_mariadb = binaries.kind == "mariadb"
    conf = f"[mysqld]\n{SMALL}" + ("aria_pagecache_buffer_size = 1M\n" if is_mariadb else "")
    launch = start_mariadb if is_mariadb else start_mysql
    return lambda more: launch(".".join(map(str, binaries.series)), conf=conf + more)


def private_bytes(server) -> int:
    ((pid_file,),) = by_hand(server, "SELECT @@GLOBAL.pid_file")
    status = Path(f"/proc/{int(Path(pid_file).read_text())}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(line.split()[1]) * 1024


def claimed(server) -> dict[str, int]:
    engine = get_engine(server.binaries.kind)
    with closing(engine.connect(target_of(server, has_agent=False), is_read_only=True)) as driver:
        observation, catalog = observe(engine, driver, "db", at=datetime.now(UTC))
    values = typed_values({name: each.value for name, each in observation.settings.items()}, catalog)
    verdict = judge(compile_claims(engine.claims(), catalog), values, observation.facts)
    assert [each.label for each in verdict.claims if each.bytes is None] == []
    return {each.label: each.bytes or 0 for each in verdict.claims}


def test_an_idle_server_takes_what_is_claimed_for_it_at_most(start):
    plain, watched = start("performance_schema = OFF\n"), start("performance_schema = ON\n")
    taken, claims = {}, {}
    for name, server in (("plain", plain), ("watched", watched)):
        told = claimed(server)
        taken[name] = private_bytes(server)
        claims[name] = sum(amount for label, amount in told.items() if label not in OF_SESSIONS)
        assert taken[name] <= claims[name], (told, taken[name] / MB)
    told = claims["watched"] - claims["plain"]
    assert taken["watched"] - taken["plain"] == pytest.approx(told, rel=0.15)
