"""Policy on a real server: what is locked, moved behind our back, approved, and put right."""

from __future__ import annotations

from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from tests.control.town import found

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.errors import RefusedError

pytestmark = pytest.mark.live

POLICY = """
policy: safety
approvals: {durability: 1}
locks:
  - {id: crash, parameters: [fsync], value: on, why: data survives a crash}
  - {id: careful, classes: [durability], outcome: ask}
"""
PART = "instance:db"


@pytest.fixture
def town(postgresql_each, tmp_path):
    with Setpoint.create(tmp_path / "store.db", actor="lin") as opened:
        opened.add_instance("db", Instance(engine="postgresql", target=postgresql_each.dsn), reason="first")
        opened.governance.put_policy("safety", POLICY, reason="begins")
        yield found(opened)


def by_hand(server, statement: LiteralString) -> None:
    """Do what a person with a login would, and wait until it is loaded."""
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        loaded = connection.execute("SELECT pg_conf_load_time()").fetchone()
        connection.execute(sql.SQL(statement))
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SELECT pg_conf_load_time() FROM pg_sleep(0.01)").fetchone() == loaded:
            pass


def shown(server, name: str) -> str:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        return connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()[0]


def test_a_locked_parameter_moved_by_hand_is_an_incident_and_put_right_only_by_policy(town, postgresql_each):
    town.lin.observe("db")
    assert town.lin.governance.incidents() == ()
    by_hand(postgresql_each, "ALTER SYSTEM SET fsync = off")
    town.vic.observe("db")
    found_ones = {each.parameter: each for each in town.lin.governance.incidents("db")}
    incident = found_ones["fsync"]
    assert (incident.after, incident.rules) == ("off", ("safety/careful", "safety/crash"))
    assert "persisted" in incident.origin or "auto.conf" in incident.origin
    assert town.reads("incident.found")

    town.lin.change_settings(PART, {"fsync": "on"}, reason="put it right")
    made = town.lin.plan("db").plan
    with pytest.raises(RefusedError, match="durability: 1 of approver"):
        town.lin.apply(made)
    assert shown(postgresql_each, "fsync") == "off"
    change = town.lin.governance.propose(made.hash, reason="put it right")
    town.mara.governance.approve(change.id)
    town.lin.apply(made)
    assert shown(postgresql_each, "fsync") == "on"
    town.lin.observe("db")
    assert town.lin.governance.incidents() == ()
    assert town.lin.verify_audit().is_intact


def test_what_must_be_so_is_not_even_written_down_otherwise(town):
    town.lin.observe("db")
    with pytest.raises(RefusedError, match=r"fsync: must be on.*data survives a crash"):
        town.lin.change_settings(PART, {"fsync": "off"}, reason="faster")
