"""A password inside a setting stays on the server: not in an observation, a plan, or the store."""

from __future__ import annotations

import sqlite3

import pytest

from setpoint.config.configuration import Instance
from setpoint.control.permit import Permit
from setpoint.errors import InputErrors
from setpoint.faces.api import Setpoint
from setpoint.policy.person import Principal, Right

SECRET = "hunter2-never-seen"


@pytest.fixture
def setpoint(postgresql_each, tmp_path):
    with Setpoint.create(tmp_path / "store.db", actor="lin") as opened:
        instance = Instance(engine="postgresql", target=postgresql_each.dsn)
        opened.add_instance("db", instance, reason="first")
        yield opened


def run(setpoint, *statements):
    from setpoint.engines.plan import Request

    instance = setpoint.configuration().instance("db")
    permit = Permit(Principal(name="lin", account=""), Right.APPLY)
    with setpoint._context.connected("db", instance, permit) as driver:
        for statement in statements:
            driver.run(Request(text=statement, is_read_only=False))


def test_a_password_in_a_setting_is_masked_everywhere(setpoint, tmp_path):
    text = f"host=10.0.0.9 password=''{SECRET}'' application_name=one"
    run(
        setpoint,
        f"ALTER SYSTEM SET primary_conninfo = '{text}'",
        f"ALTER ROLE postgres SET app.api_key = '{SECRET}'",
        "SELECT pg_reload_conf()",
    )
    try:
        observation, _ = setpoint.observe("db")
        shown = str(observation)
        assert SECRET not in shown
        assert "application_name=one" in shown
        setpoint.change_settings("instance:db", {"primary_conninfo": "host=10.0.0.1"}, reason="move")
        planned = setpoint.plan("db")
        assert [blocked.parameter for blocked in planned.plan.blocked] == ["primary_conninfo"]
        setpoint.close()
        dump = "\n".join(sqlite3.connect(tmp_path / "store.db").iterdump())
        assert SECRET not in dump
    finally:
        run_again = Setpoint.open(tmp_path / "store.db", actor="lin")
        run(
            run_again,
            "ALTER SYSTEM RESET primary_conninfo",
            "ALTER ROLE postgres RESET app.api_key",
            "SELECT pg_reload_conf()",
        )
        run_again.close()


def test_a_password_in_a_desired_setting_is_refused(setpoint):
    with pytest.raises(InputErrors, match="primary_conninfo") as caught:
        setpoint.change_settings(
            "instance:db", {"primary_conninfo": f"host=a password={SECRET}"}, reason="quick"
        )
    assert SECRET not in str(caught.value)
