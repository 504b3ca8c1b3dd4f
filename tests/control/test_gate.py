"""The gate: every refusal leaves one row, and a clock that runs behind opens nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.control.conftest import PART
from tests.control.town import found

from setpoint.control import gate
from setpoint.errors import InputError, NotPermittedError, RefusedError, UnreachableError
from setpoint.policy.person import Right


@pytest.fixture
def town(setpoint):
    return found(setpoint)


def refusals(town) -> list[dict]:
    return town.reads("gate.refused")


def edit(front, value: str = "8MB") -> None:
    front.change_settings(PART, {"sort_memory": value}, reason="a reason")


def test_what_is_refused_is_told_once_however_many_rooms_it_passes(town):
    context = town.lin._context
    with (
        pytest.raises(RefusedError),
        gate.witnessed(context, Right.EDIT, "shop"),
        gate.witnessed(context, Right.EDIT, "shop"),
    ):
        raise RefusedError("no")
    (told,) = refusals(town)
    assert (told["because"], told["right"]) == ("no", Right.EDIT.value)


def test_what_was_noted_inside_a_transaction_is_told_again_outside(town):
    context = town.lin._context
    with pytest.raises(RefusedError), gate.witnessed(context, Right.EDIT), context.store.transaction():
        gate.refuse(context, gate.authenticate(context, Right.EDIT), Right.EDIT, "shop", "no")
    assert [each["because"] for each in refusals(town)] == ["no"]


def test_what_only_could_not_be_reached_is_no_refusal_and_neither_is_a_look_that_fails(town):
    context = town.lin._context
    with pytest.raises(UnreachableError), gate.witnessed(context, Right.OBSERVE):
        raise UnreachableError("down")
    with pytest.raises(InputError), gate.witnessed(context, Right.OBSERVE):
        raise InputError("what?")
    assert not refusals(town)


def test_bad_input_to_what_writes_is_told(town):
    with pytest.raises(InputError):
        town.lin.import_fleet("setpoint: 1\nfleet: &a {}\n", "f.yaml", reason="look")
    assert "anchor" in refusals(town)[-1]["because"]


def test_nobody_acts_from_a_host_whose_clock_is_behind(town):
    town.clock.pass_by(hours=2)
    edit(town.lin)
    town.clock.pass_by(hours=-2)
    for front in (town.lin, town.emil):
        with pytest.raises(NotPermittedError, match="is behind the audit log") as told:
            edit(front, "9MB")
        assert "put the clock right" in told.value.next_step
    assert len(refusals(town)) == 2
    town.clock.pass_by(hours=2)
    edit(town.lin, "9MB")


def test_hosts_whose_clocks_differ_a_little_share_a_store(town):
    town.clock.pass_by(minutes=4)
    edit(town.lin)
    town.clock.pass_by(minutes=-4)
    edit(town.lin, "9MB")


def test_walking_back_in_small_steps_leads_nowhere(town):
    town.clock.pass_by(hours=2)
    edit(town.lin)
    town.clock.pass_by(minutes=-4)
    edit(town.lin, "9MB")
    town.clock.pass_by(minutes=-4)
    with pytest.raises(NotPermittedError, match="is behind the audit log"):
        edit(town.lin, "10MB")


def test_refusals_hold_nobody_up_whatever_their_clock_said(town):
    """Whoever has no token could have a row of any time written."""
    town.clock.pass_by(days=900)
    with pytest.raises(NotPermittedError, match="no token"):
        edit(town.front(""))
    town.clock.pass_by(days=-900)
    edit(town.lin)


def test_refusals_hide_no_time(town):
    town.clock.pass_by(hours=2)
    edit(town.lin)
    for _ in range(40):
        with pytest.raises(NotPermittedError):
            edit(town.front(""))
    town.clock.pass_by(hours=-2)
    with pytest.raises(NotPermittedError, match="is behind the audit log"):
        edit(town.lin, "9MB")


def test_an_administrator_brings_a_log_that_ran_ahead_back(town):
    town.clock.pass_by(days=9)
    edit(town.lin)
    town.clock.pass_by(days=-9)
    with pytest.raises(NotPermittedError, match="is behind"):
        edit(town.lin, "9MB")
    town.lin.governance.people.issue_token("vic", lasts=timedelta(days=1), reason="a clock ran ahead")
    edit(town.lin, "9MB")


def test_a_token_that_expired_by_the_logs_time_brings_nothing_back(town):
    town.clock.pass_by(days=29)
    fresh = town.lin.governance.people.issue_token("lin", lasts=timedelta(days=30), reason="another").text
    town.clock.pass_by(days=2)
    edit(town.front(fresh))
    town.clock.pass_by(days=-3)
    with pytest.raises(NotPermittedError, match="expired"):
        town.lin.governance.people.issue_token("vic", lasts=timedelta(days=1), reason="me again")
