"""Policy on a real server: what is locked, moved behind our back, approved, and put right."""

from __future__ import annotations

import pytest
from tests.control.town import found
from tests.live.mysql.scene import agent_command, by_hand, running

from setpoint import Setpoint
from setpoint.config.configuration import Instance
from setpoint.errors import RefusedError
from setpoint.policy.starters import starter_text

NAME, RIGHT, WRONG = "innodb_flush_log_at_trx_commit", "1", "2"
POLICY = f"""
policy: safety
approvals: {{durability: 1}}
locks:
  - {{id: crash, parameters: [{NAME}], value: 1, why: data survives a crash}}
  - {{id: careful, classes: [durability], outcome: ask}}
"""
PART = "instance:db"


@pytest.fixture
def server(mysql_family_each):
    yield mysql_family_each
    by_hand(mysql_family_each, f"SET GLOBAL {NAME} = {RIGHT}")


@pytest.fixture
def town(server, tmp_path):
    with Setpoint.create(tmp_path / "store.db", actor="lin") as opened:
        instance = Instance(
            engine=server.binaries.kind, target=server.dsn, agent_command=agent_command(server)
        )
        opened.add_instance("db", instance, reason="first")
        opened.governance.put_policy("safety", POLICY, reason="begins")
        yield found(opened)


def test_a_locked_parameter_moved_by_hand_is_an_incident_and_put_right_only_by_policy(town, server):
    town.lin.observe("db")
    assert town.lin.governance.incidents() == ()
    by_hand(server, f"SET GLOBAL {NAME} = {WRONG}")
    town.vic.observe("db")
    incident = {each.parameter: each for each in town.lin.governance.incidents("db")}[NAME]
    assert (incident.after, incident.rules) == (WRONG, ("safety/careful", "safety/crash"))
    assert "while running" in incident.origin
    assert town.reads("incident.found")

    town.lin.change_settings(PART, {NAME: RIGHT}, reason="put it right")
    made = town.lin.plan("db").plan
    with pytest.raises(RefusedError, match="durability: 1 of approver"):
        town.lin.apply(made)
    assert running(server, NAME) == WRONG
    change = town.lin.governance.propose(made.hash, reason="put it right")
    town.mara.governance.approve(change.id)
    town.lin.apply(made)
    assert running(server, NAME) == RIGHT
    town.lin.observe("db")
    assert town.lin.governance.incidents() == ()
    assert town.lin.verify_audit().is_intact


def test_what_must_be_so_is_not_even_written_down_otherwise(town):
    town.lin.observe("db")
    with pytest.raises(RefusedError, match=rf"{NAME}: must be 1.*data survives a crash"):
        town.lin.change_settings(PART, {NAME: WRONG}, reason="faster")


def test_the_safety_policy_that_is_shipped_holds_as_servers_come_and_sees_what_does_not(server, tmp_path):
    name = "mysql-safety"
    with Setpoint.create(tmp_path / "store.db", actor="lin") as setpoint:
        setpoint.add_instance("db", Instance(engine=server.binaries.kind, target=server.dsn), reason="first")
        setpoint.governance.put_policy(name, starter_text(name), reason="where we start")

        def broken() -> set[str]:
            setpoint.observe("db")
            judged = setpoint.governance.limits("db").judged
            return {each.name for each in judged if each.answer.holds is False}

        assert broken() == set()
        by_hand(server, f"SET GLOBAL {NAME} = {WRONG}")
        assert broken() == {f"{name}/commits-last"}
        with pytest.raises(RefusedError, match="crash-safety"):
            setpoint.change_settings(PART, {"innodb_doublewrite": "OFF"}, reason="faster")
