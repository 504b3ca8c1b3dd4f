"""Rights follow from roles, roles from grants, and grants end at their scope."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from setpoint.config.configuration import Instance
from setpoint.policy.person import RIGHTS, Delegation, Grant, Principal, Right, Role
from setpoint.policy.selector import Selector

TEST = Instance(engine="postgresql", environment="test")
LIVE = Instance(engine="postgresql", environment="production")
ON_TEST = Selector(environments=("test",))


def principal(*grants: Grant, **more) -> Principal:
    return Principal(name="lin", account="local:lin@here", grants=grants, **more)


def test_a_right_ends_at_the_scope_of_its_grant():
    lin = principal(Grant(role=Role.OPERATOR, scope=ON_TEST), Grant(role=Role.VIEWER))
    assert lin.may(Right.APPLY, "a", TEST)
    assert not lin.may(Right.APPLY, "a", LIVE)
    assert lin.may(Right.OBSERVE, "a", LIVE)
    assert lin.roles("a", TEST) == {Role.OPERATOR, Role.VIEWER}
    assert lin.roles("a", LIVE) == {Role.VIEWER}


def test_what_no_instance_bounds_takes_a_grant_without_bounds():
    assert not principal(Grant(role=Role.POLICY_OWNER, scope=ON_TEST)).may_everywhere(Right.EDIT_POLICY)
    assert principal(Grant(role=Role.POLICY_OWNER)).may_everywhere(Right.EDIT_POLICY)


def test_who_has_no_grant_may_nothing_and_the_single_user_everything():
    nobody, alone = principal(), principal(is_single_user=True)
    for right in Right:
        assert not nobody.may(right, "a", TEST)
        assert not nobody.may_everywhere(right)
        assert alone.may(right, "a", TEST)
        assert alone.may_everywhere(right)


@pytest.mark.parametrize(
    ("right", "roles"),
    [
        (Right.APPROVE, {Role.APPROVER, Role.POLICY_OWNER}),
        (Right.APPLY, {Role.OPERATOR, Role.EMERGENCY}),
        (Right.EDIT, {Role.OPERATOR}),
        (Right.BREAK_GLASS, {Role.EMERGENCY}),
        (Right.EDIT_POLICY, {Role.POLICY_OWNER}),
        (Right.MANAGE_PEOPLE, {Role.ADMINISTRATOR}),
    ],
)
def test_who_holds_what(right, roles):
    assert {role for role, rights in RIGHTS.items() if right in rights} == roles


def test_every_role_may_look_and_every_right_is_somebodys():
    assert all(Right.OBSERVE in rights for rights in RIGHTS.values())
    assert {right for rights in RIGHTS.values() for right in rights} == set(Right)


def test_a_grant_is_written_for_people():
    assert str(Grant(role=Role.POLICY_OWNER, scope=ON_TEST)) == "policy owner on environment=test"


def test_a_delegation_ends_at_its_end_or_when_it_is_ended():
    def at(day: int) -> datetime:
        return datetime(2026, 6, day, tzinfo=UTC)

    lent = Delegation(id="d", giver="mo", to="lin", starts_at=at(2), ends_at=at(5))
    assert [lent.is_in_force(at(day)) for day in (1, 2, 4, 5)] == [False, True, True, False]
    ended = Delegation(id="d", giver="mo", to="lin", starts_at=at(2), ends_at=at(5), ended_at=at(3))
    assert [ended.is_in_force(at(day)) for day in (2, 3)] == [True, False]
    later = Delegation(id="d", giver="mo", to="lin", starts_at=at(2), ends_at=at(5), ended_at=at(9))
    assert not later.is_in_force(at(6))
